"""A step that several GPUs share: how many of them take part, what the slowest one computes, and what they exchange.

`plan` and the time limits of manifests build on it, so it imports no library. Nothing here was measured on the cards that it
speaks of; what was, says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from job.modeling.memory import Held
from job.parallel.shares import shares
from job.settings.fields import TrainSettings

LINK_BYTES = {"T4": 16e9, "L4": 32e9, "A100": 300e9, "H100": 450e9}
"""A second, one way, between two cards of a host: 16 lanes of PCIe 3.0 and 4.0, and NVLink (600 and 900 GB/s both ways
together), by NVIDIA's data sheets. An A100 or H100 on a PCIe board without a bridge has less."""
HELD = 0.5
"""Share of it that an exchange is taken to reach: between cards on PCIe it goes through the host's memory."""
PCIE_BYTES = {"T4": 16e9, "L4": 32e9, "A100": 32e9, "H100": 64e9}
"""A second, from main memory to a card: 16 lanes of PCIe 3.0, 4.0 and 5.0. Pinned memory reaches as much of it as above."""
NETWORK_BYTES = 1.25e9
"""A second, between hosts: 10 Gb/s."""
TEAM_SECONDS = 0.03
"""Of a step, beside the bytes: orders, copies and waiting. On four H200 a step of 16 rows took 0.01 to 0.03 s more with two or
four workers than with one, and one of 64 rows 0.05 s more (job/training/README.md#several-gpus)."""
WORTH = 0.85
"""Of one GPU's time, the most that a shared step may take, as in job/training/parallel/gain.py, which imports torch."""


@dataclass(frozen=True)
class Step:
    """One optimizer step. Seconds."""

    workers: int
    rows: int
    """The most that one of them takes."""
    kernels: float
    """Of the worker with the most tokens."""
    launching: float
    """What Python and launches take at least, however few the rows."""
    exchange: float = 0.0
    gathers: float = 0.0
    """Of layers that the workers share, while the layers before them compute."""

    @property
    def seconds(self) -> float:
        return max(self.kernels, self.launching, self.gathers) + self.exchange


def workers_of(gpus: int, train: TrainSettings) -> int:
    """How many of the GPUs take part: no more than a step has rows, or the setting says."""
    wanted = gpus if train.devices == "auto" else min(gpus, train.devices)
    return min(wanted, train.batch_size)


def rows_of(workers: int, train: TrainSettings) -> int:
    """Of a step, at the worker that takes most of them."""
    return math.ceil(train.batch_size / workers)


def largest_share(lengths: Sequence[int], workers: int, batch_size: int) -> float:
    """Of a step's tokens, what the worker with the most of them takes, balanced as a run does it.

    `lengths`: of rows, in order; each step gets short ones and long ones. Without any, all rows count as equally long.
    """
    if not lengths:
        return math.ceil(batch_size / workers) / batch_size
    apart = max(len(lengths) // batch_size, 1)
    found = []
    for first in range(apart):
        step = [lengths[(first + place * apart) % len(lengths)] for place in range(batch_size)]
        most = max(sum(step[place] for place in some) for some in shares(step, workers))
        found.append(most / max(sum(step), 1))
    return fmean(found)


def exchange_seconds(gradient_bytes: float, card: str, workers: int, hosts: int = 1) -> float:
    """The adapter to all workers, and the sum of their gradients back: each passes the slowest link once."""
    if workers == 1:
        return 0.0
    link = NETWORK_BYTES if hosts > 1 else LINK_BYTES[card] * HELD
    return 2 * gradient_bytes / link + TEAM_SECONDS


def gather_seconds(shared_bytes: float, held: Held, card: str, workers: int, hosts: int = 1) -> float:
    """All layers once, which the workers share: each gets the others' parts over the slowest link. Its own part comes from main
    memory first, if it lies there. A micro-batch needs two of these, one in each direction."""
    if held == "whole":
        return 0.0
    link = NETWORK_BYTES if hosts > 1 else LINK_BYTES[card] * HELD
    own = shared_bytes / workers
    return (shared_bytes - own) / link + (own / (PCIE_BYTES[card] * HELD) if held == "offloaded" else 0.0)


def pays(alone: Step, shared: Step, train: TrainSettings) -> bool:
    """Whether a run would share its steps: with `auto` it measures both, and goes on alone where sharing gains little."""
    return shared.workers > 1 and (train.devices != "auto" or shared.seconds <= WORTH * alone.seconds)
