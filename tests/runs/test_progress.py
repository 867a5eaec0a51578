"""Counts of what was done, from any thread, and seen by the parent of a fork."""

from __future__ import annotations

import gc
import os
import weakref
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


def test_the_collector_rests_while_libraries_are_imported_and_keeps_off_them_afterwards() -> None:
    before = gc.get_freeze_count()
    try:
        with importing():
            assert not gc.isenabled()
            module = [[] for _ in range(1000)]  # stands for what an import defines
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(module)
    finally:
        gc.unfreeze()


def test_what_is_garbage_before_an_import_is_not_kept_for_good() -> None:
    class Model:
        itself: object = None

    model = Model()
    model.itself, gone = model, weakref.ref(model)
    del model
    with importing():
        assert gone() is None
    gc.unfreeze()


def test_a_collector_that_was_off_stays_off_where_an_import_fails() -> None:
    gc.disable()
    try:
        with pytest.raises(ModuleNotFoundError), importing():
            import no_such_library  # type: ignore[import-not-found]  # noqa: F401
        assert not gc.isenabled()
        assert not is_importing()
    finally:
        gc.enable()


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
