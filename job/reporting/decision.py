"""The verdict's figures as rows of a table, for the report and for the model card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from job.probing import scores
from job.probing.gain import LEAST_NATS, least_gain
from job.reporting.numbers import MINUS, NO_BREAK, count, loss_text, points, share
from job.results import Estimate, Guardrail, Verdict

OTHERS = {
    "loss": ("loss of the held-out rows, mean over rows", "nats"),
    "kl": ("distance of the next-token distributions on general text", "nats"),
    "choices": ("general multiple-choice questions answered right", "share"),
}
"""Figures that are no scores of answers -> (words, unit)."""
EVAL_LOSS = "loss of the held-out rows, mean over tokens"
"""Training's evaluation, in which long answers weigh more than in the loss that decides."""
BROKEN_MARGIN = "most of the tuned model's"
BROKEN_STATES = {"passed": "not most", "undecided": "undecided", "violated": "most"}
STATES = {"passed": "no worse", "undecided": "undecided", "violated": "worse"}


@dataclass(frozen=True)
class DecisionRow:
    words: str
    base: str
    tuned: str
    change: str
    interval: str
    """Of the change."""
    margin: str
    """How much worse it may be; empty for the loss, which has to get better."""
    judgement: str
    rows: str
    detectable: str
    """The smallest change that so many rows would have shown."""


def decision_rows(verdict: Verdict, min_gain: float) -> list[DecisionRow]:
    """The loss, whether the answers are of use, then the guardrails. `min_gain`: FINETUNE_PROBE_MIN_GAIN."""
    gain = [_row(verdict.gain, "", _direction(verdict.gain, min_gain))] if verdict.gain else []
    broken = [_row(verdict.broken, BROKEN_MARGIN, BROKEN_STATES[verdict.broken.state])] if verdict.broken else []
    return gain + broken + [_row(one, _margin(one), STATES[one.state]) for one in verdict.guardrails]


def least_text(min_gain: float) -> str:
    """What the loss has to fall by."""
    return f"{share(min_gain)}, {LEAST_NATS} nats at least" if min_gain else "anything"


def words_of(name: str) -> str:
    return OTHERS[name][0] if name in OTHERS else next((one.words for one in scores.SCORES if one.name == name), name)


def in_words(text: str) -> str:
    """With words in place of the names of scores."""
    for one in scores.SCORES:
        text = text.replace(one.name, f"“{one.words}”")
    return text


def _direction(gain: Estimate, min_gain: float) -> str:
    """The gain has to be shown and as large as asked, and one that is shown to be smaller is too little. A rise counts from the
    same size on: with many rows one of a millionth is shown too."""
    least = least_gain(gain.base, min_gain)
    if gain.low > 0 and gain.difference >= least:
        return "worse"
    if -gain.low < least:
        return "less than asked"
    return "better" if gain.high < 0 and -gain.difference >= least else "undecided"


def _row(one: Estimate, margin: str, judgement: str) -> DecisionRow:
    value, change = _texts(one.name)
    return DecisionRow(
        words=words_of(one.name),
        base=value(one.base),
        tuned=value(one.tuned),
        change=change(one.difference),
        interval=f"{change(one.low)} to {change(one.high)}",
        margin=margin,
        judgement=judgement,
        rows=count(one.rows),
        detectable=change(one.detectable).lstrip("+"),
    )


def _margin(one: Guardrail) -> str:
    _, change = _texts(one.name)
    return change(one.margin if one.harm == "higher" else -one.margin)


def _texts(name: str) -> tuple[Callable[[float], str], Callable[[float], str]]:
    """How a value of this figure is written, and a change of it."""
    unit = OTHERS[name][1] if name in OTHERS else next((one.unit for one in scores.SCORES if one.name == name), "")
    if unit == "share":
        return share, points
    if unit == "nats":
        return loss_text, _nats
    return lambda value: f"{value:,.2f}", lambda value: _with_sign(value, f"{abs(value):,.2f}{NO_BREAK}{unit}")


def _nats(change: float) -> str:
    return _with_sign(change, f"{abs(change):.3f}")


def _with_sign(value: float, text: str) -> str:
    return f"{'+' if value > 0 else MINUS if value < 0 else '±'}{text}"
