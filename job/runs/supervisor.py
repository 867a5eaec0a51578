"""The process that watches: it forks the one that works, and whatever ends that one, the run gets an ending.

It stays light (no torch), so it survives what ends a heavy process without a word: the kernel's out-of-memory kill, a library's
`exit(1)`, a crash in native code, a hang. It passes signals on, copies the log, writes a heartbeat, and ends a child that no
longer moves. It knows nothing of what the child does but its figures and its counts of progress.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from job.errors import BUG, JobError
from job.results import Metrics
from job.runs import progress
from job.runs.bar import BAR
from job.runs.deaths import Death, memory_kills
from job.runs.logs import shown
from job.runs.metrics import MetricsFile
from job.runs.redaction import write_where_read
from job.runs.signals import AGAIN_SECONDS, SIGNALS, listened_to

log = logging.getLogger("job")
Take = Callable[[Metrics], None]
Work = Callable[[Take], int]
"""The run itself: hands on its figures, the last time with its ending, and returns the exit code."""

HEARTBEAT_SECONDS = 30.0
GRACE_SECONDS = 7.0
"""From the first signal on. Docker kills after 10 s, spot machines after 30 s."""
SAVING_SECONDS = 25.0
"""The same for a child that is just saving: its checkpoint is worth the risk."""
SECOND_GRACE_SECONDS = 2.0
"""After a second signal, and after a checkpoint was saved."""
STACKS_SIGNAL = signal.SIGQUIT
"""Asks the child for the stacks of all threads; it is none of those that stop a run."""
STACKS_SECONDS = 2.0
PAUSE_SECONDS = 5.0
"""Without a look at the child: this process itself stood still."""
TAIL_CHARACTERS = 8000
LONGEST_LINE = 1 << 16
"""Bytes; a longer one is passed on in pieces."""
PR_SET_PDEATHSIG = 1


class Copied:
    """A stream of the child's on its way to the same one of this process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pipe, self.end = os.pipe()
        self._line = b""

    def copy(self, data: bytes, *, whole: bool = True) -> str:
        """Pass it on, redacted: what libraries write themselves has met no formatter. Returns it as text.

        `whole`: keep back a line that has no end yet, since a secret may be cut in two, until nothing more comes.
        """
        data = self._line + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 if whole else len(data)
        if len(data) - end > LONGEST_LINE:
            end = len(data)
        data, self._line = data[:end], data[end:]
        if not data:
            return ""
        text, plain = shown(data.decode(errors="surrogateescape"))
        BAR.hide()
        BAR.at_line_start = text.endswith("\n")
        with contextlib.suppress(OSError):  # nobody has it open any more
            write_where_read(self.descriptor, text.encode(errors="surrogateescape"))
        return plain


class Child:
    """A forked process at work: its figures and its log come through pipes."""

    def __init__(self, work: Work, orphaned: Take) -> None:
        """`orphaned`: gets the figures in the child once this process was killed."""
        self.tail = ""
        figures, figures_end = os.pipe()
        self._streams = (Copied(1), Copied(2))
        _flush()
        BAR.hide()
        parent = os.getpid()
        signal.signal(
            signal.SIGCHLD, signal.SIG_DFL
        )  # some launchers ignore it, and nobody would learn how the child ended
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until both processes have their own handlers
        self.pid = os.fork()
        if self.pid == 0:
            for pipe in (figures, *(stream.pipe for stream in self._streams)):
                os.close(pipe)
            _work(work, orphaned, parent, figures_end, self._streams)
        for pipe in (figures_end, *(stream.end for stream in self._streams)):
            os.close(pipe)
        self._figures, self._unread = figures, b""
        self._copied = {stream.pipe: stream for stream in self._streams}
        self._selector = selectors.DefaultSelector()
        for pipe in (figures, *self._copied):
            os.set_blocking(pipe, False)
            self._selector.register(pipe, selectors.EVENT_READ)

    def read(self, seconds: float) -> Iterator[Metrics]:
        """Copy what it logs, and yield the figures that it sent, for at most `seconds` of waiting."""
        ready = self._selector.select(seconds)
        if not ready:
            self._copy_rest()
        for key, _ in ready:
            pipe = key.fd
            try:
                data = os.read(pipe, 1 << 16)
            except BlockingIOError:
                continue
            if not data:
                self._selector.unregister(pipe)
            elif pipe in self._copied:
                self._note(self._copied[pipe].copy(data))
            else:
                *whole, self._unread = (self._unread + data).split(b"\n")
                yield from (Metrics.model_validate_json(line) for line in whole)

    def _note(self, text: str) -> None:
        self.tail = (self.tail + text)[-TAIL_CHARACTERS:]

    def _copy_rest(self) -> None:
        for stream in self._streams:
            self._note(stream.copy(b"", whole=False))

    def rest(self) -> Iterator[Metrics]:
        """What is left in the pipes of a process that has ended. Its own children may hold them open."""
        while self._selector.get_map():
            if not self._selector.select(0):
                break
            yield from self.read(0)
        self._copy_rest()

    def ended(self) -> int | None:
        """Its exit status as `subprocess` counts (negative: a signal), or None. Reaps orphans too: as process 1 of a container
        this process inherits them."""
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == self.pid:
                return os.waitstatus_to_exitcode(status)
            if pid == 0:
                return None

    def cpu_ticks(self) -> int:
        return progress.cpu_ticks(self.pid)

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        while self.ended() is None:
            time.sleep(0.01)
        self.close()

    def close(self) -> None:
        """End what the child started and left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._selector.close()
        for pipe in (self._figures, *self._copied):
            os.close(pipe)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream:  # None where the caller has closed it
            stream.flush()


def _work(work: Work, orphaned: Take, parent: int, figures: int, streams: Iterable[Copied]) -> NoReturn:
    """The child's whole life."""
    code = BUG
    try:
        for number in listened_to():
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.setpgid(0, 0)  # Ctrl-C in a terminal reaches the parent alone, which passes it on
        with contextlib.suppress(OSError, AttributeError):  # not Linux
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(BUG)
        for stream in streams:
            os.dup2(stream.end, stream.descriptor)
            os.close(stream.end)
        BAR.on = False
        faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True)
        faulthandler.enable(file=2)
        code = work(_sender(figures, orphaned))
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(OSError, ValueError):
            _flush()
        os._exit(code)  # no exit handler of a library, and no thread that hangs, comes after the ending


