"""Samples and the split into training and evaluation rows, from a random key for each row: the same whatever the order."""

from __future__ import annotations

import numpy

from job.cleaning.duplicates import Hashes, Integers, Mask


def smallest(keys: Hashes, of: Mask, count: int) -> Mask:
    """The `count` rows of `of` with the smallest keys: a sample that does not depend on other rows or their order."""
    numbers = numpy.flatnonzero(of)
    chosen = numpy.zeros(len(keys), dtype=bool)
    chosen[numbers[numpy.argsort(keys[numbers], kind="stable")[:count]]] = True
    return chosen


def held_out(keys: Hashes, groups: Integers, of: Mask, share: float) -> Mask:
    """Rows of `of` for evaluation: about `share` of them, in whole groups; at least one, never all.

    Where groups are too large for that (one question in all rows), single rows are taken.
    """
    numbers = numpy.flatnonzero(of)
    wanted = max(1, min(round(len(numbers) * share), len(numbers) - 1))
    names, place, sizes = numpy.unique(groups[numbers], return_inverse=True, return_counts=True)
    group_keys = numpy.full(len(names), numpy.iinfo(numpy.uint64).max, dtype=numpy.uint64)
    numpy.minimum.at(group_keys, place, keys[numbers])
    order = numpy.argsort(group_keys, kind="stable")
    taken = numpy.zeros(len(names), dtype=bool)
    taken[order[numpy.cumsum(sizes[order]) <= wanted]] = True
    chosen = numpy.zeros(len(keys), dtype=bool)
    chosen[numbers[taken[place]]] = True
    return chosen if chosen.any() else smallest(keys, of, wanted)


def leaked_rows(groups: Integers, of: Mask, share: float, seed: int) -> tuple[int, int]:
    """(leaked rows, rows) of the evaluation part of a plain random split. A row has leaked when a row of its group is in
    training; the grouped split prevents that."""
    numbers = numpy.flatnonzero(of)
    evaluated = numpy.random.default_rng(seed).permutation(len(numbers)) < max(1, round(len(numbers) * share))
    trained = numpy.unique(groups[numbers[~evaluated]])
    return int(numpy.isin(groups[numbers[evaluated]], trained).sum()), int(evaluated.sum())
