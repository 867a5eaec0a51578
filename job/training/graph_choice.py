"""Whether the micro-batches of a run become CUDA graphs (graphs.py): measured on the run's own rows, before its first step.

They do where launching kernels sets the pace, so that a replay, which takes the time of its kernels alone, is shorter than the
step; and where they first compute what the step computes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import torch

from job.modeling.batching import Row
from job.modeling.memory import MOMENTS
from job.parallel.shares import ALONE, Member
from job.results import Optimization
from job.settings.fields import TrainSettings
from job.training.buckets import shape_of
from job.training.forward import Forward
from job.training.graphs import Graphs
from job.training.intervals import steps_of
from job.training.memory_plan import MemoryPlan, release
from job.training.optimizations.comparison import Difference, Perturbed, difference, where_compared

log = logging.getLogger("job.train")
Path = Callable[[Sequence[Row]], torch.Tensor]
NAME = "graphs"
WORTH = 0.95
"""Of the time of a micro-batch, at most, that a replay takes, padding included."""
REST_SECONDS = 0.018
"""Python's part of a step beside its micro-batches: optimizer, clipping, the trainer. Where launches set the pace it adds to
them; behind a busy card it does not show. An H200's host with 16 rows of Llama 3.2 3B (`tests.bench.train_speed`)."""
HOST_BINDS = 0.5
"""Below this share of a micro-batch's time, a single short row shows that the host is done long before the card."""
LONG = 1.0
"""Seconds; libraries set themselves up in less, so what takes longer is measured once. A step of 16 rows takes 3.9 on a T4
(`tests.bench.parallel_paper`)."""
SAMPLED_STEPS = 200
"""Steps whose shapes are counted."""
SEED = 21


def choose(
    forward: Forward,
    memory_plan: MemoryPlan,
    rows: Sequence[Row],
    settings: TrainSettings,
    most: Difference,
    member: Member = ALONE,
) -> Optimization:
    """Use graphs where they pay; the result and the log say why not. `most`: how far two paths may lie apart. `member`: takes
    its share of each step. A leader whose team is dismissed keeps what it chose: a step that is worth sharing no more is paced
    by the host, as its share is.

    Adapter and random states stay as they were.
    """
    if reason := unfit(forward, memory_plan):  # before anything is measured: parts of a shared base have no address
        log.info("stage=train optimization=%s on=false reason=%r", NAME, reason)
        return Optimization(name=NAME, on=False, reason=reason)
    measured = Measurement(forward, memory_plan, rows, settings, member)
    lost = False
    try:
        with Perturbed(forward.model), torch.random.fork_rng([forward.device] if forward.device.type == "cuda" else []):
            reason = measured.pace()
            if not reason:
                reason = measured.differs(most)
                lost = bool(reason)
                reason = reason or measured.gain()
    except Exception as error:  # a capture of another version may raise anything; the step without graphs remains
        reason, lost = f"{type(error).__name__}: {error}".splitlines()[0].partition(". ")[0], True
    if reason:
        measured.graphs.close()
    else:
        forward.graphs = measured.graphs
        forward.reverts.append(measured.graphs.close)
    memory_plan.forget_peak()
    fact = f"reason={reason!r}" if reason else f"differs={str(measured.found)!r} {measured.facts}"
    cost = ": launching kernels may set the pace of a step" if lost else ""
    (log.warning if lost else log.info)(
        "stage=train optimization=%s on=%s %s%s", NAME, str(not reason).lower(), fact, cost
    )
    return Optimization(name=NAME, on=not reason, reason=reason, differs=str(measured.found or ""))


def unfit(forward: Forward, memory_plan: MemoryPlan) -> str:
    """Why the step cannot be captured; empty if nothing is known against it."""
    if not forward.packed:
        return "needs packed_rows"
    if forward.lockstep:
        return "workers share the layers of the base, and gather each when it computes"
    if memory_plan.candidate.checkpointing != "none":
        return "layers are recomputed in the backward pass, which restores random states"
    if any(module._forward_hooks or module._forward_pre_hooks for module in forward.base.modules()):
        return "layers call Python of their own (hooks), which a replay would not"
    return ""


