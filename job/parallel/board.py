"""A board on which each process of a run writes a text of its own, and reads those of the others.

It hangs in torch's key-value store, which rank 0 makes. Each process writes every second, so that whoever falls silent is
missed. Knows nothing of what the texts say.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from job.errors import HostUnfit
from job.hosts.places import Place
from job.parallel.wire import ANYWHERE, HOST, keep_store, reach_store

log = logging.getLogger("job")
BEAT_SECONDS = 1.0
SILENT_SECONDS = 50.0
"""After which a process is gone. A process that loads libraries from a cold disk may stand still for many seconds."""
TRIES_SECONDS = 2.0
OVER_SECONDS = 10.0
"""Without an answer, after which the run may be over. A rank 0 that comes all the same finds nothing left to train."""


class Board:
    """`seconds`: how long rank 0's store may take to answer. `is_over`: whether it will not any more, asked once it has not for
    some seconds.

    Raises HostUnfit (68) if nobody answers at rank 0's address, or if its port is taken.
    """

    def __init__(self, place: Place, *, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        self.place, self._is_over = place, is_over
        self.look: Callable[[], object] = lambda: None
        """Called after each reading, in the thread that reads."""
        self._keeps = place.rank == 0 and not place.store
        self._server = _kept(place) if self._keeps else None
        self.address = HOST if self._keeps else place.address
        self._store = self._reach(seconds)
        self.mine: dict[str, Any] = {"host": socket.gethostname(), "word": secrets.token_hex(8)}
        self._texts: dict[int, dict[str, Any]] = {}
        self._changed = dict.fromkeys(self.others, time.monotonic())
        self._beats, self._broken = 0, 0.0
        self._wake, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._beat, name="board", daemon=True)
        self._thread.start()

    @property
    def others(self) -> Sequence[int]:
        """Rank 0 reads all, the others read it alone."""
        return range(1, self.place.processes) if self.place.rank == 0 else (0,)

    def tell(self, **facts: Any) -> None:
        """Write these into this process's text, at once."""
        self.mine |= facts
        self._wake.set()

    def note(self, **facts: Any) -> None:
        """The same, with the next beat."""
        self.mine |= facts

    def of(self, rank: int) -> dict[str, Any]:
        """What that process wrote last; empty before it is there."""
        return self._texts.get(rank, {})

    def silent(self, rank: int) -> float:
        """Seconds since that process last wrote, or since this board hangs."""
        return time.monotonic() - self._changed[rank]

    def broken(self) -> float:
        """Seconds since the connection to the store broke; 0 while it holds."""
        return time.monotonic() - self._broken if self._broken else 0.0

    def put(self, name: str, value: Any) -> None:
        """What is written once."""
        self._store.set(name, json.dumps(value))

    def get(self, name: str) -> Any:
        """Waits for it, no longer than a store takes to answer."""
        return json.loads(self._store.get(name))

    def close(self) -> None:
        """After a last reading and writing."""
        self._ended = True
        self._wake.set()
        self._thread.join(TRIES_SECONDS)

    # --- in the thread -------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        while True:
            ended = self._ended
            self._wake.clear()
            try:
                if self._broken:  # rank 0's watching process may make another store
                    self._store = self._reach(0)
                self._round()
                self._broken = 0.0
            except (RuntimeError, OSError, HostUnfit):
                self._broken = self._broken or time.monotonic()
            self.look()
            if ended:
                return
            self._wake.wait(BEAT_SECONDS)

    def _round(self) -> None:
        self._beats += 1
        self._store.set(f"at/{self.place.rank}", json.dumps({**self.mine, "beat": self._beats}))
        for rank in self.others:
            name = f"at/{rank}"
            text = json.loads(self._store.get(name)) if self._store.check([name]) else {}
            if text and text != self.of(rank):
                self._texts[rank], self._changed[rank] = text, time.monotonic()

    def _reach(self, seconds: float) -> Any:
        began = time.monotonic()
        place = self.place
        while True:
            try:
                socket.create_connection((self.address, place.port), timeout=TRIES_SECONDS).close()  # torch's own tries
                return reach_store(self.address, place.port, place.store)  # print a stack each
            except (RuntimeError, OSError) as error:
                waited = time.monotonic() - began
                if waited > seconds or (waited > OVER_SECONDS and self._is_over()):
                    raise HostUnfit(
                        f"Rank 0 does not answer at {self.address}, port {place.port} ({error}); {place} waited for "
                        f"{waited:.0f} seconds.",
                        remedy="Look at the log of rank 0, whether it has started. If it has, address and port "
                        f"(launcher: {place.launcher}; MASTER_ADDR and MASTER_PORT set them) must lead to it, into a container "
                        "with --network host, and no firewall stand between the hosts. FINETUNE_WATCHDOG_MINUTES sets how long "
                        "the others wait.",
                    ) from error
            time.sleep(BEAT_SECONDS)


def _kept(place: Place) -> Any:
    try:
        return keep_store(ANYWHERE, place.port)
    except OSError as error:
        raise HostUnfit(
            f"Port {place.port}, where the other processes of this run look for rank 0, cannot be listened on: "
            f"{error.strerror}.",
            remedy="Set MASTER_PORT to a port that is free on this host, to the same one for all processes. "
            f"{place.other_leader}",
        ) from error
