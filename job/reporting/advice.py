"""What to do next, by the verdict and what led to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from job.reporting.decision import OTHERS
from job.reporting.losses import Losses
from job.reporting.marks import Pair, faulty
from job.reporting.numbers import NO_BREAK, count
from job.reporting.rows import ChangedRows
from job.results import Cleaned, Estimate, Metrics, Probed, Trained

MOST_LINKS, MOST_CAUSES = 3, 2
MOST_HELD_OUT = 0.3
"""Share of the rows; with more, too few are left to learn from."""
UNMOVED = 0.001
"""Share of the base model's loss; a loss that changed by less has not moved."""
USUAL_RATE = 2e-4
"""The default learning rate."""
CUT = 0.5
"""Mean length of the data's answers, as a share of the limit of new tokens, from which many are longer than the limit."""
LIMIT, FEW_CUT = "FINETUNE_PROBE_MAX_NEW_TOKENS", 0.1
USUAL_MINUTES = 15
"""The default of FINETUNE_PROBE_MINUTES."""
MOSTLY_LEARNED = 0.5
"""Share of the base model's loss; from a loss below it a longer run takes away little."""
SAME, BAD_END = "same_answer_share", "bad_end_share"
OF_THE_ROWS = {SAME, BAD_END, "same_language_share"}
"""What answers do that is learned from rows, and not of steps that were too large."""
RUINED = {"looping_share", "empty_share", "copied_share"}
"""What answers do after steps that were too large."""


@dataclass(frozen=True)
class Step:
    text: str
    """With `names of settings and files` in backticks."""
    code: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    """(words, id of what they point to)"""


@dataclass(frozen=True)
class Known:
    """What the advice follows from."""

    metrics: Metrics
    probed: Probed
    losses: Losses
    pairs: Sequence[Pair]
    rows: ChangedRows

    @property
    def violated(self) -> set[str]:
        return {one.name for one in self.probed.verdict.guardrails if one.state == "violated"}

    @property
    def stops(self) -> bool:
        """Nearly every answer of the tuned model ended by itself."""
        return self.probed.tuned.get("stopped_share", 1) >= 1 - FEW_CUT

    @property
    def rows_moved(self) -> str:
        return "rose most" if self.rows.rose else "fell least"

    @property
    def halved(self) -> bool:
        """Whether half of the questions chose the checkpoint."""
        return any(one.loss is not None for one in self.probed.candidates)

    @property
    def probe_again(self) -> str:
        """How another probe of this training is had."""
        push = self.metrics.push
        if push and not push.skipped:
            return ", in a new `FINETUNE_OUTPUT_DIR`, since this model is published"
        return ", and start again: only the probe is repeated"

    def setting(self, section: str, name: str, default: Any) -> Any:
        fields = self.metrics.settings.get(section)
        value = fields.get(name) if isinstance(fields, dict) else None
        return default if value is None else value


def next_steps(
    metrics: Metrics, losses: Losses, pairs: Sequence[Pair], rows: ChangedRows, *, settled: bool
) -> list[Step]:
    """One to three steps. `settled`: the run came to its verdict; what to do after a failure, its error says."""
    if not settled or not metrics.probe:
        return []
    return list(ADVICE[metrics.probe.verdict.value](Known(metrics, metrics.probe, losses, pairs, rows)))


def _use(known: Known) -> Iterator[Step]:
    push = known.metrics.push
    repository = next((one for one in (push.repositories if push else []) if one.kind == "model"), None)
    lora = (
        next((one for one in known.metrics.export.forms if one.name == "lora"), None) if known.metrics.export else None
    )
    adapter = repository.repo_id if repository else lora.name if lora else known.probed.adapter_path
    card = "the model card" if repository else f"`{push.card_path}`" if push else ""
    said = lora.agreement if lora else None
    loaded = (
        f" A fresh process has loaded it, and found {count(said.same_answers)} of {count(said.answers)} answers of the probe "
        "word for word."
        if said
        else ""
    )
    yield Step(
        "Use it: "
        f"{card} has the code that loads the adapter and asks it, with the right system prompt and stop token.{loaded}"
        if card
        else "Use it:",
        f'model = PeftModel.from_pretrained(base_model, "{adapter}")',
    )
    if push and push.skipped and not known.setting("hub", "repo_id", ""):
        yield Step("To publish it, set `FINETUNE_HUB_REPO_ID` and start again: only the push is left to do.")
    yield from _look(known, "Before you send it on, read a few answers: the figures judge their form, not their truth.")


