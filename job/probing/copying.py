"""Whether an answer is copied from its question."""

from __future__ import annotations

from job.probing.loops import words

PHRASE = 4
"""Words that have to stand in the question in a row."""
FEWEST_WORDS = 8
"""Of a shorter answer only the whole question counts, said again: an answer in its words is often right."""
MOST_RESTATED = 30
"""Words up to which an answer is no copy if its last words are its own: "The capital of the north of France is Lille"."""
COPIED = 0.6
"""Share of the phrases of an answer. Answers that repeat the question and go on have less than half."""
COPIED_ALONE = 0.8
"""The same without a reference, which would show whether the question asks for its own words, corrected or sorted."""
REFERENCE_COPIES = 0.2
"""Share from which the reference itself takes its words from the question."""


def copies(question: str, reference: str, answer: str) -> bool | None:
    """None for an empty answer, and where the reference takes its words from the question too: it asks to correct, to sort or
    to quote them.

    Measured on 10,976 reference answers, as if they had no reference: 11, of which 10 correct or rearrange what stands in their
    question.
    """
    asked, said = words(question), words(answer)
    if not said:
        return None
    if reference and share_copied(asked, words(reference)) >= REFERENCE_COPIES:
        return None
    if len(said) < FEWEST_WORDS:
        return said == asked
    if len(said) < MOST_RESTATED and not share_copied(asked, said[-PHRASE:]):
        return False
    return share_copied(asked, said) >= (COPIED if reference else COPIED_ALONE)


def share_copied(asked: list[str], said: list[str]) -> float:
    """Share of the phrases that stand in the question."""
    known = set(_phrases(asked))
    found = _phrases(said)
    return sum(phrase in known for phrase in found) / len(found) if found else float(said == asked)


def _phrases(found: list[str]) -> list[tuple[str, ...]]:
    return [tuple(found[place : place + PHRASE]) for place in range(len(found) - PHRASE + 1)]