def _sender(figures: int, orphaned: Take) -> Take:
    def send(metrics: Metrics) -> None:
        data = (
            json.dumps(metrics.model_dump(mode="json")).encode() + b"\n"
        )  # keeps NaN, which pydantic's own JSON does not
        try:
            while data:
                data = data[os.write(figures, data) :]
        except BrokenPipeError:  # the parent was killed, and this process is ending as well
            orphaned(metrics)

    return send


@dataclass
class Signals:
    """What has arrived in this process, and when."""

    first: float | None = None
    name: str = ""
    again: float | None = None
    saved: float | None = None
    """When the child was last seen saving, after the first one."""

    @contextmanager
    def passed_on(self, child: Child) -> Iterator[None]:
        """Inside, signals go to the child. Afterwards they change nothing: what is written last must be whole."""

        def arrive(number: int, _frame: object) -> None:
            moment = time.monotonic()
            if self.first is None:
                self.first, self.name = moment, signal.Signals(number).name
            elif self.again is None and moment - self.first >= AGAIN_SECONDS:
                self.again = moment
            child.send(number)

        for number in listened_to():
            signal.signal(number, arrive)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        try:
            yield
        finally:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)

    def time_is_up(self) -> bool:
        """Whether a child that was asked to stop has had its time."""
        if self.first is None:
            return False
        moment = time.monotonic()
        if self.again is not None and moment - self.again > SECOND_GRACE_SECONDS:
            return True
        if progress.is_saving():
            self.saved = moment
        ends = self.first + GRACE_SECONDS
        if self.saved is not None:  # once it has saved, it still has to say so
            ends = max(ends, min(self.saved + SECOND_GRACE_SECONDS, self.first + SAVING_SECONDS))
        return moment > ends


def supervise(work: Work, file: MetricsFile, *, watchdog_seconds: float, beat: Callable[[], None]) -> Death:
    """Run `work` in a child until it has ended, in whatever way. `beat` is called with every heartbeat.

    If nothing moves for `watchdog_seconds`, the stacks of all threads go to the log, and the child is killed. Raises
    what `beat` does of our errors, once the child is killed.
    """
    started = time.monotonic()
    kills_before = memory_kills()
    child = Child(work, orphaned=file.take)
    signals = Signals()
    killed = ""
    moved, seen, beaten, looked, ticks = started, progress.movement(), started, started, 0
    with signals.passed_on(child):
        while (status := child.ended()) is None:
            for metrics in child.read(0.2):
                moved = time.monotonic()
                if not os.path.exists(file.path.parent):  # noqa: PTH110 (it never raises)
                    beaten = -HEARTBEAT_SECONDS  # at once: the heartbeat tells what has happened
                _quietly(lambda metrics=metrics: file.take(metrics))  # type: ignore[misc]
            BAR.show(file.metrics.stage if file.metrics else "start")
            moment = time.monotonic()
            if moment - looked > PAUSE_SECONDS:  # a machine or container that stood still is no run that hangs
                moved += moment - looked
            looked = moment
            if progress.movement() != seen:
                moved, seen = moment, progress.movement()
            if progress.is_importing() and (now := child.cpu_ticks()) != ticks:
                moved, ticks = moment, now
            if moment - beaten >= HEARTBEAT_SECONDS:
                beaten = moment
                try:
                    _quietly(beat)
                except JobError:
                    child.kill()
                    raise
                _quietly(lambda: file.beat(moment - started))  # noqa: B023
            if not killed and moment - moved > watchdog_seconds:
                killed = "watchdog"
                log.error(
                    "stage=%s watchdog=expired seconds=%.0f progress=%r: the stacks of all threads follow",
                    file.metrics.stage if file.metrics else "start",
                    moment - moved,
                    progress.counts(),
                )
                child.send(STACKS_SIGNAL)
                _read_for(child, STACKS_SECONDS)
                child.send(signal.SIGKILL)
            elif not killed and signals.time_is_up():
                killed = "signal"
                child.send(signal.SIGKILL)
        for metrics in child.rest():
            _quietly(lambda metrics=metrics: file.take(metrics))  # type: ignore[misc]
    BAR.hide()
    child.close()
    return Death(
        status=status,
        killed=killed,
        signal=signals.name,
        idle_seconds=time.monotonic() - moved,
        memory_killed=status == -signal.SIGKILL and not killed and memory_kills() > kills_before,
        tail=child.tail.encode(errors="surrogateescape").decode(errors="replace"),
    )


def _read_for(child: Child, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        list(child.read(0.2))


def _quietly(write: Callable[[], None]) -> None:
    """A full disk or a vanished volume while a heartbeat is written ends no run: the child meets it too, and says so."""
    try:
        write()
    except OSError as error:
        log.warning("stage=run heartbeat=not_written: %s", error)
