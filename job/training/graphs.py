"""Micro-batches as CUDA graphs: all kernels of a forward and a backward pass in two launches.

On a fast card a step of few rows takes as long as Python needs to launch its 2,800 kernels: 103 ms of kernels in 149 ms on an
H200. A graph is captured once for each shape of a micro-batch (buckets.py) and replayed from then on: tokens, row starts,
targets and the gradient of the loss (which holds the loss scale and the number of learned tokens) are copied into its inputs,
dropout draws from PyTorch's generator as it does without, and gradients are added to tensors that stay.

Graphs may leave at any time: where memory runs out or a capture fails, the same micro-batch is computed without, and where a
backward pass fails, the same step (parallel/computing.py). Whether they are worth it is decided in graph_choice.py.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from job.modeling.batching import Row
from job.modeling.room import usable_bytes
from job.training.buckets import Shape, batch_of, filled, shape_of
from job.training.forward import Forward
from job.training.memory_plan import release

log = logging.getLogger("job.train")


class NoRoom(RuntimeError):
    """The card has no room for a graph."""


class ReplayFailed(RuntimeError):
    """A backward pass that could not be replayed: what the step has added up by then is not whole, so it begins again."""


class Graphs:
    """The graphs of a forward by their shapes, the least recently used first. They share one pool of memory: only one of them
    is ever between its forward and its backward pass."""

    def __init__(self, forward: Forward) -> None:
        self.forward = forward
        self.parameters = [parameter for parameter in forward.model.parameters() if parameter.requires_grad]
        self.sums = [torch.zeros_like(parameter) for parameter in self.parameters]
        """What a backward pass adds its gradients to: the parameters' own `grad`, as long as a graph has computed it."""
        self.anchor = torch.zeros((), device=forward.device, requires_grad=True)
        self.tensors = [*forward.model.parameters(), *forward.model.buffers()]
        self.stream: Any = torch.cuda.Stream() if forward.device.type == "cuda" else None
        self.turn = 0
        self.captures = 0
        self.capture_seconds = 0.0
        """Of all captures together."""
        self.forget()

    def forget(self) -> None:
        """Let each shape be captured again: what the graphs read has moved."""
        if self.stream:
            torch.cuda.synchronize()  # one may still run
        self.captured: OrderedDict[Shape, Captured] = OrderedDict()
        self.pool = torch.cuda.graph_pool_handle() if self.stream else None
        self.addresses = self._addresses()

    def _addresses(self) -> list[int]:
        return [tensor.data_ptr() for tensor in self.tensors]

    def loss_sum(self, rows: Sequence[Row]) -> torch.Tensor | None:
        """As the forward's own, with a backward pass that is a replay too. None where that fails: the graphs are gone then."""
        try:
            return self.replayed(rows)
        except RuntimeError as error:  # CUDA's, or memory that ran out
            reason, full = first_line(error), isinstance(error, (NoRoom, torch.OutOfMemoryError))
        # only here, after the traceback and with it the tensors are gone
        if full and self.forward.copies:
            self.forward.copies.close(reason)
            return self.loss_sum(rows)
        self.close(reason)
        return None

    def replayed(self, rows: Sequence[Row]) -> torch.Tensor:
        loss: torch.Tensor = Replay.apply(self.anchor, self, *self.captured_for(rows))
        return loss

    def uncaptured(self, rows: Sequence[Row]) -> torch.Tensor:
        """The same, computed at once: what a replay is compared with. Libraries set themselves up on the stream of captures."""
        shape, device = shape_of(rows), self.forward.device
        if self.stream:
            self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream), self.forward.autocast():
            loss = self.forward.packed_loss(batch_of(filled(rows, shape, device).to(device, non_blocking=True), shape))
        if self.stream:
            torch.cuda.current_stream().wait_stream(self.stream)
        return loss

    def captured_for(self, rows: Sequence[Row]) -> tuple[Captured, torch.Tensor]:
        """The graph for a micro-batch, captured now if there is none, and what it takes of the rows."""
        if self.addresses != self._addresses():
            self.forget()
        shape = shape_of(rows)
        numbers = filled(rows, shape, self.forward.device)
        captured = self.captured.pop(shape, None) or self._capture(shape, numbers)
        self.captured[shape] = captured
        return captured, numbers

    def _capture(self, shape: Shape, numbers: torch.Tensor) -> Captured:
        """A new graph. The least recently used leave for it where it has taken memory that must stay free.

        Raises NoRoom if that is not enough, or copies of weights should leave before a graph does.
        """
        began = time.monotonic()
        captured = Captured(self, shape, numbers)
        self.captures += 1
        self.capture_seconds += time.monotonic() - began
        while (spare := spare_bytes()) < 0:
            if not self.captured or self.forward.copies:
                raise NoRoom(f"a graph of {shape.tokens:,} tokens takes {-spare / 2**20:,.0f} MiB of the reserve")
            self.captured.popitem(last=False)
            release()
        return captured

    def collect(self) -> None:
        """Let the parameters' gradients be added up where graphs add theirs, with what has been added up elsewhere."""
        pairs = list(zip(self.parameters, self.sums, strict=True))
        if fresh := [total for parameter, total in pairs if parameter.grad is None]:
            torch._foreach_zero_(fresh)
        for parameter, total in pairs:
            if parameter.grad is not None and parameter.grad is not total:
                total.copy_(parameter.grad)
            parameter.grad = total

    def close(self, reason: str = "") -> None:
        """Compute without graphs from now on, and free what they hold. `reason`: what they failed for."""
        if self.forward.graphs is self:
            self.forward.graphs = None
        if reason:
            log.warning("stage=train graphs=off: from here on launching kernels may set the pace: %s", reason)
        self.forget()
        release()


