"""16-bit copies of 4-bit weights, kept for good where the memory plan leaves room: neither pass dequantizes those layers again.

A copy is what dequantizing gives, so nothing changes in what is computed, to the bit. Copies are made last, of the memory that
the dry run and the graphs have left free beyond the reserve, in the model's order of layers; and only if dequantizing those
layers takes a share of a micro-batch's time that is worth it. They leave first where memory runs out: for a GiB the graphs of
16 rows gain nine times as much on an H100 (85 ms a step for 6.6 GiB, copies 7.5 ms for 5.3), and the weights are still there.

bitsandbytes' kernel takes 3.75 ms a pass there for Llama 3.2 3B (28 layers of 2 x 13.3, 2 x 6.8 and 3 x 31.3 us), at 2,060 GB/s
for the largest, where copying moves 2,440. One of our own came to 2,580: a fifth less of what is at most a tenth of a step, so
there is none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from bitsandbytes.nn import Params4bit

from job.modeling.batching import Row
from job.modeling.memory import GIB, MOMENTS
from job.modeling.nf4 import four_bit_layers
from job.modeling.precision import DTYPES
from job.modeling.room import usable_bytes
from job.results import Optimization
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan, release
from job.training.optimizations.lora4bit import COPY, dequantized

log = logging.getLogger("job.train")
NAME = "copies"
WORTH = 0.01
"""Of a micro-batch's time, at least, that dequantizing takes: nothing else would use the memory, and it can be had back."""
USES = 2
"""A forward and a backward pass. A layer that is recomputed is dequantized a third time, which is not counted."""
POOL_GROWTH = GIB // 2
"""Left for what graphs of further shapes add to the pool, and CUDA to each graph. A guess: where it is more, copies leave."""
REPEATS = 3
LONG = 1.0
"""Seconds; libraries set themselves up in less, so what takes longer is measured once."""


class Copies:
    """The weights, in the model's order, whose copies fit in `room` bytes; a smaller one may take the place of a larger."""

    def __init__(self, forward: Forward, room: int) -> None:
        self.forward = forward
        self.dtype = DTYPES[forward.precision]
        self.weights: list[Params4bit] = []
        self.bytes = self.of = 0
        for layer in four_bit_layers(forward.base):
            size = layer.weight.quant_state.shape.numel() * self.dtype.itemsize
            self.of += 1
            if self.bytes + size <= room:
                self.weights.append(layer.weight)
                self.bytes += size

    def __str__(self) -> str:
        return f"{len(self.weights)} of {self.of} layers, {self.bytes / GIB:.2f} GiB"

    def dequantize(self) -> None:
        """Each weight once, as a pass does."""
        for weight in self.weights:
            dequantized(weight, self.dtype)

    def keep(self) -> None:
        self.forward.copies = self
        for weight in self.weights:
            setattr(weight, COPY, dequantized(weight, self.dtype))
        self._forget_graphs()  # they dequantize

    def close(self, reason: str = "") -> None:
        """Dequantize again from now on, and free the copies. `reason`: what they had to leave for."""
        if self.forward.copies is not self:
            return
        if reason:
            log.warning("stage=train copies=off: %s are dequantized in each pass again: %s", self, reason)
        self.forward.copies = None
        self._forget_graphs()  # they read the copies
        for weight in self.weights:
            if hasattr(weight, COPY):  # memory may have run out on the way
                delattr(weight, COPY)
        release()

    def _forget_graphs(self) -> None:
        if self.forward.graphs:
            self.forward.graphs.forget()


def choose(forward: Forward, memory_plan: MemoryPlan, rows: Sequence[Row]) -> Optimization:
    """Keep copies where they pay for the `rows` of a step; the result and the log say what they take, or why there are none."""
    facts = ""
    try:
        reason = unfit(forward, memory_plan) or ("" if rows else "this worker has no rows in such a step")
        if not reason:
            copies = Copies(forward, room_beside(forward, memory_plan))
            micro_batch = forward.cut(rows, memory_plan.candidate.tokens)[0]
            gain = USES * seconds_of(copies.dequantize) / seconds_of(lambda: _pass(forward, micro_batch))
            facts = f"{copies}, {100 * gain:.1f} % of the time"
            reason = "" if gain >= WORTH else f"not worth it: {facts}"
        if not reason:
            forward.reverts.append(copies.close)
            copies.keep()
            _capture_largest(forward, memory_plan)
    except Exception as error:  # CUDA's, or memory that ran out: the plan stands without them
        reason = f"{type(error).__name__}: {error}".splitlines()[0].partition(". ")[0]
    if reason and forward.copies:
        forward.copies.close(reason)
    memory_plan.forget_peak()
    facts = "" if reason else facts
    said = f"reason={reason!r}" if reason else f"facts={facts!r}"
    log.info("stage=train optimization=%s on=%s %s", NAME, str(not reason).lower(), said)
    return Optimization(name=NAME, on=not reason, reason=reason, facts=facts)


def unfit(forward: Forward, memory_plan: MemoryPlan) -> str:
    """Why no layer can have a copy; empty if nothing is known against it."""
    if not forward.native:
        return "needs lora4bit"
    if forward.lockstep:
        return "workers share the layers of the base"
    if not memory_plan.tried:
        return "no dry run has shown what memory is left"
    return ""


def room_beside(forward: Forward, memory_plan: MemoryPlan) -> int:
    """Bytes beyond the reserve that a step takes neither without graphs (the dry run's peak) nor with them, evaluation
    included, which runs beside their pool."""
    peak = memory_plan.tried[-1].peak_bytes
    if forward.graphs:
        memory_plan.forget_peak()
        forward.row_sums(memory_plan.largest())
        moments = MOMENTS * sum(one.nbytes for one in forward.graphs.parameters)
        peak = max(peak, torch.cuda.max_memory_reserved() + moments + POOL_GROWTH)
    release()
    return usable_bytes() - peak


def _capture_largest(forward: Forward, memory_plan: MemoryPlan) -> None:
    """First: smaller graphs find room in what it leaves. Raises NoRoom."""
    if forward.graphs:
        with _training(forward):
            forward.graphs.captured_for(memory_plan.largest())


def _pass(forward: Forward, rows: Sequence[Row]) -> None:
    with _training(forward):
        torch.autograd.backward(forward.loss_sum(rows))


@contextmanager
def _training(forward: Forward) -> Iterator[None]:
    """In train mode; mode, gradients and random states are afterwards as they were."""
    training = forward.model.training
    forward.model.train()
    try:
        with torch.random.fork_rng([forward.device] if forward.device.type == "cuda" else []):
            yield
    finally:
        forward.model.zero_grad(set_to_none=True)
        forward.model.train(training)


def seconds_of(work: Callable[[], None]) -> float:
    """The shortest of three times."""
    found: list[float] = []
    while len(found) < REPEATS and not any(one > LONG for one in found):
        _wait()
        began = time.monotonic()
        work()
        _wait()
        found.append(time.monotonic() - began)
    return min(found)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
