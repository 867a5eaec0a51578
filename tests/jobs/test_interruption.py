"""A run that is killed, or asked to stop, goes on where it was and ends in the same adapter."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import differing_tensors, metrics_of, run_job, small_run, start_job

pytestmark = pytest.mark.slow


def wait_for(found: Callable[[], bool], child: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert child.poll() is None, child.stderr.read()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def long_run(base: Path, rows_file: Path, output: Path) -> dict[str, str]:
    """Some 80 steps: long enough to be hit in the middle."""
    return small_run(base, rows_file, output, TRAIN_EPOCHS="20", TRAIN_EVAL_STEPS="5", TRAIN_LEARNING_RATE="0.001")


@pytest.fixture(scope="module")
def uninterrupted(base: Path, rows_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("uninterrupted") / "output"
    assert run_job(long_run(base, rows_file, output)).returncode == 0
    return output


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 75)], ids=["killed", "asked to stop"]
)
def test_an_interrupted_training_goes_on_and_ends_in_the_same_adapter(
    number: int, code: int, uninterrupted: Path, base: Path, rows_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    child = start_job(long_run(base, rows_file, output))
    wait_for(lambda: (output / "train" / "checkpoints" / "checkpoint-15" / "manifest.json").exists(), child)
    child.send_signal(number)
    child.communicate(timeout=60)
    assert child.returncode == code
    assert not (output / "adapter").exists()
    if number == signal.SIGTERM:
        assert metrics_of(output)["status"] == "stopped"
    result = run_job(long_run(base, rows_file, output))
    assert result.returncode == 0, result.stderr
    assert "resume_from_step=" in result.stdout
    assert metrics_of(output)["train"]["resumed_from_step"] >= 15
    weights = "adapter/adapter_model.safetensors"
    ways = [metrics_of(folder)["train"]["optimizations"] for folder in (output, uninterrupted)]
    assert not differing_tensors(output / weights, uninterrupted / weights), ways


def test_a_signal_before_training_ends_at_once_and_leaves_metrics(base: Path, rows_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    child = start_job(small_run(base, rows_file, output))
    wait_for(lambda: (output / "metrics.json").exists(), child)
    child.terminate()
    child.communicate(timeout=60)
    assert child.returncode == 75
    assert metrics_of(output)["status"] == "stopped"
