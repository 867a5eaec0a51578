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

    A group that is too large for what is still wanted is passed over. Single rows are taken only where no group fits, as
    where all rows have one question.
    """
    numbers = numpy.flatnonzero(of)
    wanted = max(1, min(round(len(numbers) * share), len(numbers) - 1))
    names, place, sizes = numpy.unique(groups[numbers], return_inverse=True, return_counts=True)
    group_keys = numpy.full(len(names), numpy.iinfo(numpy.uint64).max, dtype=numpy.uint64)
    numpy.minimum.at(group_keys, place, keys[numbers])
    taken = numpy.zeros(len(names), dtype=bool)
    taken[_fitting(numpy.argsort(group_keys, kind="stable"), sizes, wanted)] = True
    chosen = numpy.zeros(len(keys), dtype=bool)
    chosen[numbers[taken[place]]] = True
    return chosen if chosen.any() else smallest(keys, of, wanted)


def _fitting(order: Integers, sizes: Integers, room: int) -> Integers:
    """The groups that fit into the room, each tried in this order: as many at a time as fit together."""
    taken = []
    while len(order := order[sizes[order] <= room]):
        count = int(numpy.searchsorted(numpy.cumsum(sizes[order]), room, side="right"))
        taken.append(order[:count])
        room -= int(sizes[order[:count]].sum())
        order = order[count:]
    return numpy.concatenate([*taken, order])


def leaked_rows(groups: Integers, of: Mask, share: float, seed: int) -> tuple[int, int]:
    """(leaked rows, rows) of the evaluation part of a plain random split. A row has leaked when a row of its group is in
    training; the grouped split prevents that."""
    numbers = numpy.flatnonzero(of)
    evaluated = numpy.zeros(len(groups), dtype=bool)
    places = numpy.random.default_rng(seed).permutation(len(numbers))
    evaluated[numbers[places < max(1, round(len(numbers) * share))]] = True
    return leaked(groups, evaluated, of & ~evaluated), int(evaluated.sum())


def leaked(groups: Integers, evaluated: Mask, trained: Mask) -> int:
    """Evaluation rows of whose group a row is in training."""
    return int(numpy.isin(groups[evaluated], numpy.unique(groups[trained])).sum())
