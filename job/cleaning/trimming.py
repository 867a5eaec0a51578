"""Between the two passes: what repeats in the rows that were kept and, where it is to be cut, further passes over them."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy

from job.cleaning.batch import Batch, CleanedBatch, ends_of
from job.cleaning.first_pass import FirstPass
from job.cleaning.repeated import LEVELS, SIDES, Repeated, cuts, found

Listed = list[list[Repeated]]
"""What repeats, for each source."""
InOrder = Callable[[Callable[[Batch], CleanedBatch], Iterable[Batch]], Iterator[CleanedBatch]]
"""A function on batches, somewhere, with results in their order: workers.py, on_ray.py."""


def repeated_in(first: FirstPass) -> Listed:
    """Counted before duplicates are dropped, since a copy of a row adds nothing."""
    source = numpy.frombuffer(first.source, dtype=numpy.uint16)
    shape = (len(source), len(SIDES), LEVELS)
    path = first.folder / "edges"
    edges = numpy.memmap(path, numpy.uint32, "r", shape=shape) if len(source) else numpy.empty(shape, numpy.uint32)
    made = []
    for number in range(len(first.data.sources)):
        begin, end = (int(numpy.searchsorted(source, number, side)) for side in ("left", "right"))
        made.append(found(edges[begin:end], functools.partial(_pair, first, begin)))
    return made


def trim(first: FirstPass, process: Callable[..., CleanedBatch], in_order: InOrder) -> Listed:
    """Cut what repeats from the rows of `first`, and say what did: as it was found, cut or not.

    Rows pass through `process` again, because the rules may find more at the new ends, until nothing changes: cleaning the
    output again changes nothing either. A row of which too little is left is dropped by the rule that says so.
    """
    listed = latest = repeated_in(first)
    while any(one.cut for source in latest for one in source):
        before, notes, first.notes = first.text, first.notes, Counter()
        function = functools.partial(process, gone=tuple(cuts(source) for source in latest))
        batches = first.kept_batches()
        with first:
            for batch in in_order(function, batches):
                for rule in batch.tally.values():
                    rule.skipped = 0  # what was not done to a row was counted when it came, as were its notes
                first.take(batch)
        first.notes |= notes
        if first.text == before:
            break
        latest = repeated_in(first)
        listed = [_joined(old, new) for old, new in zip(listed, latest, strict=True)]
    return listed


def _pair(first: FirstPass, begin: int, row: int) -> tuple[str, str]:
    return ends_of(first.texts(begin + row))


def _joined(old: list[Repeated], new: list[Repeated]) -> list[Repeated]:
    """Each once, and what was cut later as that."""
    cut = {(one.side, one.sentences): one for one in [*new, *old] if one.cut}
    return [one for one in old if (one.side, one.sentences) not in cut] + [*cut.values()]
