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

from job import __version__
from tests.conftest import PROJECT
from tests.engine import IMAGE, SHORT, docker, require_image

# --- lock files ------------------------------------------------------------------------------------------------------


LOCKS = ("common.txt", "cuda.txt", "cpu.txt", "triton.txt")


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
    found = locked("common.txt") | locked("cuda.txt") | locked("triton.txt")
    for line in [*project["dependencies"], *project["optional-dependencies"]["cuda"]]:
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
            "-e",
            "HF_HUB_OFFLINE=1",
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
        options = ["--read-only", "--tmpfs", "/tmp", "-v", f"{mount}:/output", *(["--user", user] if user else [])]
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

    def test_a_folder_that_cannot_be_written_gets_the_command_that_mends_it(self, image: str, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        result = quickstart(image, "-v", f"{tmp_path}:/output", "--user", "12345:12345")
        assert result.returncode == 68
        assert "chown -R 12345" in result.stderr and "--user $(id -u):$(id -g)" in result.stderr

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
            docker("rm", "-f", name)
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
            docker("rm", "-f", name)

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
