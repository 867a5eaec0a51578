"""Is the tuned model better than the base? The rules, in the order in which they are asked; the first that applies decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from job.probing import words
from job.probing.guardrails import (
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
from job.probing.ruin import is_ruined
from job.probing.scores import MARGIN, SCORES, Score
from job.probing.statistics import (
    ALPHA,
    CONFIDENCE,
    FEWEST_QUESTIONS,
    bootstrap,
    p_at_most,
    p_rate_harm,
    reach,
    rows_for,
    rows_without_event,
)
from job.results import Estimate, RowLoss, Sample, Skipped, Verdict
from job.settings.fields import ProbeSettings
from job.settings.margins import parse

Value = Literal["better", "no better", "worse", "inconclusive"]
BROKEN = "broken_share"
"""The score that says that nobody could use an answer: empty, endless, looping, copied or of another kind."""
FEWEST_IDENTICAL = 5
"""Answers, all equal to the base's, from which most of all answers are: half of them being so would show this in 3 %."""
ENOUGH_IDENTICAL = rows_without_event(MARGIN)
"""From which fewer than one in ten differs: as many outweigh a loss that is shown to be lower."""
FEWEST_BROKEN = 2
"""Answers, all broken and none of the base's: a model that breaks one in five, twice the margin, breaks both of two in 4 %."""
BOTH_SIDES = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Broken:
    """Answers that nobody could use."""

    rows: int
    base: float
    """Share."""
    tuned: float
    p_most: float
    """How likely so many broken answers are if the tuned model broke half of them."""
    p_more: float
    """How likely they are if the tuned model broke no more than the base."""


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

    def of(self, state: str) -> list[Checked]:
        """Guardrails in this state, the largest harm in proportion to its margin first."""
        found = [one for one in self.tests if one.guardrail.state == state]
        return sorted(found, key=lambda one: -one.harm / one.guardrail.margin)


Ruling = tuple[Value, str, list[str]]
"""A verdict, its sentence, and the figures that decided it."""


def decide(
    losses: Sequence[RowLoss],
    samples: Sequence[Sample],
    general: GeneralRows | None,
    settings: ProbeSettings,
    *,
    scores: Sequence[Score] = SCORES,
    no_gradients: bool = False,
    unanswered: int = 0,
    seed: int = 0,
) -> Verdict:
    """`samples`: those that had no part in the choice of the checkpoint, with the scores of both models. `no_gradients`: no
    step of the training changed the adapter. `unanswered`: questions that time did not allow. Never raises for lack of rows:
    what cannot be had is named in `skipped`."""
    margins = parse(settings.margins)
    answered, skipped = answer_figures(samples, losses, scores, margins)
    asked, not_asked = general_figures(general, margins)
    gain, deviation, reasons = _gain(losses, seed)
    finite = [row for row in losses if math.isfinite(row.base)]
    lost = sum(not math.isfinite(row.tuned) for row in finite)
    regained = sum(math.isfinite(row.tuned) and not math.isfinite(row.base) for row in losses)
    numbers = _numbers(losses)
    groups = same_questions(samples, losses)
    cut = sum(is_cut(sample) for sample in samples)
    evidence = Evidence(
        rows=len(losses),
        numbers=len(numbers),
        questions=len({row.question for row in numbers}),
        gain=gain,
        deviation=deviation,
        least=settings.min_gain * gain.base if gain else 0.0,
        ruined=is_ruined(losses),
        lost=lost,
        p_lost=p_rate_harm(lost, regained),
        unchanged=bool(losses) and all(row.base == row.tuned for row in losses),
        tests=check_all([*answered, *asked]),
        broken=_broken(samples, losses),
        answers=len(groups),
        identical=len(groups) >= FEWEST_IDENTICAL and all(sample.base == sample.tuned for sample in samples),
        no_gradients=no_gradients,
        cut=cut,
        ends_unknown=2 * cut > len(samples) and margins.get(STOPPED, MARGIN) is not None,
        limit=settings.max_new_tokens,
        unanswered=unanswered,
    )
    ruling = next(found for rule in RULES if (found := rule(evidence)))
    value, sentence, decisive = ruling
    return Verdict(
        value=value,
        sentence=sentence,
        reasons=list(dict.fromkeys([*decisive, *_others(evidence)])),
        gain=gain,
        guardrails=[one.guardrail for one in evidence.tests],
        skipped=[*(Skipped(name="loss", reason=reason) for reason in reasons), *skipped, *not_asked],
        rows_needed=_rows_needed(evidence) if value == "inconclusive" else None,
    )


# --- what is measured ------------------------------------------------------------------------------------------------


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


