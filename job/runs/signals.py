"""SIGTERM, SIGINT and what else asks a run to stop: most code is interrupted at once; a training step finishes first."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from job.errors import Stopped

log = logging.getLogger("job")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
"""SIGHUP: the terminal or the ssh connection is gone. SIGUSR1, SIGUSR2: a queue's warning, as of Slurm's --signal. SIGXCPU: a
limit on CPU time (`ulimit -t`) is near; the kernel repeats it every second."""
AGAIN_SECONDS = 1.0
"""A signal sooner after the first is the same request: queues signal every process of a job, and ours is passed on as well."""


def listened_to() -> tuple[signal.Signals, ...]:
    """All but SIGHUP where it is ignored: that is what `nohup` is for."""
    return tuple(one for one in SIGNALS if one is not signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN)


class StopRequest:
    """A signal raises Stopped where it arrives, except inside `polled()`: code in there looks at `requested` often, and ends
    without losing anything. A second request always raises."""

    def __init__(self) -> None:
        self.requested = False
        self.reason = ""
        """A sentence on what the first request was."""
        self.watched_by = 0
        """The process whose end this one hears of by a signal; 0 for none."""
        self._first = 0.0
        self._polled = False
        self._ending = False

    def ending(self) -> None:
        """From now on signals change nothing: the run ends already, and what it writes last must be whole.

        They stay ignored until the process is gone: in the last moments Python itself would give them their default back.
        """
        self._ending = True

    @contextmanager
    def polled(self) -> Iterator[None]:
        self._polled = True
        try:
            yield
        finally:
            self._polled = False

    def ask(self, reason: str) -> None:
        """From any thread: as if a signal had arrived, for that reason."""
        self.reason = self.reason or reason
        os.kill(os.getpid(), signal.SIGTERM)

    def arrive(self, number: int, _frame: FrameType | None) -> None:
        if self._ending:
            return
        again, self.requested = self.requested, True
        moment = time.monotonic()
        if not again:
            self._first = moment
        elif moment - self._first < AGAIN_SECONDS or number == signal.SIGXCPU:
            return
        name = signal.Signals(number).name
        orphaned = self.watched_by and os.getppid() != self.watched_by
        reason = "The process that watched this run is gone: it was killed." if orphaned else f"{name} arrived."
        asked = self.reason
        self.reason = self.reason or reason
        if again or not self._polled:
            raise Stopped(reason if again else self.reason)
        if asked:
            log.warning("asked=%r: stopping between two micro-batches", asked)
        else:
            log.warning("signal=%s: stopping between two micro-batches", name)

    @contextmanager
    def listening(self) -> Iterator[None]:
        before: dict[signal.Signals, Any] = {}
        for number in listened_to():
            before[number] = signal.signal(number, self.arrive)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if self._ending else handler)
