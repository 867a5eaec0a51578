"""What the page shows: a run's results as sentences, figures and rows of tables.

Knows nothing about HTML. Leaves out what a run has not reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from job.errors import EXIT_CODES
from job.reporting.bars import Bar, Dropped, ListCount, funnel, lengths, list_counts, shares_of
from job.reporting.changes import Change, difference
from job.reporting.losses import Losses
from job.reporting.numbers import count, duration, loss_text, share, signed, size
from job.reporting.scores import ScoreRow, score_rows
from job.reporting.words import is_quoted, note_words, readable, rule_words
from job.results import Cleaned, LogEntry, MaskedRow, Metrics, PushedRepo, Sample

LONG_TEXT = 600
"""Characters; a longer training row is folded away."""


@dataclass(frozen=True)
class Tile:
    """One of the few figures at the top."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class RuleRow:
    """What one cleaning rule did."""

    name: str
    words: str
    seen: int
    changed: int
    dropped: int
    skipped: int
    exchanges: int
    characters_removed: int
    quoted: bool
    """False for contact data: counted, never shown."""
    examples: list[Change]


@dataclass(frozen=True)
class Mask:
    """A training row: what the model is shown, and what it is trained to say."""

    pieces: list[tuple[str, bool]]
    """Texts, each with whether it is trained on."""
    tokens: int
    learned_tokens: int
    long: bool


@dataclass(frozen=True)
class View:
    """The page's contents, section by section."""

    heading: str
    verdict: str
    meaning: tuple[str, str] | None
    """What the exit code means, and whether another try is worth it."""
    base_model: str
    adapter_repo: PushedRepo | None
    tiles: list[Tile]
    losses: Losses
    funnel: list[Bar]
    dropped: Dropped
    lists: list[ListCount]
    rules: list[RuleRow]
    turns: list[tuple[str, int]]
    """What was done to turns of conversations, and how often."""
    lengths: list[Bar]
    max_tokens: str
    near_duplicates: str
    repeated: str
    masks: list[Mask]
    scores: list[ScoreRow]
    questions: list[Sample]
    eval_rows: list[Sample]
    parts: list[Bar]
    """The parts of the adapter file."""
    timings: list[Bar]
    settings: list[tuple[str, str]]


def view(metrics: Metrics, log: Sequence[LogEntry], samples: Sequence[Sample], dropped: Dropped) -> View:
    losses = Losses.of(metrics, log)
    cleaned, trained, probed = metrics.clean, metrics.train, metrics.probe
    return View(
        heading=heading(metrics),
        verdict=verdict(metrics, losses),
        meaning=EXIT_CODES.get(metrics.exit_code) if metrics.exit_code is not None else None,
        base_model=_setting(metrics, "model", "base"),
        adapter_repo=_adapter_repo(metrics),
        tiles=list(tiles(metrics, losses)),
        losses=losses,
        funnel=funnel(cleaned) if cleaned else [],
        dropped=dropped,
        lists=list_counts(cleaned, dropped) if cleaned else [],
        rules=rule_rows(cleaned) if cleaned else [],
        turns=turns(cleaned) if cleaned else [],
        lengths=lengths(cleaned.token_counts) if cleaned else [],
        max_tokens=_setting(metrics, "train", "max_tokens"),
        near_duplicates=_setting(metrics, "data", "near_duplicates"),
        repeated=_setting(metrics, "data", "repeated"),
        masks=masks(cleaned) if cleaned else [],
        scores=score_rows(probed) if probed else [],
        questions=[sample for sample in samples if sample.source == "question"],
        eval_rows=[sample for sample in samples if sample.source == "eval_row"],
        parts=shares_of(trained.adapter_parts_bytes) if trained else [],
        timings=shares_of(metrics.stage_seconds),
        settings=list(flat(metrics.settings)),
    )


# --- the top of the page ---------------------------------------------------------------------------------------------


def heading(metrics: Metrics) -> str:
    only = metrics.settings.get("stages")
    return {
        "succeeded": f"Succeeded: {', '.join(only)}" if only else "Succeeded",
        "failed": f"Failed in stage “{metrics.stage}”",
        "stopped": f"Stopped in stage “{metrics.stage}”",
        "running": f"Running: stage “{metrics.stage}”",
    }[metrics.status]


def verdict(metrics: Metrics, losses: Losses) -> str:
    """What the run has achieved so far, in one sentence."""
    parts = [*_loss_words(metrics, losses), *_score_words(metrics)]
    if not parts and metrics.clean:
        kept = metrics.clean.train_rows + metrics.clean.eval_rows
        parts = [f"{count(kept)} of {count(metrics.clean.rows_in)} rows are kept; no adapter has been evaluated yet"]
    if not parts:
        return "There is no result yet." if metrics.status == "running" else "The run ended before any result."
    text = "; ".join(parts) + "."
    return text[0].upper() + text[1:]