def _broken(samples: Sequence[Sample], losses: Sequence[RowLoss]) -> Broken | None:
    base, tuned = paired(same_questions(samples, losses), BROKEN)
    if not base:
        return None
    counts = [sum(value >= 0.5 for value in values) for values in (base, tuned)]
    more = sum(after >= 0.5 > before for before, after in zip(base, tuned, strict=True))
    fewer = sum(before >= 0.5 > after for before, after in zip(base, tuned, strict=True))
    rows = len(base)
    most = 1 - p_at_most(counts[1] - 1, rows, 0.5) if counts[1] else 1.0
    return Broken(rows, counts[0] / rows, counts[1] / rows, most, p_rate_harm(more, fewer))


# --- rules -----------------------------------------------------------------------------------------------------------


def _harmed(found: Evidence) -> Ruling | None:
    violated = found.of("violated")
    if violated:
        reasons = [words.guardrail_text(one.guardrail) for one in violated]
        return "worse", words.WORSE.format(words.harm_text(violated[0].guardrail, others=len(violated) - 1)), reasons
    if found.lost and found.p_lost <= ALPHA:
        lost = f"for {found.lost} held-out rows its loss is no number, which the base model's is"
        return "worse", words.WORSE.format(lost), [words.sentence(lost)]
    if found.ruined:
        rows = words.count(found.numbers, "row")
        doubled = f"its loss on held-out answers has at least doubled, and none of them is lower ({rows})"
        return "worse", words.WORSE.format(doubled), [words.sentence(doubled)]
    return None


def _unusable(found: Evidence) -> Ruling | None:
    """Whatever the base does: nobody is served by a model most of whose answers are broken."""
    broken = found.broken
    if not broken or (broken.p_most > ALPHA and not _all_broken(broken)):
        return None
    text = words.broken_text(broken.rows, broken.base, broken.tuned)
    if broken.p_most <= ALPHA and broken.p_more <= ALPHA:
        return "worse", words.WORSE.format(text), [words.sentence(text)]
    return "no better", f"The tuned model cannot be used: {text}.", [words.sentence(text)]


def _all_broken(broken: Broken) -> bool:
    """All, and none of the base's: so few that they do not show that most are, and enough that no good model is one."""
    return broken.rows >= FEWEST_BROKEN and broken.tuned == 1 and broken.base == 0


def _learned_nothing(found: Evidence) -> Ruling | None:
    if found.no_gradients:
        why = "no step of the training changed the adapter, so nothing was learned"
    elif found.unchanged:
        why = "it gives every held-out answer exactly the base model's probability"
    elif found.identical and (found.answers >= ENOUGH_IDENTICAL or not _gains(found)):
        why = f"all {found.answers} answers are word for word those of the base model"
    else:
        return None
    return "no better", words.NO_BETTER.format(why), [words.sentence(why)]


def _predicts_worse(found: Evidence) -> Ruling | None:
    """By as much as would count if it were lower: with many rows a rise of a millionth is shown too."""
    if not found.gain or found.gain.low <= 0 or found.gain.difference < found.least:
        return None
    loss = f"it predicts the held-out answers worse (loss {found.gain.base:.2f} → {found.gain.tuned:.2f})"
    return "worse", words.WORSE.format(loss), [words.loss_text(found.gain, found.least)]


def _gained_too_little(found: Evidence) -> Ruling | None:
    if not found.gain or -found.gain.low >= found.least:
        return None
    share = 100 * found.least / found.gain.base if found.gain.base else 0.0
    most = 100 * -found.gain.low / found.gain.base if found.gain.base else 0.0
    lower = f"at most {most:.1f} % lower" if most > 0 else "not lower"
    why = f"its loss on held-out answers is {lower}, and from {share:.1f} % on it would count"
    return "no better", words.NO_BETTER.format(why), [words.loss_text(found.gain, found.least)]


def _is_better(found: Evidence) -> Ruling | None:
    gain = found.gain
    if not gain or not _gains(found) or found.lost or not found.answers or _mostly_broken(found):
        return None
    if found.identical or found.ends_unknown:
        return None
    if any(one.guardrail.state != "passed" for one in found.tests):
        return None
    share = 100 * -gain.difference / gain.base
    sentence = (
        f"The tuned model is better than the base model: its loss on {gain.rows:,} held-out answers is {share:.1f} % lower, "
        + words.checked_text([one.guardrail.name for one in found.tests])
    )
    return "better", sentence, [words.loss_text(gain, found.least)]


def _gains(found: Evidence) -> bool:
    return bool(found.gain and found.gain.high < 0 and -found.gain.difference >= found.least)


def _mostly_broken(found: Evidence) -> bool:
    return bool(found.broken and found.broken.tuned > 0.5)