class Measurement:
    """Graphs on a micro-batch of the first step, or of a member's share of it, beside the same without them. Each question is
    asked if none before it had an answer."""

    def __init__(
        self, forward: Forward, memory_plan: MemoryPlan, rows: Sequence[Row], settings: TrainSettings, member: Member
    ) -> None:
        def parts(step: Sequence[Row]) -> list[list[Row]]:
            own = member.share([len(row.ids) for row in step])
            return forward.cut([step[number] for number in own], memory_plan.candidate.tokens)

        self.forward, self.graphs = forward, Graphs(forward)
        size = settings.batch_size
        sampled = range(0, min(len(rows), SAMPLED_STEPS * size), size)
        some = [part for start in sampled for part in parts(rows[start : start + size])]
        self.largest = max(some, key=lambda part: sum(len(row.ids) for row in part), default=[])
        self.typical = next(iter(some), [])
        self.shortest = [min(rows, key=lambda row: len(row.ids))]
        self.shapes = {shape_of(part) for part in some}
        self.steps = steps_of(len(rows), settings)
        self.micro_batches = self.steps * len(some) // len(sampled)
        self.seconds = 0.0
        self.found: Difference | None = None
        self.facts = ""
        # what the optimizer will hold is not free
        self.moments = [torch.empty_like(p) for p in self.graphs.parameters for _ in range(MOMENTS)]

    def pace(self) -> str:
        """Whether the card sets it; empty if the host may."""
        if not self.typical:
            return "there are fewer rows in a step than workers, and none for this one"
        self.forward.model.train()
        path = self.forward.loss_sum
        self.seconds = self._seconds_of(path, self.typical)  # which may set libraries up
        short = self._seconds_of(path, self.shortest)
        if self.seconds <= LONG:
            self.seconds = self._seconds_of(path, self.typical)
        if short >= HOST_BINDS * self.seconds:
            self.seconds = max(self.seconds, short + REST_SECONDS * self.steps / max(self.micro_batches, 1))
            return ""
        return f"kernels set the pace: a short row takes {short:.3f} s, {len(self.typical)} rows {self.seconds:.3f} s"

    def differs(self, most: Difference) -> str:
        """Whether padding differs, in eval mode, or a replay, in train mode with its dropout; empty if neither does."""
        self.forward.model.eval()
        known, padded = (self._gradients(path) for path in (self.forward.loss_sum, self.graphs.uncaptured))
        self.forward.model.train()
        known_too = self._gradients(self.graphs.uncaptured)
        release()  # the pool takes what these took
        self.graphs.replayed(self.largest)  # first: smaller ones find room in what it leaves
        replayed = self._gradients(self.graphs.replayed)
        self.found = difference(known, padded).worse(difference(known_too, replayed))
        return "" if self.found.within(most) else f"differs from the step without: {self.found} (at most {most})"

    def gain(self) -> str:
        """Why graphs are not worth it; empty if they are."""
        replay = self._seconds_of(self.graphs.replayed, self.typical)
        self.facts = f"seconds={self.seconds:.3f} replay_seconds={replay:.3f} shapes={len(self.shapes)}"
        if replay > WORTH * self.seconds:
            return f"kernels set the pace: a replay takes {replay:.3f} s, the same without {self.seconds:.3f} s"
        capture = self.graphs.capture_seconds / self.graphs.captures
        saved, spent = self.micro_batches * (self.seconds - replay), len(self.shapes) * capture
        if saved > spent:
            return ""
        return f"{len(self.shapes)} captures take {spent:.0f} s, and would save {saved:.0f} s in {self.steps} steps"

    def _gradients(self, path: Path) -> tuple[float, torch.Tensor]:
        """Of the typical micro-batch, with the same random numbers each time."""
        self.forward.model.zero_grad(set_to_none=True)
        torch.manual_seed(SEED)
        loss = path(self.typical)
        torch.autograd.backward(loss)
        flat = torch.cat([p.grad.float().flatten() for p in self.graphs.parameters if p.grad is not None])
        return float(loss.detach()), where_compared(flat)

    def _seconds_of(self, path: Path, rows: Sequence[Row]) -> float:
        """Of a forward and a backward pass."""
        self.forward.model.zero_grad(set_to_none=True)
        began = time.monotonic()
        torch.autograd.backward(path(rows))
        if self.forward.device.type == "cuda":
            torch.cuda.synchronize()
        return time.monotonic() - began
