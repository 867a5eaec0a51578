"""How long the job bears with a Hub that fails, hangs or trickles: limits on time, tries, and the waits between them.

The one place of all this: every call that reaches the Hub goes through `patiently`. The call runs in a thread of its own, so
that the run's own thread can watch it, write a line a minute, and leave at once when a signal arrives. Knows nothing of what
is called; `hosts.hub` says what a failure means.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Generic, TypeVar

from huggingface_hub import close_session, constants, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from job.errors import HubUnavailable
from job.hosts import sockets
from job.hosts.shared_cache import share, shared
from job.runs.progress import advance

log = logging.getLogger("job.hub")
T = TypeVar("T")

LEAST_BYTES = 65_536
"""So many bytes are progress. A connection that trickles below 65,536 bytes in five minutes would need a year for 10 GB."""
LEAST_CPU_SECONDS = 2.0
"""So much work of this process is progress too: `datasets` writes its Arrow files for minutes without a byte from the Hub."""


@dataclass(frozen=True)
class Limits:
    retry_seconds: float = 0
    """How long a Hub that fails is tried again, counted from the last progress; 0 for a single try."""
    still_seconds: float = 300
    """A try without progress for so long ends."""
    connect_seconds: float = 10
    answer_seconds: float = 120
    """For each piece of an answer, where the Hub client does not set its own limit (10 s for downloads)."""
    waits_seconds: tuple[float, ...] = (5, 15, 30, 60)
    """Between tries; the last one repeats. On top of the Hub client's own five tries within 23 s."""
    line_seconds: float = 60
    """Between lines that say what is waited for."""

    @property
    def try_seconds(self) -> float:
        """Time without progress after which a try ends: no longer than all tries together may take."""
        return min(self.still_seconds, self.retry_seconds or self.still_seconds)


_limits = Limits()
_refusing = threading.Event()
"""Set while a try that was given up still runs: it gets no new connection."""


def set_limits(limits: Limits) -> None:
    """For all calls from now on."""
    global _limits
    _limits = limits
    set_client_factory(_client)
    logging.getLogger(
        "huggingface_hub"
    ).handlers.clear()  # its lines have neither time nor stage, and reach our handler too


def _client() -> Any:
    """The Hub client's own HTTP client, which has no time limit by itself (huggingface_hub 2.4.0)."""
    client = default_client_factory()
    client.timeout = (_limits.connect_seconds, _limits.answer_seconds, _limits.answer_seconds, _limits.answer_seconds)
    client.event_hooks["request"].insert(0, _refuse)
    return client


def _refuse(_request: object) -> None:
    """Called before each request. Not one of the errors after which the Hub client tries again."""
    thread = threading.current_thread()
    if _refusing.is_set() or (isinstance(thread, _Try) and thread.given_up):
        raise HubUnavailable("The request came from a try that had been given up.")


def patiently(call: Callable[[], T], what: str) -> T:
    """The value of `call`, tried again while it raises HubUnavailable (76) and time is left. `what`: "base model owner/name".

    Raises what `call` raises. One thread at a time may be in here.
    """
    if isinstance(threading.current_thread(), _Try):  # a part of a call that is watched already
        return call()
    failing_since = None
    for number, wait in enumerate(chain(_limits.waits_seconds, repeat(_limits.waits_seconds[-1])), 1):
        moved = Movement()
        try:
            with shared(Path(constants.HF_HOME)):
                return _once(call, what, moved)
        except HubUnavailable as error:
            failing_since = moved.last if failing_since is None else failing_since
            left = _limits.retry_seconds - (time.monotonic() - failing_since)
            if constants.is_offline_mode() or _limits.retry_seconds == 0:
                raise
            if left <= 0:
                raise HubUnavailable(
                    f"{str(error).rstrip('.')}. Given up after {_limits.retry_seconds / 60:g} minutes and {number} tries "
                    "(FINETUNE_HUB_RETRY_MINUTES).",
                    remedy=error.remedy,
                ) from error
            wait = min(wait, left)
            log.warning(
                "hub=failed try=%d next_in_seconds=%.0f gives_up_in_seconds=%.0f what=%r: %s",
                *(number, wait, left, what, error),
            )
            time.sleep(wait)
    raise AssertionError("the waits never end")


