"""When a checkpoint is due, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from job.runs.progress import is_saving
from job.training.checkpoint_times import CheckpointTimes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def steps(
    times: CheckpointTimes, clock: Clock, *, count: int, step: float, save: float, evaluate: Callable[[int], bool]
) -> list[int]:
    """Numbers of the steps that a checkpoint was saved after."""
    saved = []
    times.begin()
    for number in range(1, count + 1):
        clock.now += step
        if times.due(evaluation=evaluate(number)):
            saved.append(number)
            with times.saving():
                clock.now += save
    return saved


def test_a_checkpoint_is_saved_when_its_minutes_have_passed_and_with_each_evaluation() -> None:
    clock = Clock()
    found = steps(CheckpointTimes(10, clock), clock, count=12, step=240, save=1, evaluate=lambda number: number == 4)
    assert found == [3, 4, 7, 10]


def test_a_step_that_takes_longer_is_saved_each_time() -> None:
    clock = Clock()
    assert steps(CheckpointTimes(10, clock), clock, count=4, step=900, save=1, evaluate=lambda _: False) == [1, 2, 3, 4]


@pytest.mark.parametrize(("step", "save"), [(0.15, 0.5), (1, 4), (60, 25)])
def test_saving_takes_two_percent_at_most_and_the_log_says_what_that_costs(
    step: float, save: float, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    times = CheckpointTimes(10, clock)
    began = clock.now
    found = steps(times, clock, count=20_000, step=step, save=save, evaluate=lambda number: number % 100 == 0)
    assert len(found) * save <= 0.02 * (clock.now - began) + 5 + save
    assert len(found) > 10
    assert caplog.text.count("spaced_minutes=") == 1


def test_a_checkpoint_that_is_being_saved_is_known_to_whoever_wants_to_end_the_process() -> None:
    with CheckpointTimes(10).saving():
        assert is_saving()
    assert not is_saving()


def test_a_run_that_has_just_begun_saves_with_every_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    found = steps(
        CheckpointTimes(10, clock), clock, count=20, step=0.05, save=0.1, evaluate=lambda number: number % 2 == 0
    )
    assert found == list(range(2, 21, 2))
    assert not caplog.text
