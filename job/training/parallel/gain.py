"""Whether more GPUs make a step shorter.

Where a card is so fast that launching its kernels sets the pace, a step of few rows takes as long as one of many: with 16 rows
on four H200 the job trained at 0.96 times the speed of one (`python -m tests.bench.parallel_speed`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from job.modeling.batching import Row
from job.parallel.shares import shares
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan
from job.training.parallel.computing import gradients_of
from job.training.random_states import RandomStates

WORTH = 0.85
"""Of one card's time, at most; the exchange and the wait for the slowest come on top."""


def pays(alone_seconds: float, shared_seconds: float) -> bool:
    return shared_seconds <= WORTH * alone_seconds


def measured(forward: Forward, memory_plan: MemoryPlan, rows: Sequence[Row], workers: int) -> tuple[float, float]:
    """Seconds of a step of `rows` alone, and of the leader's share of it. Leaves no gradient, and draws no random number."""
    own = [rows[number] for number in shares([len(row.ids) for row in rows], workers)[0]]
    states = RandomStates()
    seconds = [_seconds(forward, memory_plan, some) for some in (rows, own)]
    states.restore()
    return seconds[0], seconds[1]


def _seconds(forward: Forward, memory_plan: MemoryPlan, rows: Sequence[Row]) -> float:
    """The second time: the first one compiles, and warms caches."""
    found = 0.0
    for _ in range(2):
        began = time.monotonic()
        gradients_of(forward, memory_plan, rows, 1, backward=lambda loss: torch.autograd.backward(loss))
        if forward.device.type == "cuda":
            torch.cuda.synchronize()
        found = time.monotonic() - began
        forward.model.zero_grad(set_to_none=True)
    return found
