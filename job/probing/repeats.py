"""Answers that do not depend on the question: the same words for several. A model of which the data taught nothing but a style
says them, as when a column of answers slipped by one row; its loss falls all the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence


def said_elsewhere(questions: Sequence[str], references: Sequence[str], answers: Sequence[str]) -> list[bool | None]:
    """For each answer, whether another question gets the same. None where one of those has the same reference too, as in data
    with few different answers, and where there is no other question with a reference to tell."""
    asked: dict[str, set[str]] = defaultdict(set)
    wanted: dict[str, set[str]] = defaultdict(set)
    for question, reference, answer in zip(questions, references, answers, strict=True):
        asked[_plain(answer)].add(_plain(question))
        wanted[_plain(reference)].add(_plain(question))
    return [
        None if not reference.strip() or len(wanted[_plain(reference)]) > 1 else len(asked[_plain(answer)]) > 1
        for reference, answer in zip(references, answers, strict=True)
    ]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
