"""What takes seconds without Python, begun in threads while libraries are imported: the context of the driver on the card, and
the way of weights from the disk into the page cache.

Nothing waits for these threads, and nothing that fails in them is said there: whoever needs the card or a file meets the same
failure, and has a message for it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from job.hosts.libraries import gpu_wanted

PIECE_BYTES = 2**23
LARGEST_SHARE = 0.5
"""Of the main memory: more would push out what was read first."""


def open_card() -> Thread | None:
    """The context that torch will use: the driver keeps one for each card and process. None where no GPU is wanted."""
    return _begun(_retain_context) if gpu_wanted() else None


def _retain_context() -> None:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return
    if driver.cuInit(0) == 0:
        driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), 0)  # ctypes waits without Python's lock


def read_ahead(paths: Sequence[Path]) -> Thread | None:
    """None where they would not stay in memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError):
        if sum(path.stat().st_size for path in paths) <= memory * LARGEST_SHARE:
            return _begun(_read, paths)
    return None


def _read(paths: Sequence[Path]) -> None:
    room = bytearray(PIECE_BYTES)
    for path in paths:
        with suppress(OSError), path.open("rb", buffering=0) as file:
            while file.readinto(room):
                pass


def _begun(work: Callable[..., None], *arguments: object) -> Thread:
    thread = Thread(target=work, args=arguments, daemon=True)  # no end of the run waits for it
    thread.start()
    return thread
