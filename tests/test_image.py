r"""The image: its lock files, and the real thing on a real engine.

Tests marked `engine` need a running docker engine and the CPU image, and skip with a reason otherwise:

    docker build -t lora-job:cpu --build-arg VARIANT=cpu --build-arg BASE_IMAGE=python:3.12-slim-bookworm .
    python -m pytest -m engine -n 0
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from job import __version__
from tests.conftest import PROJECT
from tests.engine import IMAGE, SHORT, docker, require_image
from tests.standin_hub import StandInHub

# --- lock files ------------------------------------------------------------------------------------------------------


LOCKS = ("common.txt", "cuda.txt", "cpu.txt")


def locked(name: str) -> dict[str, str]:
    text = (PROJECT / ".locks" / name).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+) \\$", text, re.MULTILINE))


@pytest.mark.light
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_hashes_and_no_address(name: str) -> None:
    text = (PROJECT / ".locks" / name).read_text("utf-8")
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks and len(blocks) == len(locked(name))
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text and "--index" not in text and "--find-links" not in text


@pytest.mark.light
def test_both_variants_differ_in_the_build_of_torch_alone() -> None:
    cuda, cpu = locked("cuda.txt"), locked("cpu.txt")
    assert cpu == {"torch": f"{cuda['torch']}+cpu"}
    assert all(name == "torch" or name.startswith(("nvidia-", "cuda-")) for name in cuda)
    packages = [name for file in LOCKS if file != "cpu.txt" for name in locked(file)]
    assert len(packages) == len(set(packages)), "each package has one version"


@pytest.mark.light
def test_the_locks_agree_with_pyproject() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    found = locked("common.txt") | locked("cuda.txt")
    for line in project["dependencies"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(found[wanted.name.lower().replace("_", "-")]), line


@pytest.mark.light
def test_locks_of_other_dependencies_are_told(tmp_path: Path) -> None:
    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(tmp_path / ".locks" / "make.py"), "--check"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    shutil.copytree(PROJECT / ".locks", tmp_path / ".locks")
    pyproject = (PROJECT / "pyproject.toml").read_text("utf-8")
    (tmp_path / "pyproject.toml").write_text(pyproject, "utf-8")
    assert check().returncode == 0, check().stderr
    (tmp_path / "pyproject.toml").write_text(pyproject.replace('"peft>=0.21,<0.22"', '"peft>=0.22,<0.23"'), "utf-8")
    assert check().returncode == 1
    assert check().stderr.count("python .locks/make.py") == len(LOCKS)


@pytest.mark.light
def test_a_bill_of_materials_lists_what_is_locked_and_installed(tmp_path: Path) -> None:
    def bill(pins: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "lock.txt").write_text(pins, "utf-8")
        (tmp_path / "numpy-2.4.6.dist-info").mkdir(exist_ok=True)
        (tmp_path / "numpy-2.4.6.dist-info" / "METADATA").write_text(
            "Metadata-Version: 2.4\nName: NumPy\nVersion: 2.4.6\nLicense-Expression: BSD-3-Clause\n", "utf-8"
        )
        # -S -P: of the packages on this machine it sees that one alone
        command = [sys.executable, "-S", "-P", str(PROJECT / ".locks" / "sbom.py"), "0.1.0", str(tmp_path / "lock.txt")]
        environ = {"PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)

    made = json.loads(bill("numpy==2.4.6 \\\n").stdout)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    (numpy,) = made["components"]
    assert (numpy["purl"], numpy["licenses"]) == ("pkg:pypi/numpy@2.4.6", [{"expression": "BSD-3-Clause"}])
    for pins in ("numpy==2.5.0 \\\n", "numpy==2.4.6 \\\npeft==0.21.2 \\\n", ""):
        other = bill(pins)
        assert other.returncode == 1 and "are not those of the locks" in other.stderr, pins


@pytest.mark.light
def test_of_the_env_files_the_image_gets_the_projects_own_alone() -> None:
    command = ["git", "ls-files", "env"]
    own = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    lines = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("!env")] == sorted(
        {"!" + "/".join(name.split("/")[:2]) for name in own}
    )


@pytest.mark.light
def test_the_base_image_is_named_with_its_registry() -> None:
    """podman on Debian 12: "did not resolve to an alias and no unqualified-search registries are defined"."""
    (base,) = re.findall(r"^ARG BASE_IMAGE=(.+)$", (PROJECT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert base.startswith("docker.io/")


@pytest.mark.light
def test_the_image_is_labelled_with_the_version() -> None:
    assert f"\nARG VERSION={__version__}\n" in (PROJECT / "Dockerfile").read_text("utf-8")


# --- the engine ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image() -> str:
    return require_image()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "output"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    yield folder
    docker(
        "run",
        "--rm",
        "--user",
        "0",
        "--entrypoint",
        "chmod",
        "-v",
        f"{folder}:/output",
        IMAGE,
        "-R",
        "a+rwX",
        "/output",
    )


def quickstart(image: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    settings = [part for name, value in (SHORT | variables).items() for part in ("-e", f"{name}={value}")]
    env_file = str(PROJECT / "env" / "quickstart.env")
    return docker("run", "--rm", "--network", "none", "--env-file", env_file, *settings, *options, image, timeout=600)


def plan_of(hub: StandInHub, image: str, volume: str, user: str) -> subprocess.CompletedProcess[str]:
    """The plan of a run on a base from the stand-in Hub, which has a new commit and another config.json each time."""
    files = {path.name: path.read_bytes() for path in (PROJECT / "job" / "quickstart" / "base").iterdir()}
    if not hub.has("model", "alice/base"):
        hub.add_repo("model", "alice/base", files)
    hub.add_commit(
        "model", "alice/base", {"config.json": files["config.json"] + b"\n" * len(hub.commits("model", "alice/base"))}
    )
    variables = hub.environment("") | {"FINETUNE_MODEL_BASE": "alice/base", "HF_HUB_DISABLE_XET": "1"}
    settings = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    env_file = ("--env-file", str(PROJECT / "env" / "quickstart.env"))
    options = ("--network", "host", "--user", user, "-v", f"{volume}:/cache", *env_file, *settings)
    return docker("run", "--rm", *options, image, "plan")


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


ENGINE = [pytest.mark.engine, pytest.mark.slow]


class TestEngine:
    pytestmark = ENGINE

    def test_alone_it_says_what_to_do(self, image: str) -> None:
        result = docker("run", "--rm", image)
        assert result.returncode == 64
        assert "FINETUNE_DATA_SOURCES" in result.stderr and "--env-file" in result.stderr

    def test_help_and_plan_need_no_gpu_and_no_network(self, image: str) -> None:
        assert "exit codes:" in docker("run", "--rm", "--network", "none", image, "--help").stdout
        env_file = str(PROJECT / "env" / "quickstart.env")
        plan = docker("run", "--rm", "--network", "none", "--env-file", env_file, image, "plan")
        assert plan.returncode == 0 and "adapter_model.safetensors" in plan.stdout

    @pytest.mark.parametrize("file", sorted(path.name for path in (PROJECT / "env").glob("*.env")))
    def test_each_env_file_is_read_by_the_engine_as_by_us(self, file: str, image: str) -> None:
        arguments = (
            "run",
            "--rm",
            "--network",
            "none",
            "--env-file",
            str(PROJECT / "env" / file),
            image,
            "plan",
        )
        plan = docker(*arguments)
        assert plan.returncode == 0, plan.stderr
        assert "Settings" in plan.stdout and "Stages" in plan.stdout

    @pytest.mark.parametrize("user", ["", "0:0", "12345:12345"])
    def test_any_user_read_only_without_network(self, user: str, image: str, mount: Path) -> None:
        options = ["--read-only", "--tmpfs", "/tmp:size=1m", "--tmpfs", "/dev/shm:ro", "-v", f"{mount}:/output"]
        options += ["--user", user] if user else []
        result = quickstart(image, *options)
        assert result.returncode == 0, result.stderr
        metrics = json.loads((mount / "metrics.json").read_text("utf-8"))
        assert metrics["status"] == "succeeded"
        adapter = mount / "adapter" / "adapter_model.safetensors"
        assert stat.S_IMODE(adapter.stat().st_mode) & 0o044 == 0o044, "readable by whoever mounted the folder"
        assert (mount / "report.html").stat().st_size > 10_000

    def test_a_fresh_named_volume_is_writable(self, image: str) -> None:
        name = f"lora-job-test-{os.getpid()}"
        try:
            assert quickstart(image, "-v", f"{name}:/output").returncode == 0
        finally:
            docker("volume", "rm", "-f", name)

    @pytest.mark.parametrize(
        ("options", "remedy"),
        [
            (("--user", "12345:12345", "-v", "{folder}:/output"), "chown -R"),
            (("--user", "12345:12345", "-v", "{owned}:/output"), "--user 1001:1001"),
            (("-v", "{folder}:/data:ro", "-w", "/data"), '-v "$PWD/output:/output" -e FINETUNE_OUTPUT_DIR=/output'),
            (("--read-only",), "--tmpfs /tmp"),
        ],
    )
    def test_a_folder_that_cannot_be_written_gets_what_mends_it(
        self, options: tuple[str, ...], remedy: str, image: str, tmp_path: Path
    ) -> None:
        owned = tmp_path / "owned"
        owned.mkdir()
        tmp_path.chmod(0o755)
        os.chown(owned, 1001, 1001)
        result = quickstart(image, *(option.format(folder=tmp_path, owned=owned) for option in options))
        assert result.returncode == 68 and "Traceback" not in result.stderr
        assert remedy in result.stderr

    def test_a_cache_of_another_user_is_mended_by_the_command_that_is_printed(
        self, image: str, hub: StandInHub
    ) -> None:
        volume = f"lora-job-test-{os.getpid()}"
        docker(
            "run",
            "--rm",
            "--user",
            "0",
            "--entrypoint",
            "chmod",
            "-v",
            f"{volume}:/cache",
            image,
            "755",
            "/cache/huggingface",
        )
        try:
            result = plan_of(hub, image, volume, "2001:2001")
            assert result.returncode == 68
            command = re.search(r"Run `docker (.+?)` with this image", result.stderr)
            assert command and docker(*command[1].replace("IMAGE", image).split()).returncode == 0
            assert plan_of(hub, image, volume, "2001:2001").returncode == 0
        finally:
            docker("volume", "rm", "-f", volume)

    def test_two_users_share_one_cache(self, image: str, hub: StandInHub) -> None:
        """The second one needs a newer commit of what the first one has downloaded, in folders of the first one."""
        volume = f"lora-job-test-{os.getpid()}"
        try:
            for user in ("2001:2001", "2002:2002"):
                result = plan_of(hub, image, volume, user)
                assert result.returncode == 0, result.stderr
        finally:
            docker("volume", "rm", "-f", volume)

    def test_stopped_in_mid_training_it_goes_on_and_ends_in_the_same_adapter(
        self, image: str, tmp_path: Path, mount: Path
    ) -> None:
        whole = tmp_path / "whole"
        whole.mkdir()
        whole.chmod(0o777)
        assert quickstart(image, "-v", f"{whole}:/output", FINETUNE_TRAIN_EPOCHS="2").returncode == 0
        name = f"lora-job-test-{os.getpid()}"
        settings = [
            part for key, value in (SHORT | {"FINETUNE_TRAIN_EPOCHS": "2"}).items() for part in ("-e", f"{key}={value}")
        ]
        env_file = str(PROJECT / "env" / "quickstart.env")
        docker(
            "run",
            "-d",
            "--name",
            name,
            "--network",
            "none",
            "--env-file",
            env_file,
            *settings,
            "-v",
            f"{mount}:/output",
            image,
        )
        try:
            deadline = time.monotonic() + 240
            while time.monotonic() < deadline and "step=20 " not in docker("logs", name).stdout:
                time.sleep(0.2)
            started = time.monotonic()
            docker("stop", "--time", "30", name)
            assert time.monotonic() - started < 25
            assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "75"
        finally:
            docker("rm", "-f", "-v", name)
        assert quickstart(image, "-v", f"{mount}:/output", FINETUNE_TRAIN_EPOCHS="2").returncode == 0
        metrics = json.loads((mount / "metrics.json").read_text("utf-8"))
        assert metrics["train"]["resumed_from_step"] >= 20
        adapters = [sha(folder / "adapter" / "adapter_model.safetensors") for folder in (whole, mount)]
        assert adapters[0] == adapters[1]

    def test_the_engine_sees_the_exit_code(self, image: str, mount: Path) -> None:
        assert quickstart(image, "-v", f"{mount}:/output", FINETUNE_DATA_MIN_ROWS="100000").returncode == 65
        assert quickstart(image, FINETUNE_LORA_R="none").returncode == 64

    def test_a_signal_in_the_first_moment_is_heard(self, image: str) -> None:
        name = f"lora-job-test-{os.getpid()}"
        docker(
            "run",
            "-d",
            "--name",
            name,
            "--network",
            "none",
            "--env-file",
            str(PROJECT / "env" / "quickstart.env"),
            image,
        )
        try:
            time.sleep(0.1)
            started = time.monotonic()
            docker("stop", "--time", "20", name)
            assert time.monotonic() - started < 10
            assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "75"
        finally:
            docker("rm", "-f", "-v", name)

    def test_the_bill_of_materials_lists_every_package_of_the_image(self, image: str) -> None:
        script = """if True:
            import importlib.metadata, json
            bill = json.load(open("/app/sbom.cdx.json"))["components"]
            found = importlib.metadata.distributions()
            print(json.dumps([[[part["name"], part["version"]] for part in bill], [[d.name, d.version] for d in found]]))
        """
        shown = docker("run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c", script)
        bill, found = (
            {(canonicalize_name(name), version) for name, version in part} for part in json.loads(shown.stdout)
        )
        assert bill == found and len(bill) > 50

    def test_no_secret_is_in_a_layer(self, image: str, tmp_path: Path) -> None:
        history = docker("history", "--no-trunc", image).stdout
        assert not re.search(r"hf_[A-Za-z0-9]{20}|BEGIN CERTIFICATE", history)
        saved = tmp_path / "image.tar"
        assert docker("save", "-o", str(saved), image, timeout=600).returncode == 0
        names: list[str] = []
        with tarfile.open(saved) as outer:
            for member in outer:
                layer: Any = (
                    outer.extractfile(member) if member.isfile() and member.name.endswith("layer.tar") else None
                )
                if layer:
                    with tarfile.open(fileobj=layer) as inner:
                        names += inner.getnames()
        assert any(name.endswith("job/cli.py") for name in names)
        assert not [name for name in names if re.search(r"(^|/)(ca\.crt|hf_token|\.git/|\.env$|token$)", name)]