def first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def spare_bytes() -> int:
    """Free memory beyond the reserve; below 0 the reserve itself has been taken."""
    return usable_bytes() - torch.cuda.memory_reserved()


@contextmanager
def whole_or_undone(pool: Any) -> Iterator[None]:
    """A capture that CUDA breaks off leaves PyTorch in the middle of it (2.11): on the stream of the capture, with a generator
    that refuses to draw for anything else, and with an allocator that keeps the pool. Put that right."""
    device, stream = torch.cuda.current_device(), torch.cuda.current_stream()
    generator = torch.cuda.default_generators[device]
    before = generator.clone_state()
    try:
        yield
    except BaseException:
        torch.cuda.set_stream(stream)
        generator.graphsafe_set_state(before)
        with suppress(AttributeError, RuntimeError):  # names without a promise; and the capture may have ended in order
            torch._C._cuda_endAllocateToPool(device, pool)
            torch._C._cuda_releasePool(device, pool)
        raise


class Captured:
    """A forward and a backward pass over micro-batches of one shape, captured: nothing is computed meanwhile."""

    def __init__(self, graphs: Graphs, shape: Shape, numbers: torch.Tensor) -> None:
        self.numbers = numbers.to(graphs.forward.device, non_blocking=True)
        self.grad = torch.zeros((), device=graphs.forward.device)
        self.passes = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.random.fork_rng([graphs.forward.device]), whole_or_undone(graphs.pool):
            self.loss = self._capture(graphs, shape)

    def _capture(self, graphs: Graphs, shape: Shape) -> torch.Tensor:
        # thread_local: other threads (NCCL's, a tracker's) may call CUDA meanwhile
        options = {"pool": graphs.pool, "stream": graphs.stream, "capture_error_mode": "thread_local"}
        with torch.cuda.graph(self.passes[0], **options), graphs.forward.autocast():
            loss = graphs.forward.packed_loss(batch_of(self.numbers, shape))
        with torch.cuda.graph(self.passes[1], **options):
            torch._foreach_add_(graphs.sums, torch.autograd.grad(loss, graphs.parameters, self.grad))
        return loss.detach()

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        self.numbers.copy_(numbers, non_blocking=True)
        self.passes[0].replay()
        return self.loss.clone()

    def backward(self, grad: torch.Tensor) -> None:
        self.grad.copy_(grad)
        self.passes[1].replay()


class Replay(torch.autograd.Function):
    """What autograd sees of a graph. `anchor` is there for autograd to call the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, anchor: torch.Tensor, graphs: Graphs, captured: Captured, numbers: torch.Tensor
    ) -> torch.Tensor:
        graphs.turn += 1
        ctx.graphs, ctx.captured, ctx.turn = graphs, captured, graphs.turn
        return captured.forward(numbers)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[None, ...]:
        assert ctx.turn == ctx.graphs.turn, "another micro-batch has overwritten what this one kept"
        ctx.graphs.collect()
        try:
            ctx.captured.backward(grad)
        except torch.OutOfMemoryError:  # the memory plan's
            raise
        except RuntimeError as error:
            raise ReplayFailed(first_line(error)) from error
        return None, None, None, None