def _once(call: Callable[[], T], what: str, moved: Movement) -> T:
    close_session()  # so that all connections of this try are its own
    _refusing.clear()
    work = _Try(call)
    spared = sockets.connections()
    work.start()
    began = line_at = time.monotonic()
    try:
        while not work.done.wait(min(1, _limits.try_seconds / 4)):
            still = moved.look()
            share(Path(constants.HF_HOME), "hub/.locks")  # another user may wait for what is downloaded here
            if time.monotonic() - line_at >= _limits.line_seconds:
                line_at = time.monotonic()
                log.info(
                    "hub=waiting seconds=%.0f bytes=%d still_seconds=%.0f ends_at_still_seconds=%.0f what=%r",
                    *(line_at - began, moved.bytes, still, _limits.try_seconds, what),
                )
            if still > _limits.try_seconds and not moved.elsewhere():
                raise HubUnavailable(
                    f"The Hub stands still: {moved.bytes_since:,} bytes were sent or received in {still:.0f} seconds ({what})."
                )
    except HubUnavailable:
        work.give_up(spared, seconds=30)
        raise
    except BaseException:  # a signal: the process is about to end
        work.give_up(spared, seconds=2)
        raise
    finally:
        moved.look()
    return work.value()


class _Try(threading.Thread, Generic[T]):
    """One call in a thread of its own."""

    def __init__(self, call: Callable[[], T]) -> None:
        super().__init__(name="hub", daemon=True)
        self.done = threading.Event()
        self.given_up = False
        self._call = call
        self._value: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

    def value(self) -> T:
        """Raises what the call raised."""
        if self._error:
            raise self._error
        return self._value  # type: ignore[return-value]

    def give_up(self, spared: dict[int, int], seconds: float) -> None:
        """End it from outside: no thread can be killed, but each one ends that gets no connection. Within about ten seconds,
        since the Hub client sleeps up to eight between its own tries."""
        self.given_up = True
        _refusing.set()
        until = time.monotonic() + seconds
        while not self.done.wait(0.2) and time.monotonic() < until:
            if "hf_xet" in sys.modules:
                from huggingface_hub.utils._xet import abort_xet_session

                abort_xet_session()  # type: ignore[no-untyped-call]
            sockets.cut(spared)


class Movement:
    """Bytes that went through this process's connections, and when something moved last. Counts the bytes as progress."""

    def __init__(self) -> None:
        self.bytes = 0
        self._seen = sockets.connections()
        self._mark()

    def _mark(self) -> None:
        self.last = time.monotonic()
        self._marked_bytes, self._marked_cpu = self.bytes, _others_cpu_seconds()

    @property
    def bytes_since(self) -> int:
        """The bytes since the last progress."""
        return self.bytes - self._marked_bytes

    def look(self) -> float:
        """Seconds since the last progress."""
        now = sockets.connections()
        more = sum(max(0, count - self._seen.get(inode, 0)) for inode, count in now.items())
        self._seen = now
        self.bytes += more
        advance("bytes", more)
        working = _others_cpu_seconds() - self._marked_cpu >= LEAST_CPU_SECONDS
        if working or self.bytes_since >= LEAST_BYTES or not sockets.countable():
            self._mark()
        return time.monotonic() - self.last

    def elsewhere(self) -> bool:
        """Whether a file in the cache has grown lately, which then counts as progress: another process that shares the cache
        downloads the file, and this one waits for its lock. Looks through all of the cache.

        Lately is the second half of the time since the last progress: a download that hangs made its own file in the first.
        """
        since = time.time() - (time.monotonic() - self.last) / 2
        grown = any(_changed(path) > since for path in Path(constants.HF_HUB_CACHE).glob("*/blobs/*.incomplete"))
        if grown:
            self._mark()
        return grown


def _others_cpu_seconds() -> float:
    """What all other threads of this process have computed: watching them is no progress."""
    return time.process_time() - time.thread_time()


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # complete by now, and renamed
        return 0.0
