"""What libraries find in their variables, and what this process may use."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from job.errors import HostUnfit, SettingsError
from job.hosts import libraries
from job.hosts.libraries import (
    SILENT,
    do_not_wait_for_the_hub,
    gpu_wanted,
    prepare_cuda,
    prepare_libraries,
    require_way_to_hub,
    require_working_folder,
    usable_cpus,
)
from job.settings.fields import DataSettings, ModelSettings, Settings

pytestmark = pytest.mark.light

OURS = (
    *("HF_HUB_OFFLINE", "HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY"),
    *("TOKENIZERS_PARALLELISM", "BITSANDBYTES_NOWELCOME", "CUDA_VISIBLE_DEVICES", "PYTORCH_ALLOC_CONF"),
    "TORCHDYNAMO_DISABLE",
    "SSL_CERT_FILE",
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
)


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is set before, and all are as they were afterwards."""
    for name in OURS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def settings(source: str) -> Settings:
    data = DataSettings.model_validate({"sources": source})
    return Settings(data=data, model=ModelSettings(base="quickstart"))


def test_a_run_that_needs_no_hub_stays_off_the_network() -> None:
    prepare_libraries(settings("quickstart"))
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"
    for name in ("HF_HUB_DISABLE_TELEMETRY", "BITSANDBYTES_NOWELCOME", "TORCHDYNAMO_DISABLE"):
        assert os.environ[name] == "1"
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert os.environ["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"


def test_no_library_sees_what_a_launcher_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    prepare_libraries(settings("quickstart"))
    assert not {"RANK", "WORLD_SIZE"} & set(os.environ)


def test_a_run_with_rows_on_the_hub_reaches_it() -> None:
    prepare_libraries(settings("owner/rows"))
    assert "HF_HUB_OFFLINE" not in os.environ
    assert "HF_HUB_DISABLE_XET" not in os.environ


def test_another_endpoint_is_used_without_xet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example/")
    prepare_libraries(settings("owner/rows"))
    assert os.environ["HF_HUB_DISABLE_XET"] == "1"


def test_the_hub_itself_is_no_other_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://huggingface.co/")
    prepare_libraries(settings("owner/rows"))
    assert "HF_HUB_DISABLE_XET" not in os.environ


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "backend:native")
    prepare_libraries(settings("quickstart"))
    assert (os.environ["HF_HUB_OFFLINE"], os.environ["PYTORCH_ALLOC_CONF"]) == ("0", "backend:native")


@pytest.mark.parametrize(
    ("given", "devices", "seen"),
    [
        (None, "auto", "0"),
        ("", "auto", ""),
        ("", 2, ""),
        ("2", "auto", "2"),
        ("1,0", "auto", "1,0"),
        (" GPU-5a, GPU-6b", "auto", "GPU-5a,GPU-6b"),
        ("3,1,2", 1, "3"),
        ("3,1,2", 2, "3,1"),
        ("3,1", 4, "3,1"),
    ],
)
def test_the_gpus_of_the_job_are_visible_with_its_own_as_the_first(
    given: str | None, devices: int | str, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that there are stay known, whatever the setting is: it may ask for more."""
    monkeypatch.setattr(libraries, "CARDS", [])
    monkeypatch.setattr("job.hosts.cards.driver_count", lambda: 0)
    environ = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    prepare_cuda(environ, devices)
    assert environ["CUDA_VISIBLE_DEVICES"] == seen
    assert len(libraries.CARDS) == (given or "").count(",") + bool(given)


def test_without_the_variable_they_are_those_that_the_driver_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "CARDS", [])
    monkeypatch.setattr("job.hosts.cards.driver_count", lambda: 2)
    environ: dict[str, str] = {}
    prepare_cuda(environ)
    assert environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_an_empty_list_of_gpus_means_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu_wanted()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not gpu_wanted()


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ("", ("huggingface.co", 443)),
        ("https://hub.example/api", ("hub.example", 443)),
        ("http://hub.example", ("hub.example", 80)),
        ("http://hub.example:8080", ("hub.example", 8080)),
    ],
)
def test_the_hub_is_tried_at_the_port_of_its_address(
    endpoint: str, place: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[tuple[str, int], float]] = []

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append((address, timeout))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    do_not_wait_for_the_hub()
    assert tried == [(place, 2)]
    SILENT.clear()


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
        do_not_wait_for_the_hub()
        assert "HF_HUB_OFFLINE" not in os.environ
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        with monkeypatch.context() as behind_a_proxy:  # which reaches what we cannot
            behind_a_proxy.setenv(name, "http://proxy.example")
            do_not_wait_for_the_hub()
            assert "HF_HUB_OFFLINE" not in os.environ, name
    with monkeypatch.context() as forbidden:
        forbidden.setenv("HF_HUB_OFFLINE", "on")
        do_not_wait_for_the_hub()
        assert SILENT == [], "the user's own wish stays that"
    do_not_wait_for_the_hub()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert "".join(SILENT) == f"127.0.0.1, port {port}: Connection refused"
    SILENT.clear()


@pytest.mark.parametrize(
    ("files", "usable"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "6400000 100000\n"}, 8),
        ({"cpu.cfs_quota_us": "300000\n", "cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu.max": "what\n"}, 8),
        ({}, 8),
    ],
)
def test_a_containers_limit_of_cpu_time_counts(
    files: dict[str, str], usable: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a node with 8 CPUs. Nothing else shows it: cleaning would start a process for each."""
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(libraries, "QUOTAS", (tmp_path / "cpu.max", tmp_path / "cpu.cfs_quota_us"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert usable_cpus() == usable


def test_cpus_that_this_process_may_not_use_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "QUOTAS", ())
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_cpus() == len(before)


@pytest.mark.parametrize(("counted", "usable"), [(3, 3), (None, 1)])
def test_a_system_without_affinity_counts_its_cpus(
    counted: int | None, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    monkeypatch.setattr(libraries, "QUOTAS", ())
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cpus() == usable


@pytest.mark.parametrize(
    ("name", "scheme"), [("ALL_PROXY", "socks5"), ("https_proxy", "socks5h"), ("ALL_PROXY", "SOCKS5")]
)
def test_a_socks_proxy_without_its_package_is_refused_where_the_hub_is_used(
    name: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"{scheme}://user:correct-horse@proxy:1080")
    monkeypatch.setattr(libraries, "find_spec", lambda package: None)
    require_way_to_hub(settings("quickstart"))
    with pytest.raises(SettingsError) as caught:
        require_way_to_hub(settings("owner/rows"))
    assert caught.value.problems == (
        f"{name}: a SOCKS proxy needs the package socksio (`pip install socksio`); or name an http:// proxy",
    )
    monkeypatch.setattr(libraries, "find_spec", lambda package: object())
    require_way_to_hub(settings("owner/rows"))


def test_certificates_that_cannot_be_read_are_named_where_the_hub_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no.pem").write_text("no certificate", "utf-8")
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("gone", "No such file"), ("no.pem", ""), ("pipe", "it is a pipe"), ("", "it is a folder")):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        require_way_to_hub(settings("quickstart"))
        with pytest.raises(SettingsError, match=rf"SSL_CERT_FILE: no certificates can be read from .* \(.*{reason}"):
            require_way_to_hub(settings("owner/rows"))


def test_a_working_folder_that_was_removed_is_told_before_a_library_dies_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_working_folder()
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(HostUnfit, match="does not exist any more"):
        require_working_folder()
