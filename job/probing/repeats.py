"""Answers that do not depend on the question: the same words for several. A model of which the data taught nothing but a style
says them, as when a column of answers slipped by one row; its loss falls all the same."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from statistics import median

from job.probing import loops
from job.probing.kinds import Kind, plain

LEAST_OTHERS = 0.03
"""Share of the other questions, one at least, that get the same answer. A single other one among hundreds is met by chance, and
the oftener the more are asked."""
UNLIKE = 0.2
"""Likeness below which two questions with their references are about something else: the quickstart's and those of eleven other
runs have 0.09 to 0.18 in the middle of all pairs, and paraphrases 0.2 to 0.9. Data on one narrow thing are more alike among
themselves; there the middle counts."""
PAIRS = 2000
"""That are enough for the middle."""
EVERYTHING = 0.9
"""Share of the questions that one text of a set has to be the answer to, until it is no choice of a wrong one."""


@dataclass(frozen=True)
class Asking:
    """What tells whether two questions may have the same answer."""

    question: str
    reference: str
    words: frozenset[str]


def said_elsewhere(
    questions: Sequence[str], references: Sequence[str], answers: Sequence[str], kind: Kind | None = None
) -> list[bool | None]:
    """For each answer, whether several questions about something else get the same. None without a reference, which would tell
    what it is about. An answer that is its own reference is never one; nor, where references are of a set, another one of the
    set, which is a wrong choice, unless nearly every question gets it."""
    asked = [
        Asking(plain(question), plain(reference), frozenset(loops.words(f"{question} {reference}")))
        for question, reference in zip(questions, references, strict=True)
    ]
    same: dict[str, list[Asking]] = defaultdict(list)
    said = [plain(answer) for answer in answers]
    for one, answer in zip(asked, said, strict=True):
        if one.reference:
            same[answer].append(one)
    known = [one for one in asked if one.reference]
    likeness = _Likeness(known)
    least = max(1.0, LEAST_OTHERS * (len(known) - 1))

    def elsewhere(one: Asking, answer: str) -> bool | None:
        if not one.reference:
            return None
        chosen = kind and answer in kind.texts and len(same[answer]) < EVERYTHING * len(known)
        if answer == one.reference or chosen:
            return False
        others = (other for other in same[answer] if likeness.differ(one, other, kind))
        return len({other.question for other in others}) >= least

    return [elsewhere(one, answer) for one, answer in zip(asked, said, strict=True)]


class _Likeness:
    """Of questions with their references: the share of the words of the shorter that the other has, of which rare ones count
    more (the logarithm of how few have them). In no language are they about the same without a rare word in common."""

    def __init__(self, asked: Sequence[Asking]) -> None:
        counts = Counter(word for one in asked for word in one.words)
        self.weights = {word: math.log((len(asked) + 1) / count) for word, count in counts.items()}
        self.middle = median([UNLIKE, *(self.of(*pair) for pair in _some_pairs(asked))])

    def of(self, one: Asking, other: Asking) -> float:
        shorter = min(self._weight(one.words), self._weight(other.words))
        return self._weight(one.words & other.words) / shorter if shorter else 1.0

    def differ(self, one: Asking, other: Asking, kind: Kind | None) -> bool:
        if one.question == other.question or one.reference == other.reference:
            return False
        return bool(kind and kind.texts) or self.of(one, other) <= max(UNLIKE, self.middle)

    def _weight(self, words: frozenset[str]) -> float:
        return sum(self.weights[word] for word in words)


def _some_pairs(asked: Sequence[Asking]) -> Iterator[tuple[Asking, Asking]]:
    """With different references, evenly from all pairs."""
    every = max(1, len(asked) * (len(asked) - 1) // 2 // PAIRS)
    pairs = islice(combinations(asked, 2), 0, None, every)
    return (pair for pair in pairs if pair[0].reference != pair[1].reference)
