"""Is the tuned model better than the base? The rules, in the order in which they are asked; the first that applies decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from job.probing import words
from job.probing.evidence import BOTH_SIDES, Evidence, gather
from job.probing.guardrails import STOPPED, GeneralRows
from job.probing.scores import MARGIN, SCORES, Score
from job.probing.statistics import ALPHA, FEWEST_QUESTIONS, rows_for, rows_without_event
from job.results import RowLoss, Sample, Verdict
from job.settings.fields import ProbeSettings

Value = Literal["better", "no better", "worse", "inconclusive"]
ENOUGH_IDENTICAL = rows_without_event(MARGIN)
"""From which fewer than one in ten differs: as many outweigh a loss that is shown to be lower."""

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
    evidence, skipped = gather(
        losses,
        samples,
        general,
        settings,
        scores=scores,
        no_gradients=no_gradients,
        unanswered=unanswered,
        seed=seed,
    )
    ruling = next(found for rule in RULES if (found := rule(evidence)))
    value, sentence, decisive = ruling
    return Verdict(
        value=value,
        sentence=sentence,
        reasons=list(dict.fromkeys([*decisive, *_others(evidence)])),
        gain=evidence.gain,
        guardrails=[one.guardrail for one in evidence.tests],
        broken=evidence.broken,
        skipped=skipped,
        rows_needed=_rows_needed(evidence) if value == "inconclusive" else None,
    )


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
    if not broken or broken.state != "violated":
        return None
    text = words.broken_text(broken.rows, broken.base, broken.tuned)
    if broken.p_most <= ALPHA and broken.p_more <= ALPHA:
        return "worse", words.WORSE.format(text), [words.sentence(text)]
    return "no better", f"The tuned model cannot be used: {text}.", [words.sentence(text)]


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
    if found.identical or found.ends_unknown or found.guesses:
        return None
    if any(one.guardrail.state != "passed" for one in found.tests):
        return None
    share = 100 * -gain.difference / gain.base
    sentence = (
        f"The tuned model is better than the base model: its loss on {gain.rows:,} held-out answers is {share:.1f} % lower, "
        + words.checked_text([one.guardrail.name for one in found.tests])
    )
    if found.one_text:
        sentence += " " + words.one_text(found.alike, found.references)
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
    if right := found.guesses:
        why.append(words.guess_text(right, found.alike / found.references))
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
    if found.guesses:
        texts.append(words.GUESSES)
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
    if found.one_text:
        texts.append(words.one_text(found.alike, found.references))
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
