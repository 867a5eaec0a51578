"""Every batch is done once, whoever takes it; two ranks of one store in this process."""

from __future__ import annotations

from datetime import timedelta

import pytest

from job.parallel.pile import Pile
from job.parallel.wire import Wire

pytestmark = pytest.mark.light
BATCHES = [[2, 0], [1], [3, 4]]
ITEMS = ["a", "b", "c", ["d", 1.5], None]


def test_alone_the_leader_takes_all() -> None:
    pile = Pile("alone", BATCHES)
    assert [pile.take() for _ in range(4)] == [0, 1, 2, None]
    assert pile.left == 0
    assert pile.close() == 3


def test_others_take_what_is_left_when_it_is_opened() -> None:
    leader = Wire(0, 2)
    worker = Wire(1, 2, leader.port)
    pile = Pile("opened", BATCHES)
    assert pile.take() == 0
    pile.open(leader, lambda number: ITEMS[number])
    theirs = Pile("opened", BATCHES, worker)
    assert theirs.take() == 1
    assert theirs.items(1) == ["b"]
    assert pile.take() == 2
    assert (pile.take(), theirs.take()) == (None, None)
    assert pile.brought(1) is None
    theirs.bring(1, [{"b": 2}])
    leader.store.wait(
        ["opened/done/1"], timedelta(seconds=20)
    )  # it comes by another connection, which has no order with this
    assert pile.brought(1) == [{"b": 2}]
    assert not leader.store.check(["opened/item/0"]), "only what others may need"


def test_from_a_closed_pile_nobody_takes_any_more() -> None:
    leader = Wire(0, 2)
    pile = Pile("closed", BATCHES)
    pile.open(leader, lambda number: number)
    theirs = Pile("closed", BATCHES, Wire(1, 2, leader.port))
    assert theirs.take() == 0
    assert pile.close() == 1
    assert (pile.take(), theirs.take()) == (None, None)
    assert Pile("never", BATCHES).close() == 0
