"""What the rules of the verdict look at: the figures of both models, and what could not be had."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from job.probing import words
from job.probing.gain import least_gain
from job.probing.guardrails import (
    RIGHT,
    STOPPED,
    Checked,
    GeneralRows,
    answer_figures,
    check_all,
    general_figures,
    is_cut,
    paired,
    same_questions,
)
from job.probing.kinds import ROWS_A_TEXT, plain
from job.probing.ruin import is_ruined
from job.probing.scores import MARGIN, Score
from job.probing.statistics import (
    ALPHA,
    CONFIDENCE,
    FEWEST_QUESTIONS,
    bootstrap,
    detectable_rate,
    p_at_most,
    p_rate_harm,
    rate_interval,
    reach,
)
from job.results import Broken, Estimate, Guardrail, RowLoss, Sample, Skipped
from job.settings.fields import ProbeSettings
from job.settings.margins import parse

BROKEN = "broken_share"
"""The score that says that nobody could use an answer."""
PARTS = {
    **dict.fromkeys(("looping_share", "empty_share", "bad_end_share", "copied_share", "same_answer_share"), 1.0),
    "other_kind_share": 1.0,
    "same_language_share": 0.0,
    STOPPED: 0.0,
}
"""Scores that say why, with what they are of such an answer."""
FEWEST_IDENTICAL = 5
"""Answers, all equal to the base's, from which most of all answers are: half of them being so would show this in 3 %."""
FEWEST_BROKEN = 2
"""Answers, all broken and none of the base's: a model that breaks one in five, twice the margin, breaks both of two in 4 %."""
BOTH_SIDES = (1 - CONFIDENCE) / 2
ONE_TEXT = 0.8
"""Share of the references that are the same text, from which the verdict is about that text."""


@dataclass(frozen=True)
class Evidence:
    """What the rules look at."""

    rows: int
    """Held-out rows, of which `numbers` have a loss of both models that is a number; these have `questions` prompts."""
    numbers: int
    questions: int
    gain: Estimate | None
    deviation: float
    """Standard deviation of the gain per row."""
    least: float
    """The gain, in nats, from which the tuned model counts as better."""
    ruined: bool
    lost: int
    """Rows for which the tuned model's loss is no number, and the base's is."""
    p_lost: float
    unchanged: bool
    """Every row has exactly the base's loss."""
    tests: list[Checked]
    broken: Broken | None
    answers: int
    """Those to the same prompt are one."""
    identical: bool
    no_gradients: bool
    cut: int
    """Answers of the tuned model that the limit of new tokens cut on their way."""
    ends_unknown: bool
    """They are most of its answers, and whether answers end is to be known."""
    limit: int
    unanswered: int
    """Questions for which time ran out."""
    references: int
    """Of the answers, of which `alike` are one and the same text."""
    alike: int
    texts: int
    """How many different ones they are."""

    @property
    def one_text(self) -> bool:
        return self.references > 1 and self.alike >= ONE_TEXT * self.references

    @property
    def guesses(self) -> Guardrail | None:
        """Where the references are a few texts: the share of right answers, if always saying the commonest is as good."""
        right = next((one.guardrail for one in self.tests if one.guardrail.name == RIGHT), None)
        if not right or self.one_text or not 0 < self.texts * ROWS_A_TEXT <= self.references:
            return None
        return right if right.tuned * self.references <= self.alike else None

    def of(self, state: str) -> list[Checked]:
        """Guardrails in this state, the largest harm in proportion to its margin first."""
        found = [one for one in self.tests if one.guardrail.state == state]
        return sorted(found, key=lambda one: -one.harm / one.guardrail.margin)