def _more_rows(known: Known) -> Iterator[Step]:
    verdict, cleaned = known.probed.verdict, known.metrics.clean
    needed = verdict.rows_needed
    if needed and cleaned:
        rows = [one.rows for one in verdict.guardrails if one.state == "undecided" and one.name not in OTHERS]
        had = max(rows or [verdict.gain.rows if verdict.gain else cleaned.eval_rows])
        wanted = needed * (2 if known.halved else 1)
        held_out, asked = list(_hold_out(cleaned, wanted)), list(_ask(known, wanted))
        ways = ", and ".join([*held_out, *asked]) or "add data"
        again = known.probe_again if asked and not held_out else ", in a new `FINETUNE_OUTPUT_DIR`"
        yield Step(
            f"About {count(needed)} rows would decide; in this run {count(had)} counted{_held_out(known, cleaned, had)}. "
            f"{ways[0].upper()}{ways[1:]}{again}."
        )
        yield from [*_more_time(known), *_cut_short(known), *_warned(known), *_cut(known), *_forgetting(known)][:1]
    elif others := [*_more_time(known), *_cut(known), *_forgetting(known)]:
        yield from others
    elif verdict.gain:  # more rows do not mend a loss that is no number
        yield from _causes(known)
    answers = ", and at the answers" if known.pairs else ""
    yield from _look(known, f"Look at the rows whose loss {known.rows_moved}{answers}:")


def _held_out(known: Known, cleaned: Cleaned, had: int) -> str:
    """Why fewer count than were held out."""
    if had >= cleaned.eval_rows:
        return ""
    why = [f"the probe asked {count(known.probed.eval_rows)}"] if known.probed.eval_rows < cleaned.eval_rows else []
    why += ["half chose the checkpoint"] if known.halved else []
    return f" of {count(cleaned.eval_rows)} held out ({'; '.join([*why, 'each prompt counts once, where a score applies'])})"


def _more_time(known: Known) -> Iterator[Step]:
    """Where the time limit left questions without an answer: as much as the answered ones took, for all, and a quarter more."""
    probed, minutes = known.probed, float(known.setting("probe", "minutes", USUAL_MINUTES))
    if not probed.unanswered:
        return
    answered = probed.questions + probed.eval_rows
    share = (answered + probed.unanswered) / answered if answered else 0
    enough = math.ceil(1.25 * minutes * share) if share else max(USUAL_MINUTES, math.ceil(4 * minutes))
    yield Step(
        f"Let the models answer: {count(probed.unanswered)} of {count(answered + probed.unanswered)} questions had no answer "
        f"within {minutes:g} minutes. Set `FINETUNE_PROBE_MINUTES={enough}`{known.probe_again}."
    )


def _forgetting(known: Known) -> Iterator[Step]:
    """There are always as many general questions, so that more rows do not decide them."""
    if any(one.state == "undecided" and one.name in OTHERS for one in known.probed.verdict.guardrails):
        yield Step(
            "For the general questions, which more rows do not change, train more gently (a lower "
            "`FINETUNE_TRAIN_LEARNING_RATE`, fewer epochs), or set a wider margin in `FINETUNE_PROBE_MARGINS`."
        )


def _hold_out(cleaned: Cleaned, needed: int) -> Iterator[str]:
    kept = cleaned.train_rows + cleaned.eval_rows
    if needed <= cleaned.eval_rows:
        return
    if needed <= MOST_HELD_OUT * kept:
        yield f"set `FINETUNE_DATA_EVAL_FRACTION={min(1.2 * needed / kept, MOST_HELD_OUT):.2f}`, which holds out so many"
    else:
        share = cleaned.eval_rows / max(kept, 1)
        more = f"set `FINETUNE_DATA_EVAL_FRACTION={MOST_HELD_OUT}` and " if share < MOST_HELD_OUT - 0.01 else ""
        at = "that share" if more else "the share that was held out"
        yield f"{more}add data: it takes about {count(needed / max(share, MOST_HELD_OUT))} rows in all at {at}"


def _ask(known: Known, wanted: int) -> Iterator[str]:
    """More questions than are asked now."""
    answers = int(known.setting("probe", "answers", 200))
    if wanted > answers:
        yield f"set `FINETUNE_PROBE_ANSWERS={wanted}` (now {count(answers)}), which asks as many questions"


