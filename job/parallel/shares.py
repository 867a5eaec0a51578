"""Which worker takes which rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def shares(lengths: Sequence[int], workers: int) -> list[list[int]]:
    """Numbers of the rows of each worker, the leader's first, in their order.

    Longest first to the worker with the fewest tokens, so no two differ by more than the longest row. The leader gets the
    longest row: it always has one. The others have none where there are fewer rows than workers.
    """
    found: list[list[int]] = [[] for _ in range(workers)]
    tokens = [0] * workers
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        place = tokens.index(min(tokens))
        found[place].append(number)
        tokens[place] += lengths[number]
    return [sorted(some) for some in found]


@dataclass(frozen=True)
class Member:
    """One of the workers; the leader, who may be alone, is the first."""

    rank: int
    workers: int

    def share(self, lengths: Sequence[int]) -> list[int]:
        """Numbers of its own rows."""
        return shares(lengths, self.workers)[self.rank]


ALONE = Member(0, 1)
