"""What the page shows: a run's results as sentences, figures and rows of tables.

Knows nothing about HTML. Leaves out what a run has not reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from job.probing.gain import least_gain
from job.reporting.advice import Step, next_steps
from job.reporting.bars import Bar, Dropped, ListCount, dropped_bars, funnel, lengths, list_counts, shares_of
from job.reporting.changes import Change, difference
from job.reporting.checkpoints import Checkpoints
from job.reporting.decision import DecisionRow, decision_rows, in_words, words_of
from job.reporting.intervals import Interval, intervals
from job.reporting.losses import Losses
from job.reporting.marks import Pair, shown_pairs
from job.reporting.rows import ChangedRows, Texts
from job.reporting.scores import ScoreRow, beside_verdict, score_rows
from job.reporting.top import Tile, ending, heading, is_settled, meaning, run_name, sentence, signs, tiles
from job.reporting.words import is_quoted, note_words, readable, rule_words
from job.results import Cleaned, LogEntry, MaskedRow, Metrics, Probed, PushedRepo, RowLoss, Sample

LONG_TEXT = 600
"""Characters; a longer training row is folded away."""


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

    name: str
    """Of the run: the repository that it publishes, else its folder."""
    heading: str
    tone: str
    """good, halt, bad or none: the colour of the heading."""
    sign: str
    sentence: str
    ending: str
    """What became of everything, after a verdict."""
    settled: bool
    """The run came to its verdict, whatever that is: what it raised is no failure."""
    steps: list[Step]
    """What to do next."""
    meaning: tuple[str, str] | None
    """What the exit code means, and whether another try is worth it."""
    sources: list[str]
    base_model: str
    adapter_repo: PushedRepo | None
    tiles: list[Tile]
    decision: list[tuple[DecisionRow, Interval | None]]
    reasons: list[str]
    """The verdict's, with words in place of the names of figures."""
    skipped: list[tuple[str, str]]
    """What could not be measured, and why."""
    scores: list[ScoreRow]
    beside_verdict: str
    """Why these are other figures than those that decided."""
    questions: list[Pair]
    eval_rows: list[Pair]
    not_shown: int
    """Answers that samples.jsonl has besides."""
    rows: ChangedRows
    answer_of: dict[int, int]
    """Line of the evaluation rows -> that of its answers, where the page shows them."""
    checkpoints: Checkpoints | None
    losses: Losses
    likeness: list[tuple[str, str, str]]
    """(measure, base, tuned)"""
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
    parts: list[Bar]
    """The parts of the adapter file."""
    timings: list[Bar]
    settings: list[tuple[str, str]]


def view(
    metrics: Metrics,
    log: Sequence[LogEntry],
    samples: Sequence[Sample],
    dropped: Dropped,
    row_losses: Sequence[RowLoss],
    texts: Texts,
) -> View:
    losses = Losses.of(metrics, log)
    cleaned, trained, probed = metrics.clean, metrics.train, metrics.probe
    asked = {one.row: (one.question, one.reference) for one in samples if one.row is not None}
    rows = ChangedRows.of(row_losses, {**texts, **asked})
    questions, eval_rows = shown_pairs(samples)
    settled = is_settled(metrics)
    tone, sign = signs(metrics, settled)
    return View(
        name=run_name(metrics),
        heading=heading(metrics, settled),
        tone=tone,
        sign=sign,
        sentence=sentence(metrics, losses),
        ending=ending(metrics) if settled else "",
        settled=settled,
        steps=next_steps(metrics, losses, [*questions, *eval_rows], rows, settled=settled),
        meaning=meaning(metrics),
        sources=_sources(metrics),
        base_model=_setting(metrics, "model", "base"),
        adapter_repo=_adapter_repo(metrics),
        tiles=list(tiles(metrics, losses)),
        decision=decision(metrics, probed) if probed else [],
        reasons=[in_words(reason) for reason in probed.verdict.reasons] if probed else [],
        skipped=[(words_of(one.name), one.reason) for one in probed.verdict.skipped] if probed else [],
        scores=score_rows(probed) if probed else [],
        beside_verdict=beside_verdict(probed) if probed else "",
        questions=questions,
        eval_rows=eval_rows,
        not_shown=len(samples) - len(questions) - len(eval_rows),
        rows=rows,
        answer_of={one.sample.row + 1: one.number for one in eval_rows if one.sample.row is not None},
        checkpoints=Checkpoints.of(probed.candidates) if probed and len(probed.candidates) > 1 else None,
        losses=losses,
        likeness=likeness(probed) if probed else [],
        funnel=funnel(cleaned) if cleaned else broken_off(metrics),
        dropped=dropped,
        lists=list_counts(cleaned, dropped) if cleaned else [],
        rules=rule_rows(cleaned) if cleaned else [],
        turns=turns(cleaned) if cleaned else [],
        lengths=lengths(cleaned.token_counts) if cleaned else [],
        max_tokens=_setting(metrics, "train", "max_tokens"),
        near_duplicates=_setting(metrics, "data", "near_duplicates"),
        repeated=_setting(metrics, "data", "repeated"),
        masks=masks(cleaned) if cleaned else [],
        parts=shares_of(trained.adapter_parts_bytes) if trained else [],
        timings=shares_of(metrics.stage_seconds),
        settings=list(flat(metrics.settings)),
    )


# --- the probe ------------------------------------------------------------------------------------------------------


def decision(metrics: Metrics, probed: Probed) -> list[tuple[DecisionRow, Interval | None]]:
    gain = probed.verdict.gain
    try:
        min_gain = float(_setting(metrics, "probe", "min_gain") or 0)
    except ValueError:  # a setting of another version
        min_gain = 0.0
    bars = intervals(probed.verdict, least_gain(gain.base, min_gain) if gain else 0.0)
    return list(zip(decision_rows(probed.verdict, min_gain), bars, strict=True))


def likeness(probed: Probed) -> list[tuple[str, str, str]]:
    base, tuned = probed.likeness.get("base", {}), probed.likeness.get("tuned", {})
    words = {"chrf": "chrF", "rouge_l": "ROUGE-L"}
    return [(words.get(name, name), f"{base[name]:.2f}", f"{tuned[name]:.2f}") for name in base if name in tuned]


def _sources(metrics: Metrics) -> list[str]:
    data = metrics.settings.get("data")
    found = data.get("sources") if isinstance(data, dict) else None
    return [str(one) for one in found] if isinstance(found, (list, tuple)) else [str(found)] if found else []


def _adapter_repo(metrics: Metrics) -> PushedRepo | None:
    repositories = metrics.push.repositories if metrics.push else []
    return next((repo for repo in repositories if repo.kind == "model"), None)


# --- cleaning --------------------------------------------------------------------------------------------------------


def broken_off(metrics: Metrics) -> list[Bar]:
    """What became of the rows where too few were left."""
    found = metrics.error.funnel if metrics.error else None
    if not found:
        return []
    whole = max(found.rows_in, 1)
    bars = dropped_bars(found.rows_in, found.dropped)
    return [*bars, Bar("rows left", found.kept, 0, found.kept / whole, "train")]


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
