"""The same work on batches of rows in any number of processes, in the order in which the batches came."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from job.errors import HostUnfit

Given = TypeVar("Given")
Made = TypeVar("Made")
FIRST = 8
"""Batches that are worked on here before any process is started: few rows do not pay for it."""
AHEAD = 3
"""Batches for each process that are read ahead: memory stays bounded."""
PR_SET_PDEATHSIG = 1


def cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(work: Callable[[Given], Made], batches: Iterable[Given], workers: int) -> Iterator[Made]:
    """`work` of each batch. It must be a function of a module, and what it is given and makes must pickle.

    Raises what `work` raises, and HostUnfit (68) where a process was ended from outside.
    """
    coming = iter(batches)
    yield from map(work, islice(coming, FIRST))
    if workers == 1:
        yield from map(work, coming)
        return
    following = next(coming, None)
    if following is None:
        return
    # spawn: a forked process would inherit threads of tokenizer and Arrow in the middle of what they do
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        pending: deque[Future[Made]] = deque([pool.submit(work, following)])
        for batch in coming:
            pending.append(pool.submit(work, batch))
            if len(pending) > AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise HostUnfit(
            "A process of the cleaning stage was ended from outside, most likely by the kernel for lack of memory.",
            remedy="Give the container more memory, or set FINETUNE_DATA_WORKERS=1.",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In a new process: the parent alone answers to signals, and its end is the end of this one too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
