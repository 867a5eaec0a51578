"""What a process does with a batch of rows: the rules, and the numbers that all later decisions need. Imports no heavy
library, since each process imports this module anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from job.cleaning import duplicates
from job.cleaning.rules import clean_batch, lists
from job.cleaning.rules.rule import Rules, Tally
from job.cleaning.rules.text import normalised

BAD_JSON, NOT_TEXT, BROKEN_UTF8 = "bad_json", "not_text", "broken_utf8"
"""Faults of a row as it was found; reasons of the registry."""


@dataclass
class Raw:
    """One row as it was found. `fault` is set where no question and answer could be read from it."""

    system: Any = ""
    question: Any = ""
    answer: Any = ""
    fault: str = ""


@dataclass(frozen=True)
class Batch:
    source: int
    rows: list[Raw]
    rules: Rules


@dataclass
class CleanedBatch:
    """A batch after the rules. The lists of numbers have an entry for each kept row."""

    source: int
    raws: list[Raw]
    rows: list[dict[str, str]]
    reasons: list[str]
    tally: Tally
    text: list[int]
    """Hashes of question and answer, normalised."""
    question: list[int]
    sample: list[int]
    split: list[int]
    lists: list[int]
    """Numbers of lists.KINDS."""
    bands: bytes
    """The bands that duplicates.bands makes; empty if near duplicates are not looked for."""


def process(batch: Batch, *, system: str, seed: int, near: bool) -> CleanedBatch:
    """The rules on one batch, and its numbers. `near` adds the bands with which near duplicates are found."""
    tally: Tally = {}
    rows, reasons = _clean(batch.rows, batch.rules, system, tally)
    pairs = [(row["question"], row["answer"]) for row, reason in zip(rows, reasons, strict=True) if not reason]
    normal = [(normalised(question), normalised(answer)) for question, answer in pairs]
    return CleanedBatch(
        source=batch.source,
        raws=batch.rows,
        rows=rows,
        reasons=reasons,
        tally=tally,
        text=[duplicates.hash64(f"{question}\0{answer}") for question, answer in normal],
        question=[duplicates.hash64(question) for question, _ in normal],
        sample=_places(pairs, seed, "sample"),
        split=_places(pairs, seed, "split"),
        lists=[lists.KINDS.index(lists.list_kind(answer)) for _, answer in pairs],
        bands=duplicates.bands([f"{question} {answer}" for question, answer in normal]).tobytes() if near else b"",
    )


def _clean(raws: list[Raw], rules: Rules, system: str, tally: Tally) -> tuple[list[dict[str, str]], list[str]]:
    """(rows, reasons), as many as came in; a row that could not be read is empty, and its fault is the reason."""
    readable = [raw for raw in raws if not raw.fault]
    cleaned, reasons = clean_batch(
        [{"system": system or raw.system.strip(), "question": raw.question, "answer": raw.answer} for raw in readable],
        rules,
        tally,
    )
    following = iter(zip(cleaned, reasons, strict=True))
    found = [({}, raw.fault) if raw.fault else next(following) for raw in raws]
    return [row for row, _ in found], [reason for _, reason in found]


def _places(pairs: list[tuple[str, str]], seed: int, salt: str) -> list[int]:
    """The place of each row in a random order that does not depend on other rows or their order."""
    return [duplicates.hash64(f"{seed}\0{salt}\0{question}\0{answer}") for question, answer in pairs]
