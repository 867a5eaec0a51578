"""How a step is cut on this card: predicted, then measured on its largest micro-batches. Where memory runs out, the plan falls
back to the next candidate.

The effective batch never changes, only how it is cut; so a run may fall back at any step. That changes no result, apart from
the numbers that dropout draws.
"""

from __future__ import annotations

import gc
import logging
import random
from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel

from job.errors import MemoryExhausted
from job.modeling.architecture import Architecture
from job.modeling.batching import Row
from job.modeling.layers import decoder_layers
from job.modeling.memory import GIB, Candidate, Checkpointing, Held, candidates
from job.modeling.prediction import predictions
from job.modeling.room import usable_bytes
from job.results import Attempt, DryRun
from job.settings.fields import LoraSettings
from job.training.forward import Forward
from job.training.parallel.lockstep import out_of_memory

log = logging.getLogger("job.train")
SAMPLED_STEPS = 500
SAMPLED_ROWS = 8000
"""Rows of the steps that are cut to see what micro-batches there are: 500 steps of 16."""


class MemoryPlan:
    """The candidate in use, and what was tried before it."""

    def __init__(
        self,
        forward: Forward,
        rows: Sequence[Row],
        *,
        batch_size: int,
        architecture: Architecture | None,
        lora: LoraSettings,
        halved: bool = False,
        held: Held = "whole",
    ) -> None:
        """`halved`: begin with micro-batches of at most half the largest, because memory ran out in an earlier start."""
        lengths = sorted((len(row.ids) for row in rows), reverse=True)
        self.forward, self.batch_size = forward, batch_size
        self.rows = rows
        self.longest_rows = sorted(rows, key=lambda row: -len(row.ids))[:batch_size]
        self.layers = decoder_layers(forward.base)
        self.candidates = candidates(lengths[0], largest_step(lengths, batch_size), recomputable=bool(self.layers))
        width = 4 if forward.precision == "float32" else 2
        self.predicted = (
            predictions(architecture, lora, self.candidates, width=width, held=held, workers=forward.sharers)
            if architecture
            else [None] * len(self.candidates)
        )
        half = self.candidates[0].tokens // 2
        smaller = [place for place, candidate in enumerate(self.candidates) if candidate.tokens <= half]
        self.place = 0 if not halved else smaller[0] if smaller else len(self.candidates) - 1
        self.tried: list[Attempt] = []
        self.measured = forward.device.type == "cuda"
        self.set_checkpointing()

    @property
    def candidate(self) -> Candidate:
        return self.candidates[self.place]

    def micro_batches(self) -> list[list[Row]]:
        """What the candidate is measured on: the micro-batch of the longest rows, where attention takes most, and the largest
        one if that is another. Two rows of 2,048 tokens leave 1,536 of a budget of 5,632 unmeasured."""
        longest, largest = self.forward.cut(self.longest_rows, self.candidate.tokens)[0], self.largest()
        return [longest, largest] if self._tokens(largest) > self._tokens(longest) else [longest]

    def largest(self) -> list[Row]:
        """The largest micro-batch of the longest rows and of some hundred steps, drawn as an epoch draws them."""
        numbers, size = random.Random(0), min(self.batch_size, len(self.rows))
        steps = min(SAMPLED_STEPS, max(SAMPLED_ROWS // size, 1))
        drawn = [self.longest_rows, *(numbers.sample(self.rows, size) for _ in range(steps))]
        cut = (part for step in drawn for part in self.forward.cut(step, self.candidate.tokens))
        return max(cut, key=self._tokens)

    def _tokens(self, rows: Sequence[Row]) -> int:
        """With padding, where there is any."""
        lengths = [len(row.ids) for row in rows]
        return sum(lengths) if self.forward.packed else len(rows) * max(lengths)

    def select(self, dry_run_step: Callable[[Sequence[Sequence[Row]]], DryRun]) -> DryRun | None:
        """Take the fastest candidate whose measured peak leaves the reserve free; returns its dry run.

        None on a CPU, where there is nothing to choose. Raises MemoryExhausted (62) if the last candidate does not fit.
        """
        if not self.measured:
            return None
        limit = usable_bytes()
        fitting = [place for place, need in enumerate(self.predicted) if need is None or need <= limit]
        self.place = self.forward.most(fitting[0] if fitting else len(self.candidates) - 1)
        self.set_checkpointing()
        while True:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            dry_run = None
            try:  # ends before the next try: the traceback holds the step's tensors
                dry_run = dry_run_step(self.micro_batches())
            except torch.OutOfMemoryError as error:
                out_of_memory(error, self.forward.lockstep)
            peak = torch.cuda.max_memory_reserved()
            if self.forward.all_say(dry_run is not None and peak <= limit):
                assert dry_run
                self._note(step=0, peak=peak, fits=True)
                torch.cuda.empty_cache()
                return dry_run
            self.fall_back(step=0, peak=peak)

    def forget_peak(self) -> None:
        """Restart the peak: the memory that a comparison in float32 took is not part of the run."""
        if self.measured:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def fall_back(self, *, step: int, peak: int, largest: int = 0) -> None:
        """Take the next candidate, once there are neither copies nor graphs to do without. `largest`: tokens of the largest
        micro-batch of what ran out, which a budget of as many would not change. Raises MemoryExhausted (62) if there is none,
        with what was tried."""
        if held := self.forward.copies or self.forward.graphs:
            held.close("memory ran out")
            return
        self._note(step=step, peak=peak, fits=False)
        if self.place + 1 == len(self.candidates):
            table = "\n".join(f"  {attempt}" for attempt in self.tried)
            longest = len(self.longest_rows[0].ids)
            raise MemoryExhausted(
                f"GPU memory ran out at step {step} even with the smallest micro-batches: {usable_bytes() / GIB:.1f} GiB are "
                f"usable, and rows have up to {longest:,} tokens. Tried:\n{table}",
                remedy=f"Set FINETUNE_TRAIN_MAX_TOKENS below {longest}, end other processes on the GPU (nvidia-smi lists "
                "them), or use a GPU with more memory.",
            )
        before = self.candidate
        self.place += 1
        while (
            self.place + 1 < len(self.candidates)
            and self.candidate.checkpointing == before.checkpointing
            and 0 < largest <= self.candidate.tokens
        ):
            self.place += 1
        self.set_checkpointing()
        release()

    def _note(self, *, step: int, peak: int, fits: bool) -> None:
        attempt = Attempt(
            step=step,
            micro_batch_tokens=self.candidate.tokens,
            checkpointing=self.candidate.checkpointing,
            predicted_bytes=self.predicted[self.place],
            peak_bytes=peak,
            fits=fits,
        )
        self.tried.append(attempt)
        (log.info if fits else log.warning)(
            "stage=train memory_plan=%s %s", "selected" if fits else "rejected", attempt
        )

    def set_checkpointing(self) -> None:
        recompute(self.forward.base, self.candidate.checkpointing)


def largest_step(lengths: Sequence[int], rows: int) -> int:
    """Tokens of the largest of some hundred steps of so many rows, drawn as an epoch draws them. The longest rows of all never
    come together: memory for such a step would stand empty, and graphs and copies have a use for it."""
    numbers = random.Random(0)
    return max(sum(numbers.sample(lengths, min(rows, len(lengths)))) for _ in range(SAMPLED_STEPS))


def recompute(base: PreTrainedModel, how: Checkpointing) -> None:
    """Set which decoder layers are recomputed in the backward pass."""
    if how == "none":
        base.gradient_checkpointing_disable()
        return
    # Reentrant checkpointing needs inputs with gradients, and the first layer's have none: the base is frozen.
    base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    for number, layer in enumerate(decoder_layers(base)):
        layer.gradient_checkpointing = how == "all" or number % 2 == 1


def release() -> None:
    """Free what is no longer referenced, such as the tensors of a failed step."""
    gc.collect()
    torch.cuda.empty_cache()
