"""Intervals as bars: right is worse, whichever direction that is."""

from __future__ import annotations

import pytest

from job.reporting.decision import decision_rows
from job.reporting.intervals import intervals
from job.results import Estimate
from tests.sample_results import estimate, guardrail, verdict


def test_worse_is_on_the_right_for_either_harm() -> None:
    higher = guardrail("looping_share", difference=0.2, low=0.1, high=0.3, margin=0.1, state="violated")
    lower = guardrail("stopped_share", harm="lower", difference=-0.2, low=-0.3, high=-0.1, margin=0.1, state="violated")
    for bar in intervals(verdict(gain=None, guardrails=[higher, lower]), 0.0):
        assert bar
        assert (bar.low, bar.point, bar.high) == tuple(map(pytest.approx, (4 / 6, 5 / 6, 1.0)))
        assert (bar.limit, bar.tone) == (pytest.approx(4 / 6), "bad")


def test_what_lies_beyond_the_bar_stands_at_its_edge() -> None:
    (bar,) = intervals(
        verdict(gain=None, guardrails=[guardrail("empty_share", low=-0.9, high=-0.8, difference=-0.85)]), 0
    )
    assert bar
    assert (bar.low, bar.high) == (0.0, 0.0)


def test_the_loss_has_to_fall_by_enough() -> None:
    def tone(difference: float, low: float, high: float) -> str:
        gain = Estimate(**estimate(difference=difference, low=low, high=high))
        (bar,) = intervals(verdict(gain=gain, guardrails=[]), least=0.02)
        assert bar
        assert bar.limit < 0.5
        return bar.tone

    assert [tone(-0.5, -0.6, -0.4), tone(-0.01, -0.015, -0.005), tone(0.2, 0.1, 0.3)] == ["good", "halt", "bad"]


def test_there_is_one_for_each_row_of_the_table() -> None:
    odd = Estimate(**estimate(low=float("nan")))
    found = intervals(verdict(gain=odd), 0.0)
    assert found[0] is None
    assert len(found) == len(decision_rows(verdict(gain=odd), 0.01))
