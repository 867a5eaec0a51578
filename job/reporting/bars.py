"""Tables with a bar in each row: what became of the rows, lists by kind, lengths, shares of a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from job.reporting.words import readable, rule_words
from job.results import Cleaned, TokenCounts

Dropped = Mapping[str, Mapping[str, int]]
"""Source -> reason -> rows."""
CAPS = ("list_over_share", "not_sampled")
"""Reasons that drop rows after lists have been counted."""


@dataclass(frozen=True)
class Bar:
    """A row of a table with its bar: where the bar starts and how long it is, both as shares of the whole."""

    name: str
    value: float
    start: float
    share: float
    kind: str = ""
    words: str = ""
    """What the name means."""


def funnel(cleaned: Cleaned) -> list[Bar]:
    """The rows read, what each reason dropped (the most rows first), and the rows that are left."""
    whole = max(cleaned.rows_in, 1)
    bars = dropped_bars(cleaned.rows_in, cleaned.dropped)
    train, held_out = cleaned.train_rows, cleaned.eval_rows
    bars.append(Bar("training rows", train, 0, train / whole, "train"))
    bars.append(Bar("evaluation rows", held_out, train / whole, held_out / whole, "eval"))
    return bars


def dropped_bars(rows_in: int, dropped: Mapping[str, int]) -> list[Bar]:
    """The rows read, and what each reason took from their end."""
    whole = max(rows_in, 1)
    bars, left = [Bar("rows read", rows_in, 0, rows_in / whole, "all")], rows_in
    for reason, rows in sorted(dropped.items(), key=lambda item: (-item[1], item[0])):
        left -= rows
        bars.append(Bar(readable(reason), rows, max(left, 0) / whole, rows / whole, "out", rule_words(reason)))
    return bars


def shares_of(values: Mapping[str, float]) -> list[Bar]:
    """Each value as a share of their sum; each bar starts where the one before it ends."""
    whole = sum(values.values()) or 1
    bars, start = [], 0.0
    for name, value in values.items():
        bars.append(Bar(name, value, start, value / whole))
        start += value / whole
    return bars


def lengths(counts: TokenCounts) -> list[Bar]:
    """Kept rows by length in tokens, up to the last length that occurs, and rows above the limit. The longest bar is full."""
    rows = list(counts.rows)
    while rows and not rows[-1]:
        rows.pop()
    whole = max([*rows, counts.rows_above, 1])
    bars = [
        Bar(f"{i * counts.step + 1:,}–{(i + 1) * counts.step:,}", number, 0, number / whole, "train")
        for i, number in enumerate(rows)
    ]
    return [*bars, Bar("above the limit", counts.rows_above, 0, counts.rows_above / whole, "out")]


@dataclass(frozen=True)
class ListCount:
    """Answers of one source that are lists: all of them, then each kind."""

    source: str
    rows: int | None
    """Rows among which they were counted; None if the dropped rows of this source are not known."""
    bars: list[Bar]


def list_counts(cleaned: Cleaned, dropped: Dropped) -> list[ListCount]:
    """Lists are counted before rows are dropped for one of CAPS, so such rows belong to the whole."""
    by_source = [sum(dropped.get(source.source, {}).get(reason, 0) for reason in CAPS) for source in cleaned.sources]
    known = sum(by_source) == sum(cleaned.dropped.get(reason, 0) for reason in CAPS)
    found = []
    for source, capped in zip(cleaned.sources, by_source, strict=True):
        rows = source.rows_out + capped
        parts = {kind: number / max(rows, 1) for kind, number in source.list_rows.items()}
        bars = [Bar("lists", sum(source.list_rows.values()), 0, sum(parts.values()), "all")]
        start = 0.0
        for kind, number in source.list_rows.items():
            bars.append(Bar(readable(kind), number, start, parts[kind], "train"))
            start += parts[kind]
        found.append(ListCount(source.source, rows if known else None, bars))
    return found
