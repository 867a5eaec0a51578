"""Which batches a worker does. What it computes is tested with its leader."""

from __future__ import annotations

import math
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from job.parallel.pile import Pile
from job.parallel.wire import Wire
from job.probing.sharing import Work
from job.probing.tuned import Tuned
from job.probing.worker import do

TUNED = Tuned(SimpleNamespace(disable_adapter=nullcontext))
BATCHES = [[0], [1, 2], [3]]


@pytest.mark.parametrize(("until", "done"), [(math.inf, [[1, 2], [3]]), (0.0, [])])
def test_it_takes_what_is_left_until_the_time_is_over(until: float, done: list[list[int]]) -> None:
    leader = Wire(0, 2)
    pile = Pile("pile/1", BATCHES)
    pile.take()
    pile.open(leader, lambda number: number)
    seen: list[list[int]] = []

    def compute(work: Work, models: Any, items: list[int]) -> list[int]:
        seen.append(items)
        return [-item for item in items]

    leader.give(Work("answers", "pile/1", BATCHES, {"10": "adapter"}, until))
    worker = Wire(1, 2, leader.port)
    do(Work(**worker.take() or {}), worker, TUNED, compute)
    assert seen == done
    assert pile.brought(2) == ([-3] if done else None)