def _causes(known: Known) -> Iterator[Step]:
    """What most likely went wrong, the likeliest first; more rows where nothing else shows."""
    found = [step for cause in NO_GAIN for step in cause(known)]
    yield from found[:MOST_CAUSES] or _other_rows(known)


def _too_strong(known: Known) -> Iterator[Step]:
    """Where the loss rose or is no number, where what the base knew is gone, and where answers are ruined whatever the loss."""
    rate = float(known.setting("train", "learning_rate", 0))
    step = "Train more gently, with a lower `FINETUNE_TRAIN_LEARNING_RATE`"
    if rate:
        step = f"Train more gently: `FINETUNE_TRAIN_LEARNING_RATE={rate / 10:.2g}`, a tenth of this run's"
    gain = known.probed.verdict.gain
    if _rose(gain):
        yield Step(f"{step}: its loss rose, so it learned the wrong thing or too fast.")
    elif _ruined(known):
        yield Step(f"{step}, or fewer epochs: steps that are too large leave such answers, though the loss may fall.")
    elif known.violated & set(OTHERS):
        yield Step(f"{step}, or fewer epochs: it moved further from the base model than the data needs.")
    elif known.probed.verdict.value == "worse" and not known.violated:
        yield Step(f"{step}: losses that doubled or are no number come of steps that are too large.")


def _rose(gain: Estimate | None) -> bool:
    return gain is not None and gain.low > 0 and gain.difference > UNMOVED * gain.base


def _ruined(known: Known) -> bool:
    """Answers that nobody can use, where the base's are better, and that no row teaches."""
    base, tuned = (float(scores.get("broken_share", 0)) for scores in (known.probed.base, known.probed.tuned))
    return bool(known.violated & RUINED) or (not known.violated & OF_THE_ROWS and tuned > max(0.5, base + 0.1))


def _faulty_rows(known: Known) -> Iterator[Step]:
    if not known.violated - set(OTHERS) or _rose(known.probed.verdict.gain):
        return
    if SAME in known.violated and not _ruined(known):
        yield Step(
            "It answers different questions alike. Look at the training rows: does one answer stand behind many questions? "
            "Otherwise it has learned how answers sound, and not yet what they say: more rows on each subject teach that."
        )
    elif BAD_END in known.violated and not _ruined(known):
        yield Step(
            "Its answers break off, or go on with turns of a conversation. Look at the training rows: are answers cut off "
            "there, or do some hold the next question as well? A row for each exchange, or a list of turns, keeps them apart."
        )
    elif _ruined(known):
        yield Step("If that does not help, look at the training rows: do they themselves repeat, copy, or lack an end?")
    elif known.violated != {"stopped_share"} or not any(_cut(known)):
        end = ", and see under “What is trained on” that each ends with the stop token"
        yield Step(
            "Look at the training rows: the loss fell, so the model learned from them what these answers show. Drop or clean "
            f"such rows{end if 'stopped_share' in known.violated else ''}."
        )


def _cut(known: Known) -> Iterator[Step]:
    """Where many answers of the data are too long for the probe, whether the model's end is not seen. The verdict leaves out
    those that the limit cut, and names the setting."""
    cleaned, limit = known.metrics.clean, int(known.setting("probe", "max_new_tokens", 0))
    mean = cleaned.answer_tokens / max(cleaned.train_rows, 1) if cleaned else 0
    verdict = known.probed.verdict
    said = any(LIMIT in reason for reason in verdict.reasons)
    many = (said and mean >= CUT * limit) or (not known.stops and mean >= limit)
    if limit and not _ruined(known) and (LIMIT in verdict.sentence or many):
        yield Step(
            f"Let answers end: those in the data have {count(mean)} tokens on average, and the probe cut its own at "
            f"{count(limit)}. Set `FINETUNE_PROBE_MAX_NEW_TOKENS={max(round(3 * mean), 2 * limit)}`"
            f"{known.probe_again}."
        )


def _cut_short(known: Known) -> Iterator[Step]:
    trained = known.metrics.train
    if trained and trained.stopped_early:
        yield Step(
            f"Give it more time: the deadline ended training after {count(trained.steps)} of {count(trained.planned_steps)} "
            "steps. Set `FINETUNE_DEADLINE_MINUTES` higher, or `FINETUNE_TRAIN_EPOCHS` lower so that the schedule fits."
        )


def _warned(known: Known) -> Iterator[Step]:
    trained = known.metrics.train
    if trained and trained.warnings and not trained.stopped_early and not _ruined(known):
        yield Step(f"Mend this {'too' if _unmoved(known, trained) else 'first'}: {trained.warnings[0].rstrip('.')}.")


