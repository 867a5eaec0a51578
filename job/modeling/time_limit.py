"""A limit of processor time for code that may never end, such as a chat template."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTime(BaseException):
    """Not an Exception, so that no `except Exception` in the limited code swallows it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises OutOfTime after this many seconds of processor time; a machine that stands still uses none.

    Only in the main thread: Python runs signal handlers nowhere else.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    handler = signal.signal(signal.SIGPROF, stop)
    started = time.process_time()
    left, interval = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL if handler is None else handler)
        if left:  # another timer was running: it goes on
            signal.setitimer(signal.ITIMER_PROF, max(left - (time.process_time() - started), 1e-6), interval)
