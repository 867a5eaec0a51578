"""Guardrails: what must not get worse by more than a margin. Figures of both models on the same rows, tested and corrected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from job.probing.courtesies import courtesies
from job.probing.statistics import (
    ALPHA,
    CONFIDENCE,
    Interval,
    detectable_rate,
    holm,
    mean_interval,
    p_at_most,
    p_mean_above,
    p_mean_below,
    p_rate_harm,
    p_rate_safe,
    rate_interval,
    reach,
    rows_for,
    rows_without_event,
)
from job.results import Guardrail, RowLoss, Sample, Skipped

if TYPE_CHECKING:
    from job.probing.scores import Score

KL_MARGIN = 0.5
"""Nats a token of general answers: the tuned model gives the base's next token 60 % of the probability that it had."""
CHOICES_MARGIN = 0.1
OPTIONS = 4
UNKNOWN_TEXT = 4.0
"""Loss per token, in nats, from which a model does not know general text: it would choose among 55 tokens as if by lot. GPT-2
with 124 million parameters is at 3.1 on web text; the quickstart's base, which knows nothing but plants, at 10."""


STOPPED, RIGHT = "stopped_share", "right_share"
FILLER = {"opening_filler_share": "opens", "closing_filler_share": "closes"}
"""What the rules of cleaning find in a text -> where."""
WANTED_FILLER = 0.1
"""Share of the references that have it, from which it is meant to be: who takes the rules for filler leaves fewer."""


class GeneralRows(Protocol):
    """What job/probing/forgetting.py measures on texts that have nothing to do with the data."""

    @property
    def kl(self) -> Sequence[float]:
        """One per prompt."""

    @property
    def base_loss(self) -> float: ...
    @property
    def base_right(self) -> Sequence[bool]:
        """One per multiple-choice question."""

    @property
    def tuned_right(self) -> Sequence[bool]: ...


@dataclass(frozen=True)
class Figure:
    """What both models got, in the same order; one number for all rows with the same prompt."""

    name: str
    harm: Literal["higher", "lower"]
    margin: float
    base: list[float]
    tuned: list[float]
    more_rows: bool = True
    """Whether a larger probe would have more of them; the general questions are always the same."""
    answers: int = 0
    """All that were seen to their end, also those to which a score does not apply."""

    @property
    def harms(self) -> list[float]:
        """By how much each row got worse."""
        sign = 1 if self.harm == "higher" else -1
        return [sign * (tuned - base) for base, tuned in zip(self.base, self.tuned, strict=True)]


@dataclass(frozen=True)
class Checked:
    guardrail: Guardrail
    rows_needed: int | None
    """About how many rows would decide, where it is undecided."""

    @property
    def harm(self) -> float:
        """By how much the tuned model is worse; below 0 where it is better."""
        return self.guardrail.difference if self.guardrail.harm == "higher" else -self.guardrail.difference


# --- figures ---------------------------------------------------------------------------------------------------------


def answer_figures(
    samples: Sequence[Sample],
    losses: Sequence[RowLoss],
    scores: Sequence[Score],
    margins: Mapping[str, float | None],
) -> tuple[list[Figure], list[Skipped]]:
    """Those of the scores with a margin; rows to which a score does not apply for one of the models are left out of it. If it
    applies to fewer than one answer in ten, it decides nothing: were all of them worse, it would be less than the margin."""
    figures, skipped = [], []
    groups = same_questions(samples, losses)
    whole = sum(not any(map(is_cut, group)) for group in groups)
    for score in scores:
        margin = margins.get(score.name, score.margin)
        if score.margin is None or score.better == "neither":
            continue
        if margin is None:
            skipped.append(Skipped(name=score.name, reason="FINETUNE_PROBE_MARGINS leaves it out"))
            continue
        if _is_wanted(score.name, samples):
            skipped.append(
                Skipped(name=score.name, reason="more than one in ten of the references has it: it is wanted")
            )
            continue
        base, tuned = paired(groups, score.name)
        if len(base) > score.margin * len(groups):
            harm: Literal["higher", "lower"] = "higher" if score.better == "lower" else "lower"
            figures.append(Figure(score.name, harm, margin, base, tuned, answers=whole))
        else:
            few = f"{len(base):,} of {len(groups):,}" if base else "none of the"
            reason = f"it applies to {few} answers" if samples else "no question was answered"
            reason = score.unless if samples and not base and score.unless else reason
            skipped.append(Skipped(name=score.name, reason=reason))
    return figures, skipped


