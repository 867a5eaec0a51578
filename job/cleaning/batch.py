"""What a process does with a batch of rows: the rules, and the numbers that all later decisions need. Imports no heavy
library, since each process imports this module anew."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from job.cleaning import duplicates, repeated
from job.cleaning.rules import clean_batch, lists
from job.cleaning.rules.rule import Rules, Tally
from job.cleaning.rules.text import normalised
from job.cleaning.turns import clean_conversation, clean_text
from job.modeling.conversation import Conversation, opening_of, texts_of

BAD_JSON, NOT_TEXT, BROKEN_UTF8 = "bad_json", "not_text", "broken_utf8"
MEDIA, UNKNOWN_ROLE = "media", "unknown_role"
"""Faults of a row as it was found; reasons of the registry."""
BATCH = 250
"""Rows: few enough that no process waits long for the last ones of the others."""
BROKEN = re.compile("[\ud800-\udfff]")
"""What becomes of bytes that the encoding of a file does not know."""


@dataclass
class Raw:
    """One row as it was found: one exchange, a longer conversation, or plain text. `fault` is set where none could be read."""

    system: Any = ""
    question: Any = ""
    answer: Any = ""
    fault: str = ""
    conversation: Conversation | None = None
    text: Any = ""
    notes: tuple[str, ...] = ()
    """What was done to its turns when it was read: names of the registry's NOTES, one for each turn."""
    place: dict[str, Any] = field(default_factory=dict)
    """Where it stands in its source and how it begins, if it could not be read."""

    def fields(self) -> dict[str, Any]:
        """As the keys of a row on disk; if it could not be read, where it stands."""
        if self.fault:
            return self.place
        if self.conversation:
            return self.conversation.row()
        return {"text": self.text} if self.text else {"question": self.question, "answer": self.answer}


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
    rows: list[dict[str, Any]]
    reasons: list[str]
    tally: Tally
    notes: Counter[str]
    """What was done to turns of conversations, by the names of the registry's NOTES."""
    text: list[int]
    """Hashes of all texts, normalised, and of the tools."""
    question: list[int]
    sample: list[int]
    split: list[int]
    lists: list[int]
    """Numbers of lists.KINDS."""
    bands: bytes
    """The bands that duplicates.bands makes; empty if near duplicates are not looked for."""
    edges: bytes
    """What repeated.edges makes; empty if repeated sentences are not looked for."""


def process(
    batch: Batch,
    *,
    system: str,
    seed: int,
    near: bool,
    repeats: bool,
    gone: tuple[repeated.Cuts, ...] = (),
) -> CleanedBatch:
    """The rules on one batch, and its numbers. `near` adds the bands with which near duplicates are found, `repeats` what
    repeated sentences are counted by. `gone`: what is cut from the answers of each source before."""
    tally: Tally = {}
    notes: Counter[str] = Counter()
    raws = [_without(raw, gone[batch.source]) for raw in batch.rows] if gone else batch.rows
    rows, reasons = _clean(raws, batch.rules, system, tally, notes)
    kept = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    texts = [texts_of(row) for row in kept]
    normal, hashed = [], []
    for several in texts:  # the words of a row go before the next one: to keep all takes longer than to make them
        words = [normalised(text) for text in several]
        normal.append([*map(" ".join, words)])
        if near:
            hashed.append(duplicates.word_hashes([*chain(*words)]))
    return CleanedBatch(
        source=batch.source,
        raws=batch.rows,
        rows=rows,
        reasons=reasons,
        tally=tally,
        notes=notes,
        text=[_hash(row, several) for row, several in zip(kept, normal, strict=True)],
        question=[
            duplicates.hash64(" ".join(normalised(opening_of(row))) if "turns" in row else several[0])
            for row, several in zip(kept, normal, strict=True)
        ],
        sample=_places(texts, seed, "sample"),
        split=_places(texts, seed, "split"),
        lists=[_list_kind(row, several) for row, several in zip(kept, texts, strict=True)],
        bands=duplicates.bands(hashed).tobytes() if near else b"",
        edges=repeated.edges(map(ends_of, texts)).tobytes() if repeats else b"",
    )


def ends_of(texts: list[str]) -> tuple[str, str]:
    """The question and the answer of a row; of a conversation its first question and its last answer."""
    return texts[0] if len(texts) > 1 else "", texts[-1]


def _without(raw: Raw, gone: repeated.Cuts) -> Raw:
    """Without what repeats in the answer that `ends_of` takes."""
    if raw.conversation:
        *before, last = raw.conversation.turns
        if not last.get("tool_calls"):
            last = {**last, "content": repeated.cut(last["content"], gone)}
        return replace(raw, conversation=replace(raw.conversation, turns=(*before, last)))
    if raw.text:
        return replace(raw, text=repeated.cut(raw.text, gone))
    return replace(raw, answer=repeated.cut(raw.answer, gone))


def _clean(
    raws: list[Raw], rules: Rules, system: str, tally: Tally, notes: Counter[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """(rows, reasons), as many as came in; a row that could not be read is empty, and its fault is the reason."""
    pairs = [raw for raw in raws if not (raw.fault or raw.conversation or raw.text)]
    cleaned, reasons = clean_batch(
        [{"system": system or raw.system.strip(), "question": raw.question, "answer": raw.answer} for raw in pairs],
        rules,
        tally,
    )
    following = iter(zip(cleaned, reasons, strict=True))
    found: list[tuple[dict[str, Any], str]] = []
    for raw in raws:
        notes.update(raw.notes)
        if raw.fault:
            found.append(({}, raw.fault))
        elif raw.conversation:
            found.append(
                clean_conversation(replace(raw.conversation, system=system or raw.system.strip()), rules, tally, notes)
            )
        elif raw.text:
            found.append(clean_text(raw.text, rules, tally))
        else:
            found.append(next(following))
    return [row for row, _ in found], [reason for _, reason in found]


def _hash(row: dict[str, Any], texts: list[str]) -> int:
    """Of what makes a row a duplicate: its texts, and the tools that it offers."""
    return duplicates.hash64("\0".join([*texts, row["tools"]] if "tools" in row else texts))


def _list_kind(row: dict[str, Any], texts: list[str]) -> int:
    """The number of the kind of list that the first answer with a list is."""
    answers = (
        [turn["content"] for turn in row["turns"] if turn["role"] == "assistant"] if "turns" in row else texts[-1:]
    )
    return next(filter(None, (lists.KINDS.index(lists.list_kind(answer)) for answer in answers)), 0)


def _places(rows: list[list[str]], seed: int, salt: str) -> list[int]:
    """The place of each row in a random order that does not depend on other rows or their order."""
    return [duplicates.hash64("\0".join([str(seed), salt, *texts])) for texts in rows]


def fault_of(text: str) -> str:
    """The fault of a text that was read with bytes that are not UTF-8; empty if it has none."""
    return BROKEN_UTF8 if BROKEN.search(text) else ""
