"""The workers that a process starts on its own host, each with a card of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from job.hosts.libraries import usable_cpus
from job.modeling.fresh import environment
from job.runs.deaths import memory_kills
from job.runs.progress import cpu_ticks
from job.runs.supervisor import Copied

TAIL_CHARACTERS = 2000
REST_SECONDS = 1.0
"""For the last words of a worker that is gone. What it started itself may hold the pipe open."""


class Children:
    """`cards`: CUDA_VISIBLE_DEVICES of each rank, empty on a CPU. `share`: of how many workers this host's CPUs are.

    `request`: what a worker needs to load base and rows as the leader does, and to reach the store.
    """

    def __init__(self, request: dict[str, Any], cards: Mapping[int, str], *, share: int) -> None:
        self._kills = memory_kills()
        threads = str(max(usable_cpus() // share, 1))
        self._words = {rank: Words() for rank in cards}
        self.processes = {
            rank: _started(request | {"rank": rank}, card, threads, self._words[rank]) for rank, card in cards.items()
        }
        self._ended: dict[int, dict[str, Any]] = {}

    def ended(self) -> list[dict[str, Any]]:
        """How those ended that have, and what they wrote last."""
        for rank, process in self.processes.items():
            if rank not in self._ended and (status := process.poll()) is not None:
                self._ended[rank] = {
                    "rank": rank,
                    "status": status,
                    "memory_killed": status == -9 and memory_kills() > self._kills,
                    "tail": self._words[rank].last(),
                }
        return [self._ended[rank] for rank in self.processes if rank in self._ended]

    def ticks(self) -> int:
        """What they have computed."""
        return sum(cpu_ticks(process.pid) for process in self.processes.values())

    def wait(self, seconds: float) -> None:
        """For their own end, then end them."""
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        for rank, process in self.processes.items():
            process.kill()
            process.wait()
            self._words[rank].last()


class Words:
    """The standard error of a worker on its way to that of this process, redacted. Native code says there what it ends of."""

    def __init__(self) -> None:
        self._copied, self._tail = Copied(2), ""
        self.end = self._copied.end
        self._copying = threading.Thread(target=self._copy, name="words", daemon=True)

    def begin(self) -> None:
        """Once the worker has the other end."""
        os.close(self.end)
        self._copying.start()

    def last(self) -> str:
        """Of a worker that has ended."""
        self._copying.join(REST_SECONDS)
        return self._tail.encode(errors="surrogateescape").decode(errors="replace")

    def _copy(self) -> None:
        while data := os.read(self._copied.pipe, 1 << 16):
            self._note(self._copied.copy(data))
        self._note(self._copied.copy(b"", whole=False))
        os.close(self._copied.pipe)

    def _note(self, text: str) -> None:
        self._tail = (self._tail + text)[-TAIL_CHARACTERS:]


def _started(request: dict[str, Any], card: str, threads: str, words: Words) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", request["module"]],
        stdin=subprocess.PIPE,
        stderr=words.end,
        text=True,
        env={**environment(), **({} if card else {"OMP_NUM_THREADS": threads}), "CUDA_VISIBLE_DEVICES": card},
    )
    words.begin()
    assert child.stdin
    with suppress(BrokenPipeError):  # it has ended already, and `ended` says how
        json.dump(request, child.stdin)
        child.stdin.close()
    return child
