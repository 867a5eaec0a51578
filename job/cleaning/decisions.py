"""What becomes of each kept row, once the numbers of all are known: duplicates, lists over the share, sample, split."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy

from job.cleaning import duplicates
from job.cleaning.first_pass import FirstPass
from job.cleaning.worker import LISTS
from job.settings.fields import DataSettings

log = logging.getLogger("job.clean")

KEPT, DUPLICATE, NEAR_DUPLICATE, LIST, NOT_SAMPLED = range(5)
DECIDED = ("", "duplicate", "near_duplicate", "list_over_share", "not_sampled")
"""Reasons that need all rows to be known, by the numbers above."""


@dataclass
class Decisions:
    """What becomes of each kept row: one of the numbers of DECIDED, and whether it is held out."""

    fate: Any  # (rows,) uint8
    held_out: Any  # (rows,) bool
    near_groups: int
    twins: int
    twins_of: int
    lists: list[dict[str, int]]
    """Rows by kind of list for each source, before the share is capped."""

    @classmethod
    def of(cls, first: FirstPass, data: DataSettings, seed: int, *, near: bool) -> Decisions:
        text, question, sample, split = (
            numpy.frombuffer(column, dtype=numpy.uint64)
            for column in (first.text, first.question, first.sample, first.split)
        )
        source = numpy.frombuffer(first.source, dtype=numpy.uint16)
        lists = numpy.frombuffer(first.lists, dtype=numpy.uint8)
        fate = numpy.zeros(len(text), dtype=numpy.uint8)
        fate[duplicates.repeats(text, fate == KEPT)] = DUPLICATE
        alike = duplicates.Groups(len(text))
        if near:
            for one, other in duplicates.near_pairs(first.folder / "bands", fate == KEPT, first.words):
                alike.join(one, other)
        near_names = alike.names()
        again = (near_names != numpy.arange(len(text))) & (fate == KEPT)
        near_groups = len(numpy.unique(near_names[again]))
        # Twins are counted with the exact ones in it: what a plain split of the rows as they came would have leaked.
        everyone = numpy.ones(len(text), dtype=bool)
        alike.join_equal(text, everyone)
        alike.join_equal(question, everyone)
        names = alike.names()
        twins, twins_of = (
            duplicates.twins(names, everyone, data.eval_fraction, seed) if len(text) > 1 else (0, len(text))
        )
        if data.near_duplicates == "drop":
            fate[again] = NEAR_DUPLICATE
        counted = [
            {
                kind: int(((source == number) & (fate == KEPT) & (lists == code)).sum())
                for code, kind in enumerate(LISTS)
                if kind
            }
            for number in range(len(data.sources))
        ]
        for number, asked in enumerate(data.sources):
            of = (fate == KEPT) & (source == number)
            if data.max_list_share < 1:
                plain = int((of & (lists == 0)).sum())
                most = int(plain * data.max_list_share / (1 - data.max_list_share))
                surplus = of & (lists > 0)
                fate[surplus & ~duplicates.smallest(sample, surplus, most)] = LIST
                of = (fate == KEPT) & (source == number)
            if asked.rows:
                if of.sum() < asked.rows:
                    log.warning(
                        "source=%s asked_rows=%d found_rows=%d: fewer rows are left after cleaning than were asked for",
                        asked,
                        asked.rows,
                        of.sum(),
                    )
                fate[of & ~duplicates.smallest(sample, of, asked.rows)] = NOT_SAMPLED
        if data.max_rows:
            of = fate == KEPT
            fate[of & ~duplicates.smallest(sample, of, data.max_rows)] = NOT_SAMPLED
        kept = fate == KEPT
        held_out = duplicates.held_out(split, names, kept, data.eval_fraction) if kept.sum() > 1 else kept & False
        return cls(fate, held_out, near_groups, twins, twins_of, counted)
