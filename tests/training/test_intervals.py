"""Warm-up, log lines and evaluations as shares of a run, and runs that are too short to teach anything."""

from __future__ import annotations

import pytest

from job.settings.fields import TrainSettings
from job.training.intervals import Intervals, doubts, evaluations, intervals, steps_of

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, (0, 1, 1)),
        (7, (0, 1, 2)),
        (30, (3, 1, 6)),
        (108, (10, 2, 22)),
        (309, (30, 7, 62)),
        (6250, (50, 25, 1250)),
    ],
)
def test_by_default_they_are_shares_of_the_run(steps: int, expected: tuple[int, int, int]) -> None:
    assert intervals(TrainSettings(), steps) == Intervals(*expected)
    assert not any("never reaches" in said for said in doubts(TrainSettings(), steps))


def test_numbers_stay_as_they_are_set() -> None:
    settings = TrainSettings(warmup_steps=0, log_steps=25, eval_steps=100)
    assert intervals(settings, 7) == Intervals(0, 25, 100)


def test_steps_are_those_of_whole_epochs() -> None:
    """60 rows are 4 steps; transformers rounds the product up."""
    assert [steps_of(60, TrainSettings(epochs=epochs)) for epochs in (1, 2, 0.3)] == [4, 8, 2]


def test_evaluations_are_those_of_a_run() -> None:
    """Before the first step, at each interval, after the last step: once if that is an interval."""
    assert [evaluations(steps, 10) for steps in (5, 10, 25)] == [2, 2, 4]


def test_a_run_that_cannot_teach_is_doubted() -> None:
    def said(steps: int, **settings: int) -> list[str]:
        return [doubt.partition(":")[0] for doubt in doubts(TrainSettings(**settings), steps)]

    assert said(30, warmup_steps=29) == []
    assert said(30, warmup_steps=30) == ["the learning rate never reaches its peak"]
    few = "29 optimizer steps hardly teach anything, 30 are the fewest that may"
    assert said(29) == [few]
    assert said(29, warmup_steps=50) == [few, "the learning rate never reaches its peak"]
