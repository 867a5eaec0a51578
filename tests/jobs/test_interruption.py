"""A run that is killed, or asked to stop, goes on where it was and ends in the same adapter."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job.errors import FolderInUse
from tests.conftest import differing_tensors, metrics_of, small_run, start_job

pytestmark = pytest.mark.slow


def wait_for(found: Callable[[], bool], child: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert child.poll() is None, child.stderr.read()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def long_run(base: Path, rows_file: Path, output: Path) -> dict[str, str]:
    """40 steps, without the probe: long enough to be hit in the middle, twice."""
    values = {"TRAIN_EPOCHS": "10", "TRAIN_EVAL_STEPS": "5", "TRAIN_LEARNING_RATE": "0.001", "STAGES": "clean,train"}
    return small_run(base, rows_file, output, **values)


@pytest.mark.usefixtures("round_trip_here")
def test_an_interrupted_training_goes_on_and_ends_in_the_same_adapter(
    command: Callable[..., int], base: Path, rows_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Those that are interrupted are processes of their own; the last start and the one without a break are this process."""
    whole, output = tmp_path / "whole", tmp_path / "output"
    assert command(long_run(base, rows_file, whole)) == 0
    for number, code, step in ((signal.SIGTERM, 75, 5), (signal.SIGKILL, -9, 20)):
        child = start_job(long_run(base, rows_file, output))
        newest = output / "train" / "checkpoints" / f"checkpoint-{step}" / "manifest.json"
        wait_for(newest.exists, child)
        child.send_signal(number)
        child.communicate(timeout=60)
        assert child.returncode == code
        assert not (output / "train" / "adapter").exists()
        if number == signal.SIGTERM:
            metrics = metrics_of(output)
            assert metrics["status"] == "stopped"
            assert not (output / "train" / "checkpoints" / "checkpoint-20").exists(), "stopped too late to be killed"
    capfd.readouterr()
    until = time.monotonic() + 60
    while (code := command(long_run(base, rows_file, output))) == FolderInUse.exit_code:  # what was watched still saves
        assert time.monotonic() < until, "the process below the killed one goes on"
        time.sleep(0.5)
    assert code == 0
    assert "resume_from_step=" in capfd.readouterr().out
    assert metrics_of(output)["train"]["resumed_from_step"] >= 20
    weights = "train/adapter/adapter_model.safetensors"
    ways = [metrics_of(folder)["train"]["optimizations"] for folder in (output, whole)]
    assert not differing_tensors(output / weights, whole / weights), ways


def test_a_signal_before_training_ends_at_once_and_leaves_metrics(base: Path, rows_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    child = start_job(small_run(base, rows_file, output))
    wait_for(lambda: (output / "metrics.json").exists(), child)
    child.terminate()
    child.communicate(timeout=60)
    assert child.returncode == 75
    assert metrics_of(output)["status"] == "stopped"
