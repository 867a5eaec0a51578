"""The same function on batches of rows in any number of processes, with results in the order of the batches. Knows nothing
about what the function does."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import chain, islice
from typing import TypeVar

from job.errors import HostUnfit

log = logging.getLogger("job.clean")
Given = TypeVar("Given")
Made = TypeVar("Made")
FIRST = 4
"""Batches that this process works on before it starts others. To start one takes as long as three batches."""
AHEAD = 3
"""Batches for each process that are read ahead; the bound keeps memory small."""
PR_SET_PDEATHSIG = 1


def in_order(function: Callable[[Given], Made], batches: Iterable[Given], workers: int) -> Iterator[Made]:
    """`function` of each batch, in so many processes, of which this is one. It must be a function of a module, and its argument
    and result must pickle.

    Raises what `function` raises, and HostUnfit (68) if a process was killed from outside.
    """
    coming = iter(batches)
    yield from map(function, islice(coming, FIRST))
    following = next(coming, None) if workers > 1 else None
    if following is None:
        yield from map(function, coming)
        return
    coming = chain([following], coming)
    try:
        # spawn: a forked process would inherit threads of tokenizer and Arrow in the middle of what they do
        pool = ProcessPoolExecutor(workers - 1, multiprocessing.get_context("spawn"), initializer=_begin)
    except (
        OSError
    ) as error:  # its locks lie in /dev/shm, which may be read-only or full: nothing else of the job needs it
        log.warning("stage=clean workers=1 wanted=%d: no lock can be made in /dev/shm: %s", workers, error.strerror)
        yield from map(function, coming)
        return
    try:
        yield from _shared(function, coming, pool, workers)
    except BrokenProcessPool as error:
        raise HostUnfit(
            "A cleaning process was killed from outside, most likely by the kernel because memory ran out.",
            remedy="Give the container more memory, or set FINETUNE_DATA_WORKERS=1.",
        ) from error
    except BaseException:
        for process in multiprocessing.active_children():  # a stop does not wait for the batches that they are at
            process.kill()  # they have nothing to save, and inherit an ignored SIGTERM
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _shared(
    function: Callable[[Given], Made], coming: Iterator[Given], pool: ProcessPoolExecutor, workers: int
) -> Iterator[Made]:
    """What the other processes have no time for this one does itself: who takes the results rarely fills a core."""
    pending: deque[Future[Made]] = deque()
    for batch in coming:
        if sum(not one.done() for one in pending) < AHEAD * (workers - 1):
            pending.append(pool.submit(function, batch))
        else:
            pending.append(Future())
            pending[-1].set_result(function(batch))
        if pending[0].done() or len(pending) > AHEAD * workers:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _begin() -> None:
    """Set up a new process: only the parent answers signals, and when the parent ends, this process ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
