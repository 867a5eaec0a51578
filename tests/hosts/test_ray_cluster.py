"""Ray before a run begins: its package, its address, a cluster that does not answer, a stop."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from job.errors import HubUnavailable, SettingsError
from job.hosts.ray_cluster import PACKAGE, connected, require_ray
from job.settings.fields import DataSettings
from job.settings.sources import Source
from tests.conftest import PROJECT, clean_environment, make_rows, metrics_of, small_run, start_job, write_rows

WITHOUT_RAY = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *others):
        return None if name == "ray" else self.finder.find_spec(name, *others)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from job.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("words", ["run", "plan"])
def test_where_ray_is_not_installed_the_start_ends_with_64_and_says_what_to_install(words: str, tmp_path: Path) -> None:
    variables = {"FINETUNE_DATA_ENGINE": "ray", "FINETUNE_OUTPUT_DIR": str(tmp_path / "out")}
    command = [sys.executable, "-c", WITHOUT_RAY, words, "--env-file", "env/quickstart.env"]
    done = subprocess.run(command, cwd=PROJECT, env=clean_environment(variables), capture_output=True, text=True)
    assert done.returncode == 64, done.stderr
    assert (
        f"FINETUNE_DATA_ENGINE: ray is not installed; install it (pip install '{PACKAGE}') or write processes"
        in done.stderr
    )
    assert not (tmp_path / "out" / "clean").exists()


@pytest.mark.light
def test_what_to_install_is_the_extra() -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert extras["ray"] == [PACKAGE]


@pytest.mark.light
@pytest.mark.parametrize("address", ["head", "head:", "ray://head:10001", "http://head:8265", ":6379", "head:65536"])
def test_an_address_that_no_node_can_join_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.hosts.ray_cluster.find_spec", lambda name: object())
    data = DataSettings(sources=(Source.parse("quickstart"),), engine="ray")
    for good in ("", "auto", "local", "head:6379", " 192.0.2.7:6379", "[2001:db8::7]:6379"):
        monkeypatch.setenv("RAY_ADDRESS", good)
        require_ray(data)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(SettingsError, match=f"RAY_ADDRESS: '{address}' is not the host:port of a cluster's head"):
        require_ray(data)
    require_ray(data.model_copy(update={"engine": "processes"}))


@pytest.mark.light
def test_a_cluster_that_does_not_answer_is_exit_76_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with (
        pytest.raises(HubUnavailable, match=f"at 127.0.0.1:{port} cannot be reached: Connection refused") as caught,
        connected(1),
    ):
        pass
    assert "correct RAY_ADDRESS" in caught.value.remedy


BEGIN = """
from job.errors import JobError
from job.hosts.ray_cluster import connected
try:
    with connected(1):
        print("begun")
except JobError as error:
    print(error.exit_code, error, error.remedy)
"""


@pytest.mark.slow
def test_what_ray_itself_refuses_is_exit_68_in_its_words(tmp_path: Path) -> None:
    """Here the sockets' paths, which would be too long. In a process of its own, since Ray is imported for good."""
    if find_spec("ray") is None:
        pytest.skip("`pip install '.[ray]'` brings it")
    folder = tmp_path / "long" / ("x" * 80)
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", BEGIN]
    done = subprocess.run(
        command, cwd=PROJECT, env=clean_environment({"TMPDIR": str(folder)}), capture_output=True, text=True
    )
    assert done.stdout.startswith("68 Ray does not begin: "), done.stderr
    assert "AF_UNIX path length cannot exceed 107 bytes" in done.stdout
    assert "TMPDIR" in done.stdout
    assert [*folder.iterdir()] == []


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Ray's sockets lie below it: a path of pytest's is too long for them."""
    folder = Path(tempfile.mkdtemp(prefix="t-"))
    yield folder
    shutil.rmtree(folder)


def running_in(folder: Path) -> list[str]:
    """The command lines of processes that name it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(path.read_bytes().replace(b"\0", b" ").decode())
    return [line for line in found if f"{folder}/" in line]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["beginning", "cleaning"])
def test_a_stop_ends_the_run_and_the_cluster_that_began_with_it(
    moment: str, base: Path, tmp_path: Path, temporary: Path
) -> None:
    """Ray puts a handler of its own in the place of the job's."""
    if find_spec("ray") is None:
        pytest.skip("`pip install '.[ray]'` brings it")
    rows, output = write_rows(tmp_path / "rows.jsonl", make_rows(20_000)), tmp_path / "output"
    child = start_job(small_run(base, rows, output, DATA_ENGINE="ray", STAGES="clean") | {"TMPDIR": str(temporary)})
    try:
        if moment == "cleaning":
            assert any("engine=ray" in line for line in iter(child.stdout.readline, ""))
        while not running_in(temporary):
            assert child.poll() is None, child.stderr.read()
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        said, failed = child.communicate(timeout=60)
        assert child.returncode == 75, said + failed
        assert time.monotonic() - began < 20
    finally:
        child.kill()
    assert metrics_of(output)["status"] == "stopped"
    assert running_in(temporary) == []
    assert [*temporary.iterdir()] == []
