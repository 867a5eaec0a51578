"""The two answers to a question in pieces: what differs between them, and the places of filler, loops and copies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

from job.cleaning.rules.text import sentences
from job.probing import scores
from job.probing.courtesies import kept
from job.reporting.changes import PART, runs
from job.results import Sample

Spans = Iterable[tuple[int, int]]

FAULTS = {
    "stopped_share": "did not stop by itself: cut off at the token limit",
    "looping_share": "repeats itself, or lists without end",
    "empty_share": "empty",
    "copied_share": "copied from the question",
    "other_length_share": "over three times as long as the reference, or under a third",
    "same_language_share": "in another language",
    "other_kind_share": "no JSON, or none of the few texts that the references are",
    "right_share": "not exactly the reference",
}
"""Where the words of the score say what is right, or do not stand alone."""
COMMON = 0.5
"""Share of words in common from which differences are worth marking; below it nearly all would be marked."""
MOST_WORDS = 800
"""Of an answer whose differences are looked for: the time grows with the square."""
PHRASE = 4
"""Words. The stretches shown are those of the score `repetition_share`, and of copies."""
LETTERS = 12
"""The same for texts that repeat letters, or have no blanks between words."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Part:
    """A part of an answer."""

    text: str
    differs: bool = False
    """From the other answer."""
    fault: bool = False
    """Filler, said before, or copied from the question."""


@dataclass(frozen=True)
class Marked:
    """An answer as the page shows it."""

    parts: list[Part]
    faults: list[str]
    """In words."""


@dataclass(frozen=True)
class Pair:
    """Both answers to a question."""

    number: int
    """Its line in samples.jsonl, from 1."""
    sample: Sample
    base: Marked
    tuned: Marked
    compared: bool
    """Whether the answers share enough words for their differences to be marked."""

    @property
    def same(self) -> bool:
        return self.sample.base == self.sample.tuned


def pair(number: int, sample: Sample) -> Pair:
    differences = _differences(sample.base, sample.tuned)
    gone, come = differences or ([], [])
    return Pair(
        number,
        sample,
        Marked(_parts(sample.base, gone, _places(sample, sample.base, sample.base_scores)), _base_faults(sample)),
        Marked(_parts(sample.tuned, come, _places(sample, sample.tuned, sample.tuned_scores)), _tuned_faults(sample)),
        differences is not None,
    )


def _base_faults(sample: Sample) -> list[str]:
    return faults(sample.base_scores, stopped=sample.base_stopped)


def _tuned_faults(sample: Sample) -> list[str]:
    return faults(sample.tuned_scores, stopped=sample.tuned_stopped)


def faulty(found: Mapping[str, float], *, stopped: bool = True) -> list[str]:
    """The names of the guardrails that this answer does not meet."""
    names = [
        one.name
        for one in scores.SCORES
        if one.margin is not None and one.unit == "share" and one.name in found
        if (found[one.name] >= 0.5) == (one.better == "lower")
    ]
    return names if stopped or "stopped_share" in names else ["stopped_share", *names]


def faults(found: Mapping[str, float], *, stopped: bool = True) -> list[str]:
    words = {one.name: one.words if one.better == "lower" else f"not: {one.words}" for one in scores.SCORES}
    return [FAULTS.get(name, words.get(name, name)) for name in faulty(found, stopped=stopped)]


# --- which are shown ------------------------------------------------------------------------------------------------

MOST_ANSWERS = 60
"""To held-out questions. The page stays short, and samples.jsonl has all."""
MOST_QUESTIONS = 40
"""Fixed ones."""


def shown_pairs(samples: Sequence[Sample]) -> tuple[list[Pair], list[Pair]]:
    """Answers to the fixed questions, and to held-out ones: those with a fault of the tuned model's first."""
    numbered = list(enumerate(samples, 1))
    fixed = [(number, one) for number, one in numbered if one.source == "question"][:MOST_QUESTIONS]
    held_out = [(number, one) for number, one in numbered if one.source == "eval_row"]
    held_out.sort(key=lambda item: not faulty(item[1].tuned_scores, stopped=item[1].tuned_stopped))
    return [pair(*item) for item in fixed], [pair(*item) for item in held_out[:MOST_ANSWERS]]


# --- where they are --------------------------------------------------------------------------------------------------


def _differences(base: str, tuned: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]] | None:
    """What only the one and only the other has; None where they share too little, or are too long to compare."""
    before, after = PART.findall(base), PART.findall(tuned)
    if base == tuned or max(len(before), len(after)) > 2 * MOST_WORDS:
        return None
    matcher = SequenceMatcher(None, base.split(), tuned.split(), autojunk=False)
    if matcher.quick_ratio() < COMMON or matcher.ratio() < COMMON:
        return None
    gone, come = [], []
    old = new = 0
    for same, left, right in runs(before, after):
        if not same:
            gone.append((old, old + len(left)))
            come.append((new, new + len(right)))
        old, new = old + len(left), new + len(right)
    return gone, come


def _places(sample: Sample, text: str, found: Mapping[str, float]) -> list[tuple[int, int]]:
    """Of the faults that the scores found."""
    names = faulty(found)
    spans: list[tuple[int, int]] = []
    if "looping_share" in names:
        spans += repeated(text)
    if "copied_share" in names:
        spans += repeated(text, known=sample.question)
    if "opening_filler_share" in names or "closing_filler_share" in names:
        begin, end = kept(sample.question, text)
        if "opening_filler_share" in names:
            spans.append((0, begin or len(next(iter(sentences(text)), ""))))
        if "closing_filler_share" in names:
            spans.append(
                (end if end < len(text.rstrip()) else len(text) - len((sentences(text) or [""])[-1]), len(text))
            )
    return spans


def repeated(text: str, *, known: str = "") -> list[tuple[int, int]]:
    """Stretches that were said before in the text, or in `known`."""
    if found := _said_again(list(_WORD.finditer(text)), PHRASE, [one[0] for one in _WORD.finditer(known)]):
        return found
    return _said_again(list(re.finditer(r"\S", text)), LETTERS, re.findall(r"\S", known))


def _said_again(units: list[re.Match[str]], length: int, known: list[str]) -> list[tuple[int, int]]:
    said = [one[0].casefold() for one in units]
    before = [one.casefold() for one in known]
    seen = {tuple(before[at : at + length]) for at in range(len(before) - length + 1)}
    spans = []
    for at in range(len(said) - length + 1):
        phrase = tuple(said[at : at + length])
        if phrase in seen:
            spans.append((units[at].start(), units[at + length - 1].end()))
        elif not known:
            seen.add(phrase)
    return spans


def _parts(text: str, differs: Spans, fault: Spans) -> list[Part]:
    kinds = bytearray(len(text))
    for spans, bit in ((differs, 1), (fault, 2)):
        for begin, end in spans:
            for at in range(begin, min(end, len(text))):
                kinds[at] |= bit
    return [Part(text[begin:end], bool(kind & 1), bool(kind & 2)) for kind, begin, end in _stretches(kinds)]


def _stretches(kinds: bytearray) -> Iterator[tuple[int, int, int]]:
    at = 0
    for kind, group in groupby(kinds):
        length = sum(1 for _ in group)
        yield kind, at, at + length
        at += length
