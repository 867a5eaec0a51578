"""What to do next, by the verdict and what led to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from job.reporting.decision import OTHERS
from job.reporting.losses import Losses
from job.reporting.marks import Pair, faulty
from job.reporting.numbers import NO_BREAK, count
from job.reporting.rows import ChangedRows
from job.results import Cleaned, Metrics, Probed, Trained

MOST_LINKS = 3
MOST_HELD_OUT = 0.3
"""Share of the rows; with more, too few are left to learn from."""


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
    adapter = repository.repo_id if repository else known.probed.adapter_path
    card = "the model card" if repository else f"`{push.card_path}`" if push else ""
    yield Step(
        f"Use it: {card} has the code that loads the adapter and asks it, with the right system prompt and stop token."
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
        rows = [one.rows for one in verdict.guardrails if one.state == "undecided"]
        had = min(rows or [verdict.gain.rows if verdict.gain else cleaned.eval_rows])
        ways = ", and ".join([*_hold_out(cleaned, needed), *_ask(known, needed)]) or "add data"
        yield Step(
            f"About {count(needed)} held-out rows would decide; this run had {count(had)}. {ways[0].upper()}{ways[1:]}, in a "
            "new `FINETUNE_OUTPUT_DIR`."
        )
    else:
        yield from _longer(known)
    yield from _look(known, "Look at the rows whose loss rose most, and at the answers:")


def _hold_out(cleaned: Cleaned, needed: int) -> Iterator[str]:
    kept = cleaned.train_rows + cleaned.eval_rows
    if needed <= cleaned.eval_rows:
        return
    if needed <= MOST_HELD_OUT * kept:
        yield f"set `FINETUNE_DATA_EVAL_FRACTION={min(1.2 * needed / kept, MOST_HELD_OUT):.2f}`, which holds out so many"
    else:
        share = max(cleaned.eval_rows / max(kept, 1), 0.01)
        yield f"add data: it takes about {count(needed / share)} rows in all at the share that was held out"


def _ask(known: Known, needed: int) -> Iterator[str]:
    """More questions; where half of them chose the checkpoint, twice as many."""
    halved = any(one.loss is not None for one in known.probed.candidates)
    wanted, answers = needed * (2 if halved else 1), int(known.setting("probe", "answers", 200))
    if wanted > answers:
        yield f"set `FINETUNE_PROBE_ANSWERS={wanted}` (now {count(answers)}), which asks as many questions"


def _longer(known: Known) -> Iterator[Step]:
    """Or more rows, with the numbers of this run."""
    trained, cleaned = known.metrics.train, known.metrics.clean
    if not trained:
        return
    if trained.warnings:
        yield Step(f"Mend this first: {trained.warnings[0].rstrip('.')}.")
    epochs = float(known.setting("train", "epochs", trained.epochs))
    steps = f"{count(trained.steps)} optimizer step{'s' if trained.steps != 1 else ''}"
    took = f"this one took {steps} in {epochs:g} epoch{'s' if epochs != 1 else ''}"
    falling = _still_falling(known.losses, trained)
    if trained.warnings or falling:
        still = ", and the evaluation loss was still falling at its end" if falling else ""
        yield Step(
            f"Try a longer run: {took}{still}. `FINETUNE_TRAIN_EPOCHS={3 * epochs:g}` takes three times as many steps."
        )
    elif cleaned:
        yield Step(
            f"Try more or better rows: {took} and learned from {count(cleaned.train_rows)} rows. The evaluation loss no longer "
            "fell at its end, so a longer run will not help."
        )


def _still_falling(losses: Losses, trained: Trained) -> bool:
    return bool(losses.evaluations) and trained.best_step >= max(step for step, _ in losses.evaluations)


def _no_better(known: Known) -> Iterator[Step]:
    yield from _longer(known)
    yield from _look(known, "Look at these rows, whose loss did not fall: is what they ask for in the data at all?")


def _mend(known: Known) -> Iterator[Step]:
    violated = [one.name for one in known.probed.verdict.guardrails if one.state == "violated"]
    learning_rate = float(known.setting("train", "learning_rate", 0))
    gain = known.probed.verdict.gain
    rate = "Train more gently, with a lower `FINETUNE_TRAIN_LEARNING_RATE`"
    if learning_rate:
        rate = f"Train more gently: `FINETUNE_TRAIN_LEARNING_RATE={learning_rate / 10:.2g}`, a tenth of this run's"
    if gain and gain.low > 0:
        yield Step(f"{rate}: its loss rose, so it learned the wrong thing or too fast.")
    elif set(violated) & set(OTHERS):
        yield Step(f"{rate}, or fewer epochs: it moved further from the base model than the data needs.")
    else:
        yield Step(
            "Look at the training rows: the loss fell, so the model learned from them what these answers show. Drop or clean "
            "such rows, and see under “What is trained on” that each ends with the stop token."
        )
    guilty = [one for one in known.pairs if set(faulty(one.sample.tuned_scores)) & set(violated)]
    yield from _look(known, "Look at the answers that show it, and at the rows whose loss rose most:", guilty)


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