def _loss_words(metrics: Metrics, losses: Losses) -> Iterator[str]:
    if losses.best is None:
        return
    step, best = losses.best
    so_far = "" if metrics.train else f" so far, at step {step:,}"
    if not losses.base:
        yield f"eval loss {loss_text(best)}{so_far}"
        return
    change = signed((best / losses.base - 1) * 100, "%")
    worse = ", no better than the base model" if best >= losses.base else ""
    yield f"eval loss {loss_text(losses.base)} → {loss_text(best)} ({change}){so_far}{worse}"


def _score_words(metrics: Metrics) -> Iterator[str]:
    for row in _headlines(metrics):
        if row.base != row.tuned:
            yield f"{row.headline} {row.base} → {row.tuned}"


def _headlines(metrics: Metrics) -> list[ScoreRow]:
    return [row for row in score_rows(metrics.probe) if row.headline] if metrics.probe else []


def tiles(metrics: Metrics, losses: Losses) -> Iterator[Tile]:
    if losses.best:
        note = f"base model {loss_text(losses.base)}" if losses.base is not None else ""
        yield Tile("eval loss", loss_text(losses.best[1]), note)
    for row in _headlines(metrics):
        yield Tile(row.headline, row.tuned, f"base model {row.base}")
    if metrics.clean:
        yield Tile("training rows", count(metrics.clean.train_rows), f"of {count(metrics.clean.rows_in)} read")
    if metrics.train:
        trainable = metrics.train.trainable_parameters / max(metrics.train.total_parameters, 1)
        yield Tile("adapter", size(metrics.train.adapter_bytes), f"{share(trainable)} of all parameters trained")
    stages = sum(metrics.stage_seconds.values())
    if stages > metrics.seconds:  # earlier starts did a part
        yield Tile("time", duration(stages), f"this start {duration(metrics.seconds)}")
    else:
        yield Tile("time", duration(metrics.seconds), "")


def _adapter_repo(metrics: Metrics) -> PushedRepo | None:
    repositories = metrics.push.repositories if metrics.push else []
    return next((repo for repo in repositories if repo.kind == "model"), None)


# --- cleaning --------------------------------------------------------------------------------------------------------


def rule_rows(cleaned: Cleaned) -> list[RuleRow]:
    """In the order of `Cleaned.rules`, which is the order they ran in."""
    return [
        RuleRow(
            name=readable(name),
            words=rule_words(name),
            seen=rule.seen,
            changed=rule.changed,
            dropped=rule.dropped,
            skipped=rule.skipped,
            exchanges=rule.exchanges,
            characters_removed=rule.characters_removed,
            quoted=is_quoted(name),
            examples=[difference(example) for example in rule.examples] if is_quoted(name) else [],
        )
        for name, rule in cleaned.rules.items()
    ]


def turns(cleaned: Cleaned) -> list[tuple[str, int]]:
    """What was done to turns of conversations; how many came and stayed where there are some."""
    numbers = [
        ("turns of the conversations that are kept, as they came", cleaned.turns_in),
        ("of these, after the rules and the limit on tokens", cleaned.turns_out),
    ]
    notes = [(note_words(name), number) for name, number in cleaned.turn_notes.items()]
    return [*(numbers if cleaned.turns_in else []), *notes]


def masks(cleaned: Cleaned) -> list[Mask]:
    return [
        Mask(
            pieces=list(_pieces(row)),
            tokens=len(row.tokens),
            learned_tokens=sum(end - begin for begin, end in row.learned),
            long=sum(map(len, row.tokens)) > LONG_TEXT,
        )
        for row in cleaned.masked_rows
    ]


def _pieces(row: MaskedRow) -> Iterator[tuple[str, bool]]:
    """The text of a row in pieces, each with whether it is trained on."""
    at = 0
    for begin, end in row.learned:
        yield "".join(row.tokens[at:begin]), False
        yield "".join(row.tokens[begin:end]), True
        at = end
    yield "".join(row.tokens[at:]), False


# --- settings --------------------------------------------------------------------------------------------------------


def _setting(metrics: Metrics, section: str, field: str) -> str:
    """Empty where the settings were wrong and are not known."""
    fields = metrics.settings.get(section)
    return str(fields.get(field, "")) if isinstance(fields, dict) else ""


def flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`train.max_tokens`, `512`"""
    for section, value in settings.items():
        for field, inner in value.items() if isinstance(value, dict) else [("", value)]:
            yield f"{section}.{field}".rstrip("."), _setting_text(inner)


def _setting_text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting_text, value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
