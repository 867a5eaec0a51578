"""Every row goes to one worker, and no worker has much more to do than another."""

from __future__ import annotations

import random

import pytest

from job.parallel.shares import ALONE, Member, shares

pytestmark = pytest.mark.light


def test_the_longest_row_goes_to_the_leader_and_the_others_fill_up() -> None:
    assert shares([10, 60, 20, 30], 2) == [[1], [0, 2, 3]]


def test_a_worker_may_have_no_rows() -> None:
    assert shares([5, 7], 4) == [[1], [0], [], []]
    assert shares([5], 1) == [[0]]


def test_each_member_finds_its_own_share_alone() -> None:
    assert [Member(rank, 2).share([10, 60, 20, 30]) for rank in range(2)] == shares([10, 60, 20, 30], 2)
    assert ALONE.share([5, 7]) == [0, 1]


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8])
def test_each_row_once_and_no_two_workers_further_apart_than_the_longest_row(workers: int) -> None:
    numbers = random.Random(workers)
    for _ in range(100):
        lengths = [numbers.randrange(1, 512) for _ in range(numbers.randrange(1, 40))]
        found = shares(lengths, workers)
        assert sorted(number for some in found for number in some) == list(range(len(lengths)))
        tokens = [sum(lengths[number] for number in some) for some in found]
        assert max(tokens) - min(tokens) <= max(lengths)


def test_usual_steps_are_shared_within_a_twentieth_or_a_row() -> None:
    numbers = random.Random(1)
    for _ in range(50):
        lengths = [numbers.randrange(60, 400) for _ in range(16)]
        tokens = [sum(lengths[number] for number in some) for some in shares(lengths, 2)]
        assert max(tokens) - min(tokens) <= max(0.05 * sum(tokens) / 2, min(lengths))