def _cannot_say(found: Evidence) -> Ruling:
    """What stands in the way, for each thing that does, and what would decide it."""
    why, open_ = [], []
    if found.broken and _mostly_broken(found):
        why.append(words.broken_text(found.broken.rows, found.broken.base, found.broken.tuned))
    if not _gains(found):
        why.append(_no_gain(found))
        open_ += [words.loss_text(found.gain, found.least)] if found.gain else []
    if found.lost and found.gain:
        why.append(f"for {found.lost} held-out rows its loss is no number")
    if not found.answers:
        why.append("no answer was looked at")
    if found.unanswered:
        why.append(f"{words.count(found.unanswered, 'question')} had no answer within FINETUNE_PROBE_MINUTES")
    if found.identical:
        why.append(f"all {found.answers} answers are word for word those of the base model")
    if found.ends_unknown:
        why.append(words.cut_text(found.cut, found.limit))
    undecided = [one.guardrail for one in found.of("undecided")]
    why += words.open_texts(undecided, len(found.tests))
    open_ += words.undecided_texts(undecided)
    sentence = f"Whether the tuned model is better than the base model is not certain: {'; '.join(why)}."
    return "inconclusive", " ".join([sentence, *_would_decide(found)]), open_


def _no_gain(found: Evidence) -> str:
    """Why the loss is not shown to be lower."""
    if found.gain:
        return f"{found.gain.rows:,} held-out rows do not show whether its loss is lower by enough to count"
    if _few_numbers(found):
        return f"the loss is no number in {found.rows - found.numbers:,} of {words.count(found.rows, 'held-out row')}"
    if found.numbers >= FEWEST_QUESTIONS:
        return f"{found.numbers:,} held-out rows have {words.count(found.questions, 'prompt')}, too few to compare the losses"
    return "too few held-out rows to compare the losses"


def _few_numbers(found: Evidence) -> bool:
    """Whether it is for want of numbers that the losses cannot be compared."""
    return not found.gain and found.numbers < FEWEST_QUESTIONS <= found.rows


def _would_decide(found: Evidence) -> list[str]:
    """Sentences: first what no number of rows decides."""
    texts = []
    if _few_numbers(found):
        texts.append("More rows do not mend a loss that is no number: another base model does.")
    if found.ends_unknown:
        texts.append("A higher FINETUNE_PROBE_MAX_NEW_TOKENS would show whether its answers end.")
    if found.unanswered:
        texts.append("A higher FINETUNE_PROBE_MINUTES would give more answers.")
    if any(one.guardrail.name in words.GENERAL for one in found.of("undecided")):
        texts.append(words.GENERAL_STAYS)
    if needed := _rows_needed(found):
        repeated = " with prompts of their own" if 2 * found.questions < found.numbers else ""
        texts.append(f"About {needed:,} rows{repeated} would decide{' the rest' if texts else ''}.")
    return texts


RULES: tuple[Callable[[Evidence], Ruling | None], ...] = (
    _harmed,
    _unusable,
    _learned_nothing,
    _predicts_worse,
    _gained_too_little,
    _is_better,
    _cannot_say,
)


def _others(found: Evidence) -> list[str]:
    """Figures that did not decide."""
    texts = [words.loss_text(found.gain, found.least)] if found.gain else []
    if found.unanswered:
        texts.append(f"{words.count(found.unanswered, 'question')} had no answer within FINETUNE_PROBE_MINUTES.")
    if found.cut:
        texts.append(words.sentence(words.cut_text(found.cut, found.limit)))
    texts += words.undecided_texts([one.guardrail for one in found.of("undecided")])
    if passed := found.of("passed"):
        names = ", ".join(one.guardrail.name for one in passed)
        texts.append(f"No harm as large as its margin in {words.count(len(passed), 'check')}: {names}.")
    return texts


def _rows_needed(found: Evidence) -> int | None:
    """The larger sample of those that would decide the loss and the guardrails; None where more rows do not help. Where a score
    applies to one answer in three, it takes three times the rows."""
    undecided = [one for one in found.of("undecided") if not (found.ends_unknown and one.guardrail.name == STOPPED)]
    if found.unanswered:
        undecided = []  # the rows were there
    needed = [-(-one.rows_needed * found.answers // one.guardrail.rows) for one in undecided if one.rows_needed]
    too_few = not found.gain and not _few_numbers(found)
    if too_few or not (found.answers or found.unanswered) or found.identical:
        needed.append(max(FEWEST_QUESTIONS, rows_without_event(MARGIN)))
    if found.gain and not _gains(found) and found.deviation:
        gain = -found.gain.difference
        distance = gain if gain >= found.least else max(found.least - gain, found.least / 2)
        if distance > 0:
            needed.append(max(rows_for(found.deviation, distance, BOTH_SIDES), found.gain.rows + 1))
    return max(needed, default=None)
