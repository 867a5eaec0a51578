"""What a process does with a batch of rows. Imports no heavy library: each process imports this module anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from job.cleaning import duplicates, shape
from job.cleaning.rules import Rules, Tally, clean_batch
from job.cleaning.text import normalised

LISTS = ("", "numbered", "bulleted", "flattened")


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


@dataclass
class Worked:
    """A batch after the rules; the numbers are those of the kept rows."""

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
    bands: bytes


def work(batch: Batch, *, rules: Rules, system: str, seed: int, near: bool) -> Worked:
    """The rules on one batch, and the numbers that all later decisions need. Runs in any process."""
    tally: Tally = {}
    whole = [raw for raw in batch.rows if not raw.fault]
    rows = [{"system": system or raw.system.strip(), "question": raw.question, "answer": raw.answer} for raw in whole]
    cleaned, why = clean_batch(rows, rules, tally)
    following = iter(zip(cleaned, why, strict=True))
    found, reasons = [], []
    for raw in batch.rows:
        row, reason = ({}, raw.fault) if raw.fault else next(following)
        found.append(row)
        reasons.append(reason)
    kept = [row for row, reason in zip(found, reasons, strict=True) if not reason]
    pairs = [(row["question"], row["answer"]) for row in kept]

    def keys(salt: str) -> list[int]:
        """A row's place in a random order that neither other rows nor their order change."""
        return [duplicates.hash64(f"{seed}\0{salt}\0{question}\0{answer}") for question, answer in pairs]

    normal = [(normalised(question), normalised(answer)) for question, answer in pairs]
    return Worked(
        source=batch.source,
        raws=batch.rows,
        rows=found,
        reasons=reasons,
        tally=tally,
        text=[duplicates.hash64(f"{question}\0{answer}") for question, answer in normal],
        question=[duplicates.hash64(question) for question, _ in normal],
        sample=keys("sample"),
        split=keys("split"),
        lists=[LISTS.index(shape.list_kind(answer)) for _, answer in pairs],
        bands=duplicates.bands([f"{question} {answer}" for question, answer in normal]).tobytes() if near else b"",
    )