def _too_weak(known: Known) -> Iterator[Step]:
    trained = known.metrics.train
    if not trained or trained.zero_gradients or trained.stopped_early or not _unmoved(known, trained):
        return
    rate = float(known.setting("train", "learning_rate", 0))
    higher = f"`FINETUNE_TRAIN_LEARNING_RATE={min(max(10 * rate, USUAL_RATE), 1):.2g}`" if rate else "a higher one"
    yield Step(
        f"Train with a higher learning rate: the evaluation loss moved by almost nothing. Set {higher}"
        + (f" (this run's was {rate:.2g})." if rate else ".")
    )


def _unmoved(known: Known, trained: Trained) -> bool:
    seen = [trained.best_eval_loss, *(loss for _, loss in known.losses.evaluations)]
    return all(abs(loss - trained.base_eval_loss) <= UNMOVED * trained.base_eval_loss for loss in seen)


def _too_short(known: Known) -> Iterator[Step]:
    trained = known.metrics.train
    if not trained or trained.stopped_early or _ruined(known) or _unmoved(known, trained) or _learned(known):
        return
    falling = _still_falling(known.losses, trained)
    if trained.warnings or falling:
        epochs = float(known.setting("train", "epochs", trained.epochs))
        still = ", and the evaluation loss was still falling at its end" if falling else ""
        yield Step(
            f"Try a longer run: {_took(known, trained)}{still}. `FINETUNE_TRAIN_EPOCHS={3 * epochs:g}` takes three times as "
            "many steps."
        )


def _learned(known: Known) -> bool:
    """Most of the loss is gone already, and it is not for want of steps that nothing is decided."""
    trained = known.metrics.train
    return bool(trained and trained.best_eval_loss < MOSTLY_LEARNED * trained.base_eval_loss)


def _other_rows(known: Known) -> Iterator[Step]:
    trained, cleaned = known.metrics.train, known.metrics.clean
    if trained and cleaned:
        ended = (
            ""
            if _still_falling(known.losses, trained)
            else (" The evaluation loss no longer fell at its end, so a longer run will not help.")
        )
        yield Step(
            f"Try more or better rows: {_took(known, trained)} and learned from {count(cleaned.train_rows)} rows.{ended}"
        )


def _took(known: Known, trained: Trained) -> str:
    epochs = float(known.setting("train", "epochs", trained.epochs))
    steps = f"{count(trained.steps)} optimizer step{'s' if trained.steps != 1 else ''}"
    return f"this one took {steps} in {epochs:g} epoch{'s' if epochs != 1 else ''}"


def _still_falling(losses: Losses, trained: Trained) -> bool:
    """By more than almost nothing, from the evaluation before the last to the last."""
    if len(losses.evaluations) < 2 or trained.best_step < max(step for step, _ in losses.evaluations):
        return False
    (_, before), (_, last) = sorted(losses.evaluations)[-2:]
    return before - last > UNMOVED * trained.base_eval_loss


HARM = (_too_strong, _cut, _faulty_rows)
"""Causes of answers that are worse, the likeliest first."""
NO_GAIN = (_too_strong, _cut_short, _too_weak, _warned, _too_short, _cut)
"""Causes of a gain that is too small."""


def _no_better(known: Known) -> Iterator[Step]:
    yield from _causes(known)
    yield from _look(known, "Look at these rows, whose loss fell least: is what they ask for in the data at all?")


def _mend(known: Known) -> Iterator[Step]:
    yield from [step for cause in HARM for step in cause(known)][:MOST_CAUSES]
    guilty = [one for one in known.pairs if set(faulty(one.sample.tuned_scores)) & known.violated]
    yield from _look(known, f"Look at the answers that show it, and at the rows whose loss {known.rows_moved}:", guilty)


def _look(known: Known, text: str, pairs: Sequence[Pair] = ()) -> Iterator[Step]:
    links = [(f"answer{NO_BREAK}{one.number}", f"answer-{one.number}") for one in pairs[:MOST_LINKS]]
    links += [(f"row{NO_BREAK}{one.number}", f"row-{one.number}") for one in known.rows.worst[:MOST_LINKS]]
    if links:
        yield Step(text, links=links)


ADVICE: dict[str, Callable[[Known], Iterator[Step]]] = {
    "better": _use,
    "inconclusive": _more_rows,
    "no better": _no_better,
    "worse": _mend,
}
