"""Whether a training fits its deadline, and when it has to end."""

from __future__ import annotations

import logging
import time
from typing import Literal

import pytest

from job.runs.deadline import Deadline
from job.training.forecast import Forecast, Later, Measured

MEASURED = Measured(step_seconds=2.0, evaluation_seconds=30.0, checkpoint_seconds=1.0)


def forecast(seconds: float, action: Literal["continue", "finish"] = "finish", later: float = 300.0) -> Forecast:
    return Forecast(Deadline(minutes=60, action=action, at=time.monotonic() + seconds), later)


def test_what_is_needed_is_the_steps_the_evaluations_and_what_follows() -> None:
    assert forecast(3600).needed_seconds(MEASURED, steps_left=100, evaluations_left=2) == 200 + 62 + 300


def test_the_log_says_early_whether_the_run_fits_and_again_when_that_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = forecast(1000)
    found.say(MEASURED, 20, 120, evaluations_left=2)
    assert "deadline_fits=true left_minutes=16.7 needed_minutes=9.4" in caplog.text
    caplog.clear()
    found.say(MEASURED, 21, 120, evaluations_left=2)
    assert not caplog.text
    slower = Measured(step_seconds=8.0, evaluation_seconds=30.0, checkpoint_seconds=1.0)
    found.say(slower, 22, 120, evaluations_left=2)
    assert (
        "deadline_fits=false left_minutes=16.7 needed_minutes=19.1 last_step=103 of=120: training will end"
        in caplog.text
    )
    assert "FINETUNE_DEADLINE_MINUTES" in caplog.text


@pytest.mark.parametrize(
    ("action", "left", "evaluation", "ends"),
    [
        ("finish", 360, False, False),  # 300 later, 36 evaluation, 11 checkpoint and ending, 2 step
        ("finish", 345, False, True),
        ("finish", 360, True, True),
        ("continue", 345, False, False),
        ("continue", 20, False, False),
        ("continue", 12, False, True),
        ("continue", 20, True, True),
    ],
)
def test_training_ends_while_there_is_time_for_what_has_to_follow(
    action: Literal["continue", "finish"], left: float, evaluation: bool, ends: bool
) -> None:
    assert forecast(left, action).must_end(MEASURED, evaluation=evaluation) == ends


def test_without_a_deadline_nothing_ends() -> None:
    assert not Forecast(Deadline(), 1e9).must_end(MEASURED, evaluation=True)


def test_probe_and_push_are_counted() -> None:
    base = {"load_seconds": 10.0, "parameters": 3_000_000_000, "on_gpu": True, "adapter_bytes": 50_000_000}
    base |= {"probe_seconds": 900.0}
    nothing = Later(**base, questions=0, max_new_tokens=256, pushed_bytes=0)  # type: ignore[arg-type]
    asking = Later(**base, questions=65, max_new_tokens=256, pushed_bytes=0)  # type: ignore[arg-type]
    pushing = Later(**base, questions=65, max_new_tokens=256, pushed_bytes=50_000_000)  # type: ignore[arg-type]
    assert asking.seconds - nothing.seconds == pytest.approx(1.2 * (4 * 256 * 0.11 + 195 * 0.09))
    on_a_cpu = Later(**base | {"on_gpu": False}, questions=65, max_new_tokens=256, pushed_bytes=0)  # type: ignore[arg-type]
    assert on_a_cpu.seconds - nothing.seconds == pytest.approx(1.2 * 900), "no longer than it may take"
    assert pushing.seconds - asking.seconds == pytest.approx(1.2 * 40)
    lora, both = (
        Later(**base, questions=0, max_new_tokens=256, pushed_bytes=0, forms=forms)  # type: ignore[arg-type]
        for forms in (("lora",), ("lora", "merged"))
    )
    assert lora.seconds - nothing.seconds == pytest.approx(1.2 * 35), "a fresh process that loads the base"
    assert both.seconds - lora.seconds == pytest.approx(1.2 * (35 + 180))