def _is_wanted(name: str, samples: Sequence[Sample]) -> bool:
    """Whether the data have filler on purpose: a model that learns it then writes it where one reference has none, too."""
    if name not in FILLER:
        return False
    found = [courtesies(one.question, one.reference) for one in samples if one.reference]
    return sum(one is not None and bool(getattr(one, FILLER[name])) for one in found) > WANTED_FILLER * len(found)


def is_cut(sample: Sample) -> bool:
    """Whether the limit of new tokens cut the tuned model's answer on its way."""
    return not sample.tuned_stopped and bool(sample.tuned_scores) and STOPPED not in sample.tuned_scores


def same_questions(samples: Sequence[Sample], losses: Sequence[RowLoss]) -> list[list[Sample]]:
    """Samples with the same prompt together: greedy answers to it are the same, and count once."""
    questions = {loss.row: loss.question for loss in losses}
    groups: dict[int | str, list[Sample]] = {}
    for sample in samples:
        known = sample.row is not None and sample.row in questions
        groups.setdefault(questions[sample.row] if known and sample.row is not None else sample.question, []).append(
            sample
        )
    return list(groups.values())


def paired(groups: Iterable[Sequence[Sample]], name: str) -> tuple[list[float], list[float]]:
    """A score of both models, one number for each question to which it applies in both."""
    base, tuned = [], []
    for group in groups:
        pairs = [
            (one.base_scores[name], one.tuned_scores[name])
            for one in group
            if _is_number(one.base_scores.get(name)) and _is_number(one.tuned_scores.get(name))
        ]
        if pairs:
            base.append(sum(pair[0] for pair in pairs) / len(pairs))
            tuned.append(sum(pair[1] for pair in pairs) / len(pairs))
    return base, tuned


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def general_figures(
    general: GeneralRows | None, margins: Mapping[str, float | None]
) -> tuple[list[Figure], list[Skipped]]:
    """Forgetting: the distance from the base on general text, and multiple-choice questions."""
    figures, skipped = [], []
    for name, margin, figure in (("kl", KL_MARGIN, _distance), ("choices", CHOICES_MARGIN, _choices)):
        wanted = margins.get(name, margin)
        if wanted is None:
            found: Figure | str = "FINETUNE_PROBE_MARGINS leaves it out"
        elif general is None:
            found = "no general text was asked"
        elif not general.base_loss < UNKNOWN_TEXT:  # also NaN
            found = f"the base model does not know general text: its loss there is {general.base_loss:.1f} nats a token"
        else:
            found = figure(general, wanted)
        if isinstance(found, str):
            skipped.append(Skipped(name=name, reason=found))
        else:
            figures.append(found)
    return figures, skipped


def _distance(general: GeneralRows, margin: float) -> Figure | str:
    if len(general.kl) < 2:
        return f"{len(general.kl)} general prompts: an interval needs two"
    if wrong := sum(not math.isfinite(value) for value in general.kl):
        return f"no number for {wrong} of {len(general.kl)} general prompts"
    return Figure("kl", "higher", margin, [0.0] * len(general.kl), list(general.kl), more_rows=False)


def _choices(general: GeneralRows, margin: float) -> Figure | str:
    asked, right = len(general.base_right), sum(general.base_right)
    if not asked:
        return "no multiple-choice question was asked"
    if not right or 1 - p_at_most(right - 1, asked, 1 / OPTIONS) > ALPHA:
        return f"the base model answers at chance: {right} of {asked} right"
    base, tuned = ([float(value) for value in values] for values in (general.base_right, general.tuned_right))
    return Figure("choices", "lower", margin, base, tuned, more_rows=False)


