"""Near duplicates are found by their bands and confirmed by their text."""

from __future__ import annotations

import random
from pathlib import Path

import numpy

from job.cleaning import duplicates


def test_candidates_are_confirmed_by_their_text(tmp_path: Path) -> None:
    """All pairs of made-up texts that share four of five triples are found, and no other."""

    numbers = random.Random(4)
    texts = []
    for _ in range(60):
        words = [f"w{numbers.randrange(5000)}" for _ in range(120)]
        texts.append(" ".join(words))
        for changed in (2, 6, 25):
            other = words.copy()
            for _ in range(changed):
                other[numbers.randrange(120)] = f"x{numbers.randrange(5000)}"
            texts.append(" ".join(other))

    def jaccard(a: str, b: str) -> float:
        one, two = (set(zip(t.split(), t.split()[1:], t.split()[2:], strict=False)) for t in (a, b))
        return len(one & two) / len(one | two)

    duplicates.bands([duplicates.word_hashes(text.split()) for text in texts]).tofile(tmp_path / "bands")
    every = numpy.ones(len(texts), dtype=bool)
    found = set(duplicates.near_pairs(tmp_path / "bands", every, lambda row: texts[row].split()))
    similar = {
        (a, b)
        for a in range(len(texts))
        for b in range(a + 1, min(a + 4, len(texts)))
        if jaccard(texts[a], texts[b]) >= 0.84
    }
    assert similar <= found
    assert all(jaccard(texts[a], texts[b]) >= 0.76 for a, b in found)
