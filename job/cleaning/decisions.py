"""What becomes of each kept row, once the numbers of all are known: duplicates, lists over the share, sample, split."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy
import numpy.typing as npt

from job.cleaning import duplicates, split
from job.cleaning.duplicates import Hashes, Integers, Mask
from job.cleaning.first_pass import FirstPass
from job.cleaning.rules.lists import KINDS
from job.cleaning.rules.registry import DROP_REASONS
from job.settings.fields import DataSettings

log = logging.getLogger("job.clean")

KEPT = 0
FATES = ("", *(reason.name for reason in DROP_REASONS if reason.when == "deciding"))
"""What becomes of a row, by its number in `fate`."""
DUPLICATE, NEAR_DUPLICATE, LIST_OVER_SHARE, NOT_SAMPLED = (
    FATES.index(name) for name in ("duplicate", "near_duplicate", "list_over_share", "not_sampled")
)

Fates = npt.NDArray[numpy.uint8]


@dataclass
class Decisions:
    """What becomes of each kept row: one of the numbers of FATES, and whether it is held out."""

    fate: Fates  # (rows,)
    held_out: Mask  # (rows,)
    near_groups: int
    leaked_rows: int
    """Evaluation rows that a plain random split would have leaked into training."""
    plain_eval_rows: int
    """All evaluation rows of that split."""
    split_leaked_rows: int
    """Evaluation rows that this split leaks, because no group was small enough to be held out whole."""
    lists: list[dict[str, int]]
    """Rows by kind of list for each source, before the share is capped."""


def decide(first: FirstPass, data: DataSettings, seed: int, *, near: bool) -> Decisions:
    """The order matters: duplicates go first, lists are capped among what is left, and samples are drawn from the rest."""
    text, question, sample, places = (
        numpy.frombuffer(column, dtype=numpy.uint64)
        for column in (first.text, first.question, first.sample, first.split)
    )
    source = numpy.frombuffer(first.source, dtype=numpy.uint16)
    lists = numpy.frombuffer(first.lists, dtype=numpy.uint8)
    fate = numpy.zeros(len(text), dtype=numpy.uint8)
    fate[duplicates.repeats(text, fate == KEPT)] = DUPLICATE
    groups = _near_groups(first, fate) if near else duplicates.Groups(len(text))
    near_names = groups.names()
    repeated = (near_names != numpy.arange(len(text))) & (fate == KEPT)
    near_groups = len(numpy.unique(near_names[repeated]))
    names = _leaking_groups(groups, text, question)
    leaked, plain_eval_rows = _leaked(names, data, seed)
    if data.near_duplicates == "drop":
        fate[repeated] = NEAR_DUPLICATE
    counted = [_list_rows(lists[(source == number) & (fate == KEPT)]) for number in range(len(data.sources))]
    for number, wanted in enumerate(data.sources):
        _cap_lists(fate, source == number, lists > 0, sample, data.max_list_share)
        if wanted.rows:
            _warn_of_few(str(wanted), wanted.rows, int(((fate == KEPT) & (source == number)).sum()))
            _draw(fate, source == number, sample, wanted.rows)
    if data.max_rows:
        _draw(fate, numpy.ones(len(fate), dtype=bool), sample, data.max_rows)
    held_out = _held_out(fate, places, names, data.eval_fraction)
    own_leaked = split.leaked(names, held_out, (fate == KEPT) & ~held_out)
    if own_leaked:
        log.warning(
            "stage=clean leaked_rows=%d: evaluation rows with the question or text of training rows, because no set of such "
            "rows is small enough to be held out whole",
            own_leaked,
        )
    return Decisions(fate, held_out, near_groups, leaked, plain_eval_rows, own_leaked, counted)


def _near_groups(first: FirstPass, fate: Fates) -> duplicates.Groups:
    groups = duplicates.Groups(len(fate))
    for one, other in duplicates.near_pairs(first.folder / "bands", fate == KEPT, first.words):
        groups.join(one, other)
    return groups


def _leaking_groups(groups: duplicates.Groups, text: Hashes, question: Hashes) -> Integers:
    """The group of each row, with the same text and the same question joined too: rows that must stay on one side.

    Exact duplicates are included: the leak of a plain split is counted on the rows as they came.
    """
    everyone = numpy.ones(len(text), dtype=bool)
    groups.join_equal(text, everyone)
    groups.join_equal(question, everyone)
    return groups.names()


def _leaked(names: Integers, data: DataSettings, seed: int) -> tuple[int, int]:
    if len(names) <= 1:
        return 0, len(names)
    return split.leaked_rows(names, numpy.ones(len(names), dtype=bool), data.eval_fraction, seed)


def _list_rows(lists: Fates) -> dict[str, int]:
    return {kind: int((lists == code).sum()) for code, kind in enumerate(KINDS) if kind}


def _cap_lists(fate: Fates, of: Mask, is_list: Mask, sample: Hashes, share: float) -> None:
    """Among the kept rows of `of`, at most this share are lists."""
    if share >= 1:
        return
    of = of & (fate == KEPT)
    most = int(int((of & ~is_list).sum()) * share / (1 - share))
    fate[of & is_list & ~split.smallest(sample, of & is_list, most)] = LIST_OVER_SHARE


def _draw(fate: Fates, of: Mask, sample: Hashes, rows: int) -> None:
    of = of & (fate == KEPT)
    fate[of & ~split.smallest(sample, of, rows)] = NOT_SAMPLED


def _warn_of_few(source: str, wanted: int, found: int) -> None:
    if found < wanted:
        log.warning("stage=clean source=%s wanted_rows=%d found_rows=%d: too few are left", source, wanted, found)


def _held_out(fate: Fates, places: Hashes, names: Integers, share: float) -> Mask:
    kept: Mask = fate == KEPT
    return split.held_out(places, names, kept, share) if kept.sum() > 1 else kept & False