# --- tests -----------------------------------------------------------------------------------------------------------


def check_all(figures: Sequence[Figure]) -> list[Checked]:
    """Each with its state.

    The tests for harm are corrected together (Holm), since one alarm is enough for the verdict `worse`. Those for the absence
    of harm need no correction: `better` takes all of them, so a model with one true harm has to slip through that very test
    (intersection-union test; Berger 1982, Technometrics 24:295).
    """
    chances = [_chances(figure) for figure in figures]
    corrected = holm([harm for _, harm in chances])
    level = ALPHA / max(len(figures), 1)
    return [
        _one(figure, safe, harm, level) for figure, (safe, _), harm in zip(figures, chances, corrected, strict=True)
    ]


def _counts(figure: Figure) -> tuple[int, int] | None:
    """How many rows were harmed and helped, where each is one or the other or neither."""
    harms = figure.harms
    if figure.name == "kl" or not set(harms) <= {-1.0, 0.0, 1.0}:
        return None
    return harms.count(1.0), harms.count(-1.0)


def _chances(figure: Figure) -> tuple[float, float]:
    """p of harm as large as the margin, and p of no harm; for the distance, which is never 0, p of one below the margin.

    A score that applies to so few answers that not even all of them exclude such harm, and none of which is worse, counts among
    all answers: 25 of 200 would keep a model that does nothing wrong from ever being better."""
    if figure.name == "kl":
        return p_mean_below(figure.harms, figure.margin), p_mean_above(figure.harms, figure.margin)
    if counts := _counts(figure):
        rows = len(figure.harms)
        if not counts[0] and rows < rows_without_event(figure.margin):
            rows = max(rows, figure.answers)
        return p_rate_safe(*counts, rows, figure.margin), p_rate_harm(*counts)
    safe = p_mean_below(figure.harms, figure.margin, floor=1 - figure.margin)
    return safe, p_mean_above(figure.harms, 0.0)


def _one(figure: Figure, safe: float, harm: float, level: float) -> Checked:
    rows, counts = len(figure.harms), _counts(figure)
    interval = rate_interval(*counts, rows) if counts else mean_interval(figure.harms)
    if counts:
        detectable = detectable_rate(*counts, rows, level)
    else:
        detectable = reach(level) * interval.error + (figure.margin if figure.name == "kl" else 0.0)
    violated = harm <= ALPHA and interval.estimate >= figure.margin
    state: Literal["passed", "undecided", "violated"] = (
        "violated" if violated else "passed" if safe <= ALPHA else "undecided"
    )
    ends = (interval.low, interval.high) if figure.harm == "higher" else (-interval.high, -interval.low)
    guardrail = Guardrail(
        name=figure.name,
        base=sum(figure.base) / rows,
        tuned=sum(figure.tuned) / rows,
        difference=interval.estimate if figure.harm == "higher" else 0.0 - interval.estimate,
        low=ends[0],
        high=ends[1],
        confidence=CONFIDENCE,
        rows=rows,
        detectable=detectable,
        harm=figure.harm,
        margin=figure.margin,
        p_safe=safe,
        p_harm=harm,
        state=state,
    )
    needed = _rows_needed(figure, interval, level) if state == "undecided" and figure.more_rows else None
    return Checked(guardrail, needed)


def _rows_needed(figure: Figure, interval: Interval, level: float) -> int:
    """To show the harm that is seen where it exceeds the margin; else to exclude one as large as the margin."""
    rows = len(figure.harms)
    deviation = interval.error * math.sqrt(rows)
    if interval.estimate >= figure.margin:
        needed = rows_for(deviation, interval.estimate, level)
    else:
        left = figure.margin - max(interval.estimate, 0.0)
        needed = max(rows_for(deviation, max(left, figure.margin / 2)), rows_without_event(figure.margin))
    return max(needed, rows + 1)
