"""Duplicates and near duplicates, found from a few numbers per row.

A row costs about 60 bytes here, whatever its text: 10 million rows take 0.6 GB. MinHash (rensa) in bands finds candidates for
near duplicates, and the exact Jaccard similarity of their word triples confirms them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy
import numpy.typing as npt

from job.runs.progress import advance

Integers = npt.NDArray[numpy.int64]
Hashes = npt.NDArray[numpy.uint64]
Mask = npt.NDArray[numpy.bool_]

BANDS, HASHES_PER_BAND = 20, 6
"""A pair of Jaccard similarity 0.8 shares a band with probability 0.998, one of 0.5 with 0.27; text decides then."""
SIMILAR = 0.8
LARGEST_BUCKET = 64
"""Rows of one band that are compared with its first two; a template's thousand rows would make half a million pairs."""
MOST_WORDS, MOST_KNOWN = 500_000, 10_000
_SEED = 7
_ODD = numpy.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=numpy.uint64)


def hash64(text: str) -> int:
    """10 million rows collide with a probability of 3 in a million."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class _WordHashes(dict[str, int]):
    """Word -> hash64, remembered: texts repeat their words."""

    def __missing__(self, word: str) -> int:
        if len(self) > MOST_WORDS:
            self.clear()
        self[word] = found = hash64(word)
        return found


_word_hashes = _WordHashes()


def word_hashes(words: Sequence[str]) -> Hashes:
    """A text from here on: one number for each of its normalised words."""
    return numpy.fromiter(map(_word_hashes.__getitem__, words), dtype=numpy.uint64, count=len(words))


def triples(texts: Sequence[Hashes]) -> tuple[Hashes, Hashes]:
    """(hashes, offsets) of the word triples of texts: those of text i are hashes[offsets[i]:offsets[i + 1]].

    All texts at once; two empty words end each, so that a text of one word has a triple too.
    """
    end = word_hashes(("", ""))
    flat = numpy.concatenate([piece for text in texts for piece in (text, end)])
    ends = numpy.cumsum([len(text) + 2 for text in texts])
    made = (flat[:-2] * _ODD[0] + flat[1:-1]) * _ODD[1] + flat[2:] * _ODD[2]
    inner = numpy.ones(len(flat), dtype=bool)
    inner[ends - 1] = inner[ends - 2] = False  # triples that reach into the next text
    counts = numpy.diff(ends, prepend=0) - 2
    return made[inner[:-2]], numpy.concatenate(([0], numpy.cumsum(counts))).astype(numpy.uint64)


def bands(texts: Sequence[Hashes]) -> Hashes:
    """(texts, BANDS): those that share a value in one column may be near duplicates."""
    from rensa import RMinHash

    if not texts:
        return numpy.empty((0, BANDS), dtype=numpy.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        *triples(texts), num_perm=BANDS * HASHES_PER_BAND, seed=_SEED
    )
    digests = numpy.array(matrix.to_rows(), dtype=numpy.uint64).reshape(len(texts), BANDS, HASHES_PER_BAND)
    made = numpy.zeros((len(texts), BANDS), dtype=numpy.uint64)
    for place in range(HASHES_PER_BAND):
        made = (made ^ digests[:, :, place]) * _ODD[0]
        made ^= made >> numpy.uint64(29)
    return made


def repeats(hashes: Hashes, of: Mask) -> Mask:
    """Rows of `of` whose hash an earlier row of `of` has too."""
    numbers = numpy.flatnonzero(of)
    order = numbers[numpy.argsort(hashes[numbers], kind="stable")]
    again = numpy.zeros(len(hashes), dtype=bool)
    again[order[1:][hashes[order[1:]] == hashes[order[:-1]]]] = True
    return again


class Groups:
    """Which rows belong together (union-find); the first row of a group names it."""

    def __init__(self, count: int) -> None:
        self.parent: Integers = numpy.arange(count, dtype=numpy.int64)

    def find(self, row: int) -> int:
        parent = self.parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    def join(self, one: int, other: int) -> None:
        one, other = self.find(one), self.find(other)
        if one != other:
            self.parent[max(one, other)] = min(one, other)

    def join_equal(self, hashes: Hashes, of: Mask) -> None:
        """Rows of `of` with the same hash."""
        numbers = numpy.flatnonzero(of)
        order = numbers[numpy.argsort(hashes[numbers], kind="stable")]
        for at in numpy.flatnonzero(hashes[order[1:]] == hashes[order[:-1]]):
            self.join(int(order[at]), int(order[at + 1]))

    def names(self) -> Integers:
        """The group of each row."""
        parent = self.parent
        while True:
            above = parent[parent]
            if numpy.array_equal(above, parent):
                return parent
            parent = above


def near_pairs(path: Path, of: Mask, words: Callable[[int], Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Pairs (earlier, later) of rows of `of` that are near duplicates. `path`: the bands of all rows, as `bands` makes them;
    `words`: those of a row, normalised."""
    seen: set[tuple[int, int]] = set()
    known: dict[int, Hashes] = {}

    def triples_of(row: int) -> Hashes:
        if row not in known:
            if len(known) > MOST_KNOWN:
                known.clear()
            advance("rows")
            known[row] = numpy.unique(triples([word_hashes(words(row))])[0])
        return known[row]

    numbers = numpy.flatnonzero(of)
    for band in range(BANDS):
        column = _column(path, band, len(of))
        order = numbers[numpy.argsort(column[numbers], kind="stable")]
        values = column[order]
        starts = numpy.flatnonzero(numpy.concatenate(([True], values[1:] != values[:-1])))
        ends = numpy.concatenate((starts[1:], [len(values)]))
        for begin, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
            bucket = sorted(int(row) for row in order[begin:end])
            firsts = bucket if len(bucket) <= LARGEST_BUCKET else bucket[:2]
            for place, one in enumerate(firsts):
                for other in bucket[place + 1 :]:
                    if (one, other) in seen:
                        continue
                    seen.add((one, other))
                    a, b = triples_of(one), triples_of(other)
                    common = len(numpy.intersect1d(a, b, assume_unique=True))
                    if common >= SIMILAR * (len(a) + len(b) - common):
                        yield one, other


def _column(path: Path, band: int, rows: int) -> Hashes:
    """One band of all rows, read in pieces so that the file is never whole in memory."""
    column = numpy.empty(rows, dtype=numpy.uint64)
    at = 0
    with path.open("rb") as file:
        while at < rows:
            piece = numpy.fromfile(file, dtype=numpy.uint64, count=min(250_000, rows - at) * BANDS).reshape(-1, BANDS)
            column[at : at + len(piece)] = piece[:, band]
            at += len(piece)
    return column
