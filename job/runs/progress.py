"""What a run has done so far: the one place where stages say that they move.

Whoever works calls `advance`; what the counts are for (a heartbeat, a watchdog) is not known here. They lie in memory that a
forked process shares with its parent, so that the parent sees them move, or not, whatever the child is doing.
"""

from __future__ import annotations

import gc
import mmap
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from job.hosts.lookups import packages_listed_once
from job.runs.parts import PARTS

Unit = Literal["rows", "steps", "tokens", "bytes"]
UNITS: tuple[Unit, ...] = ("rows", "steps", "tokens", "bytes")
_COUNT = struct.Struct("q")
_SAVING = len(UNITS) * _COUNT.size
_IMPORTING = _SAVING + 1
_GOAL = struct.Struct("qq")
_GOAL_PLACE = _SAVING + _COUNT.size
_STIRRED = _GOAL_PLACE + _GOAL.size
_shared = mmap.mmap(-1, _STIRRED + _COUNT.size)
_lock = threading.Lock()


def advance(unit: Unit, count: int = 1) -> None:
    """`count` more of `unit` are done. Cheap (a microsecond), and safe from any thread."""
    place = UNITS.index(unit) * _COUNT.size
    with _lock:
        _COUNT.pack_into(_shared, place, _COUNT.unpack_from(_shared, place)[0] + count)


def counts() -> dict[str, int]:
    """How many of each unit this run has done, in all stages of this start together."""
    return {unit: _COUNT.unpack_from(_shared, place * _COUNT.size)[0] for place, unit in enumerate(UNITS)}


def stir() -> None:
    """Another process that this one waits for has moved, in what no unit counts."""
    with _lock:
        _COUNT.pack_into(_shared, _STIRRED, _COUNT.unpack_from(_shared, _STIRRED)[0] + 1)


def movement() -> tuple[int, ...]:
    """Changes whenever anything moves."""
    return (*counts().values(), *_COUNT.unpack_from(_shared, _STIRRED))


def expect(total: int, done: int = 0) -> None:
    """From now on each step counts towards `total`, of which earlier starts have `done`; 0 where nobody knows."""
    _GOAL.pack_into(_shared, _GOAL_PLACE, total, done - counts()["steps"])


def goal() -> tuple[int, int]:
    """(steps done, of how many); the latter is 0 if that is not known."""
    total, before = _GOAL.unpack_from(_shared, _GOAL_PLACE)
    return before + counts()["steps"], total


@contextmanager
def saving() -> Iterator[None]:
    """Inside, what was done is being saved: whoever wants to end this process gives it more time."""
    _shared[_SAVING] = 1
    try:
        yield
    finally:
        _shared[_SAVING] = 0


def is_saving() -> bool:
    return bool(_shared[_SAVING])


@contextmanager
def importing() -> Iterator[None]:
    """Inside, libraries are imported, which counts nothing and may take a minute: computing is progress there.

    Nothing that they define is garbage, yet the collector looks through all of it again and again: 1.2 of 5.0 CPU seconds
    that torch, transformers, peft, datasets and trl take. So it rests meanwhile, and leaves that alone afterwards too. What is
    garbage before, such as a model, is collected first, or it would stay.
    """
    _shared[_IMPORTING] = 1
    collects = gc.isenabled()
    if collects:
        gc.collect()
    gc.disable()
    try:
        with PARTS.of("imports"), packages_listed_once():
            yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()
        _shared[_IMPORTING] = 0


def is_importing() -> bool:
    return bool(_shared[_IMPORTING])


def cpu_ticks(pid: int) -> int:
    """What a process has computed, in clock ticks of the kernel; 0 where nothing counts them."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(after_name[11]) + int(after_name[12])
