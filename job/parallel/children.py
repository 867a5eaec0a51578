"""The workers that a process starts on its own host, each with a card of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from job.hosts.libraries import usable_cpus
from job.modeling.fresh import environment
from job.runs.deaths import memory_kills
from job.runs.progress import cpu_ticks


class Children:
    """`cards`: CUDA_VISIBLE_DEVICES of each rank, empty on a CPU. `share`: of how many workers this host's CPUs are.

    `request`: what a worker needs to load base and rows as the leader does, and to reach the store.
    """

    def __init__(self, request: dict[str, Any], cards: Mapping[int, str], *, share: int) -> None:
        self._kills = memory_kills()
        threads = str(max(usable_cpus() // share, 1))
        self.processes = {rank: _started(request | {"rank": rank}, card, threads) for rank, card in cards.items()}

    def ended(self) -> list[dict[str, Any]]:
        """How those ended that have."""
        return [
            {"rank": rank, "status": status, "memory_killed": status == -9 and memory_kills() > self._kills}
            for rank, process in self.processes.items()
            if (status := process.poll()) is not None
        ]

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
        for process in self.processes.values():
            process.kill()
            process.wait()


def _started(request: dict[str, Any], card: str, threads: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", request["module"]],
        stdin=subprocess.PIPE,
        text=True,
        env={**environment(), **({} if card else {"OMP_NUM_THREADS": threads}), "CUDA_VISIBLE_DEVICES": card},
    )
    assert child.stdin
    with suppress(BrokenPipeError):  # it has ended already, and `ended` says how
        json.dump(request, child.stdin)
        child.stdin.close()
    return child
