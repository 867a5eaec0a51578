"""Intervals as bars around what they are held against: to the left it is better than the base model, to the right worse."""

from __future__ import annotations

import math
from dataclasses import dataclass

from job.results import Estimate, Guardrail, Verdict

TONES = {"passed": "good", "undecided": "halt", "violated": "bad"}
MARGINS = 3.0
"""Margins on each side of zero that the bar shows; what lies beyond stands at its edge."""


@dataclass(frozen=True)
class Interval:
    """Places from 0 to 1; zero, that is no change, is at 0.5."""

    low: float
    high: float
    point: float
    limit: float
    """The margin, or the least gain that counts."""
    tone: str
    """good, halt or bad."""


def intervals(verdict: Verdict, least: float) -> list[Interval | None]:
    """In the order of `decision_rows`. `least`: the gain of loss that counts as better."""
    gain = [_of_gain(verdict.gain, least)] if verdict.gain else []
    broken: list[Interval | None] = (
        [None] if verdict.broken else []
    )  # it is held against the half of all, not the base's
    return gain + broken + [_of_guardrail(one) for one in verdict.guardrails]


def _of_gain(gain: Estimate, least: float) -> Interval | None:
    reach = 1.15 * max(abs(gain.low), abs(gain.high), least, 1e-9)
    counts = abs(gain.difference) >= least
    tone = "good" if gain.high < 0 and counts else "bad" if gain.low > 0 and counts else "halt"
    return _interval(gain, 1, reach, -least, tone)


def _of_guardrail(one: Guardrail) -> Interval | None:
    return _interval(one, 1 if one.harm == "higher" else -1, MARGINS * one.margin, one.margin, TONES[one.state])


def _interval(one: Estimate, sign: int, reach: float, limit: float, tone: str) -> Interval | None:
    if not all(map(math.isfinite, (one.low, one.high, one.difference, reach))) or reach <= 0:
        return None
    low, high = sorted((sign * one.low, sign * one.high))
    at = [min(max(0.5 + value / (2 * reach), 0.0), 1.0) for value in (low, high, sign * one.difference, limit)]
    return Interval(at[0], at[1], at[2], at[3], tone)
