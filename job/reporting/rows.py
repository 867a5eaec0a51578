"""The held-out rows whose loss changed most: where the tuned model gained, and where it lost."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from job.results import RowLoss

SHOWN = 5
"""At each end."""

Texts = Mapping[int, tuple[str, str]]
"""Evaluation row -> (question, reference answer)."""


@dataclass(frozen=True)
class ChangedRow:
    number: int
    """Line of clean/eval.jsonl, from 1."""
    base: float
    tuned: float
    tokens: int
    question: str
    """Empty where it is not known."""
    reference: str

    @property
    def change(self) -> float:
        return self.tuned - self.base


@dataclass(frozen=True)
class ChangedRows:
    worst: list[ChangedRow]
    """The largest loss, or the smallest gain, first."""
    best: list[ChangedRow]
    rose: int
    """Rows whose loss is higher than the base's."""
    rows: int

    @classmethod
    def of(cls, losses: Sequence[RowLoss], texts: Texts) -> ChangedRows:
        ordered = _by_change(losses)
        shown = min(SHOWN, len(ordered) // 2) or len(ordered)
        rows = [
            ChangedRow(one.row + 1, one.base, one.tuned, one.tokens, *texts.get(one.row, ("", ""))) for one in ordered
        ]
        return cls(
            rows[-shown:][::-1], rows[:shown] if len(rows) > 1 else [], sum(row.change > 0 for row in rows), len(rows)
        )


def _by_change(losses: Sequence[RowLoss]) -> list[RowLoss]:
    finite = [one for one in losses if math.isfinite(one.base) and math.isfinite(one.tuned)]
    return sorted(finite, key=lambda one: (one.tuned - one.base, one.row))


def shown_rows(losses: Sequence[RowLoss]) -> set[int]:
    """The evaluation rows whose texts the page needs."""
    ordered = _by_change(losses)
    return {one.row for one in (*ordered[:SHOWN], *ordered[-SHOWN:])}


def read_texts(path: Path, wanted: Collection[int]) -> dict[int, tuple[str, str]]:
    """Question and answer of these lines of clean/eval.jsonl: of a conversation its last answer and the turn before it, of a
    text its beginning and the whole. What is missing or torn is left out."""
    found: dict[int, tuple[str, str]] = {}
    if not wanted or not path.is_file():
        return found
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number in wanted:
                try:
                    found[number] = _texts(json.loads(line))
                except (ValueError, KeyError, TypeError, IndexError):
                    continue
            if number >= max(wanted):
                break
    return found


def _texts(row: dict[str, object]) -> tuple[str, str]:
    turns = row.get("turns")
    if isinstance(turns, list):
        answer = max(at for at, turn in enumerate(turns) if turn["role"] == "assistant")
        return str(turns[answer - 1]["content"]) if answer else "", str(turns[answer]["content"])
    if "text" in row:
        return str(row["text"])[:100], str(row["text"])
    return str(row["question"]), str(row["answer"])