def gather(
    losses: Sequence[RowLoss],
    samples: Sequence[Sample],
    general: GeneralRows | None,
    settings: ProbeSettings,
    *,
    scores: Sequence[Score],
    no_gradients: bool,
    unanswered: int,
    seed: int,
) -> tuple[Evidence, list[Skipped]]:
    """As `verdict.decide` takes them. Never raises for lack of rows: what cannot be had is named in `skipped`."""
    margins = parse(settings.margins)
    answered, skipped = answer_figures(samples, losses, scores, margins)
    asked, not_asked = general_figures(general, margins)
    gain, deviation, problems = _gain(losses, seed)
    finite = [row for row in losses if math.isfinite(row.base)]
    lost = sum(not math.isfinite(row.tuned) for row in finite)
    regained = sum(math.isfinite(row.tuned) and not math.isfinite(row.base) for row in losses)
    numbers = _numbers(losses)
    groups = same_questions(samples, losses)
    cut = sum(is_cut(sample) for sample in samples)
    references = [plain(group[0].reference) for group in groups if group[0].reference]
    evidence = Evidence(
        rows=len(losses),
        numbers=len(numbers),
        questions=len({row.question for row in numbers}),
        gain=gain,
        deviation=deviation,
        least=least_gain(gain.base, settings.min_gain) if gain else 0.0,
        ruined=is_ruined(losses),
        lost=lost,
        p_lost=p_rate_harm(lost, regained),
        unchanged=bool(losses) and all(row.base == row.tuned for row in losses),
        tests=check_all([*answered, *asked]),
        broken=_broken(samples, losses, {name for name, margin in margins.items() if margin is None}),
        answers=len(groups),
        identical=len(groups) >= FEWEST_IDENTICAL and all(sample.base == sample.tuned for sample in samples),
        no_gradients=no_gradients,
        cut=cut,
        ends_unknown=2 * cut > len(samples) and margins.get(STOPPED, MARGIN) is not None,
        limit=settings.max_new_tokens,
        unanswered=unanswered,
        references=len(references),
        alike=max(Counter(references).values(), default=0),
        texts=len(set(references)),
    )
    reasons = [Skipped(name="loss", reason=reason) for reason in problems]
    return evidence, [*reasons, *skipped, *not_asked]


def _numbers(losses: Sequence[RowLoss]) -> list[RowLoss]:
    return [row for row in losses if math.isfinite(row.base) and math.isfinite(row.tuned)]


def _gain(losses: Sequence[RowLoss], seed: int) -> tuple[Estimate | None, float, list[str]]:
    """The change of the loss, its deviation per row, and what could not be had."""
    rows = _numbers(losses)
    problems = []
    if len(rows) < len(losses):
        problems.append(f"left out {len(losses) - len(rows)} of {len(losses)} rows whose loss is no number")
    questions = len({row.question for row in rows})
    if questions < FEWEST_QUESTIONS:
        known = f"{words.count(questions, 'different prompt')} in {words.count(len(rows), 'evaluation row')}"
        if rows or not losses:
            problems.append(f"{known if rows else 'no evaluation rows'}: an interval needs {FEWEST_QUESTIONS}")
        return None, 0.0, problems
    change = bootstrap([row.tuned - row.base for row in rows], [row.question for row in rows], seed=seed)
    deviation = change.error * math.sqrt(len(rows))
    estimate = Estimate(
        name="loss",
        base=sum(row.base for row in rows) / len(rows),
        tuned=sum(row.tuned for row in rows) / len(rows),
        difference=change.estimate,
        low=change.low,
        high=change.high,
        confidence=CONFIDENCE,
        rows=len(rows),
        detectable=reach(BOTH_SIDES) * change.error,
    )
    return estimate, deviation, problems


def _broken(samples: Sequence[Sample], losses: Sequence[RowLoss], off: Set[str]) -> Broken | None:
    """`off`: scores that FINETUNE_PROBE_MARGINS leaves out. An answer that is of no use for these alone is of use."""

    def excused(found: dict[str, float]) -> dict[str, float]:
        faults = {name for name, bad in PARTS.items() if found.get(name) == bad}
        return {**found, BROKEN: 0.0} if BROKEN in found and faults and faults <= off else found

    if off:
        samples = [
            one.model_copy(update={"base_scores": excused(one.base_scores), "tuned_scores": excused(one.tuned_scores)})
            for one in samples
        ]
    base, tuned = paired(same_questions(samples, losses), BROKEN)
    if not base:
        return None
    counts = [sum(value >= 0.5 for value in values) for values in (base, tuned)]
    more = sum(after >= 0.5 > before for before, after in zip(base, tuned, strict=True))
    fewer = sum(before >= 0.5 > after for before, after in zip(base, tuned, strict=True))
    rows = len(base)
    most = 1 - p_at_most(counts[1] - 1, rows, 0.5) if counts[1] else 1.0
    interval = rate_interval(more, fewer, rows)
    all_broken = rows >= FEWEST_BROKEN and counts == [0, rows]  # so few that most need not be, but no good model is one
    shown = most <= ALPHA or all_broken
    return Broken(
        name=BROKEN,
        base=counts[0] / rows,
        tuned=counts[1] / rows,
        difference=interval.estimate,
        low=interval.low,
        high=interval.high,
        confidence=CONFIDENCE,
        rows=rows,
        detectable=detectable_rate(more, fewer, rows),
        p_most=most,
        p_more=p_rate_harm(more, fewer),
        state="violated" if shown else "undecided" if 2 * counts[1] > rows else "passed",
    )
