"""Drivers that are too old or do not start, in front of the real command: a library of ours answers in the driver's place, and
PyTorch believes it. Needs a C compiler and a PyTorch for CUDA."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.asking.conftest import write_records
from tests.conftest import PROJECT, metrics_of, run_job, small_run
from tests.exporting.conftest import make_source

MISMATCH = 803
SOURCE = """
int cuDriverGetVersion(int *version) { *version = %(version)d; return 0; }
int cuInit(unsigned flags) { return %(init)d; }
int cuGetErrorName(int code, const char **name) {
    *name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH";
    return code == %(mismatch)d ? 0 : 1;
}
"""


@pytest.fixture
def driver(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The variables that put a driver in front of this machine's."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    torch = pytest.importorskip("torch")
    if torch.version.cuda is None:
        pytest.skip("this PyTorch asks no driver")

    def build(version: int, init: int = 0) -> dict[str, str]:
        folder = tmp_path / "driver"
        folder.mkdir()
        text = SOURCE % {"version": version, "init": init, "mismatch": MISMATCH}
        target = str(folder / "libcuda.so.1")
        subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", target], input=text, text=True, check=True)
        return {"LD_LIBRARY_PATH": str(folder), "CUDA_VISIBLE_DEVICES": "0"}

    return build


def test_a_driver_that_is_too_old_ends_the_run_in_our_words(
    driver: Callable[..., dict[str, str]], base: Path, rows_file: Path, tmp_path: Path
) -> None:
    """525, as it says of itself: CUDA 12.0. The small base would fit a CPU, and the card is there."""
    found = run_job({**small_run(base, rows_file, tmp_path / "output"), **driver(12000)})
    assert found.returncode == 68, found.stderr
    metrics = metrics_of(tmp_path / "output")
    assert (metrics["status"], metrics["stage"], metrics["host"]["device"]) == ("failed", "check", "cpu")
    assert metrics["error"]["message"].startswith("The NVIDIA driver of this host supports CUDA 12.0, but this PyTorch")
    assert "Install driver R580 or newer on the host" in found.stderr


def test_a_driver_that_does_not_start_ends_the_run_by_its_own_name_for_it(
    driver: Callable[..., dict[str, str]], base: Path, rows_file: Path, tmp_path: Path
) -> None:
    """As after an update without a restart."""
    found = run_job({**small_run(base, rows_file, tmp_path / "output"), **driver(13000, MISMATCH)})
    assert found.returncode == 68, found.stderr
    assert "does not start: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH." in found.stderr
    assert "Restart the host" in found.stderr


def test_ask_says_so_too_in_place_of_a_slow_answer_on_the_cpu(
    driver: Callable[..., dict[str, str]], base: Path, tmp_path: Path
) -> None:
    """Before, it answered on the CPU, or told whoever had a larger base to start the container with --gpus all."""
    root = tmp_path / "output"
    root.mkdir()
    make_source(base, root / "adapter")
    write_records(root, str(base), {})
    found = run_job(driver(12000), "ask", "--output", str(root), "Why?")
    assert (found.returncode, found.stdout) == (68, ""), found.stderr
    assert "The NVIDIA driver of this host supports CUDA 12.0" in found.stderr


@pytest.mark.light
def test_the_image_keeps_the_container_runtime_from_speaking_first() -> None:
    """The CUDA image asks for a driver by NVIDIA_REQUIRE_CUDA: without our word an old one ends `docker run` before the job."""
    text = (PROJECT / "Dockerfile").read_text("utf-8")
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^ENV (?:.*\\\n)*.*\bNVIDIA_DISABLE_REQUIRE=1$", last, re.MULTILINE)
    assert "NVIDIA_REQUIRE_" not in re.sub(r"^#.*", "", text, flags=re.MULTILINE)
