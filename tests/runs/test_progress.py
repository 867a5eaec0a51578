"""Counts of what was done, from any thread, and seen by the parent of a fork."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from job.runs import progress
from job.runs.progress import advance, counts, importing, is_importing, is_saving, saving

pytestmark = pytest.mark.light


def test_counts_add_up_from_any_thread() -> None:
    before = counts()["rows"]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            pool.submit(advance, "rows", 3)
    assert counts()["rows"] == before + 600


@pytest.mark.parametrize(("begin", "is_on"), [(saving, is_saving), (importing, is_importing)])
def test_what_is_said_is_taken_back(
    begin: Callable[[], AbstractContextManager[None]], is_on: Callable[[], bool]
) -> None:
    with begin():
        assert is_on()
    assert not is_on()


def test_a_parent_sees_what_its_fork_counts() -> None:
    before = counts()["tokens"]
    if (pid := os.fork()) == 0:
        advance("tokens", 11)
        os._exit(0)
    os.waitpid(pid, 0)
    assert counts()["tokens"] == before + 11


def test_what_moves_elsewhere_is_movement_and_counts_nothing() -> None:
    before, counted = progress.movement(), progress.counts()
    progress.stir()
    assert progress.movement() != before
    assert progress.counts() == counted


def test_a_process_that_computes_has_ticks_and_one_that_is_gone_has_none() -> None:
    while not progress.cpu_ticks(os.getpid()):
        sum(range(10**6))
    assert progress.cpu_ticks(2**22 + 1) == 0
