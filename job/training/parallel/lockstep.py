"""Workers that share the base's layers pass through them together: each pass of one is a pass of all.

A layer is gathered from all of them, so nobody may make a pass, or leave one out, alone. What could differ between workers,
such as the number of micro-batches or whether memory suffices, is agreed on beforehand.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

from job.errors import MemoryExhausted
from job.modeling.batching import Row

FILLER = Row.after([0, 0, 0, 0], 1)
"""What a worker without rows of its own passes through the layers; token 0 is in every vocabulary."""


class Lockstep:
    """`group`: the workers that share one base. `root`: the module whose layers they share."""

    def __init__(self, group: dist.ProcessGroup, device: torch.device, root: Any) -> None:
        self.group, self.device, self.root = group, device, root

    @property
    def workers(self) -> int:
        return self.group.size()

    def most(self, own: int) -> int:
        """The largest number of all."""
        return self._reduced(own, dist.ReduceOp.MAX)

    def all_say(self, yes: bool) -> bool:
        return bool(self._reduced(int(yes), dist.ReduceOp.MIN))

    def _reduced(self, value: int, how: Any) -> int:
        found = torch.tensor([value], device=self.device)
        dist.all_reduce(found, how, group=self.group)
        return int(found)

    def recover(self) -> None:
        """After an exception in the middle of a pass, which all of them got: no layer stays gathered."""
        for module in self.root.modules():
            if hasattr(module, "reset_iter_state"):  # torch 2.11 has none
                module.reset_iter_state()
                break
        for module in self.root.modules():
            if hasattr(module, "reshard"):
                module.reshard()


def out_of_memory(error: torch.OutOfMemoryError, lockstep: Lockstep | None) -> None:
    """Raises MemoryExhausted (62) where others wait in the same pass: a worker cannot try another cut alone."""
    if lockstep is None:
        return
    raise MemoryExhausted(
        f"GPU memory ran out while the GPUs shared the layers of the base: {str(error).partition('. ')[0]}.",
        remedy="Set FINETUNE_TRAIN_MAX_TOKENS lower, end other processes on the GPUs (nvidia-smi lists them), or use more "
        "GPUs or such with more memory.",
    ) from error
