"""Optimization: RMS norms as one call of PyTorch's own kernel.

Liger's norm does the same, with 0.17 ms of Python a call against 0.03 (20 of 178 ms of a step on an H200). The self-test says
whether a module computes what is assumed here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from job.training.forward import Forward, Revert
from job.training.optimizations.replacement import replace_forward, revert_all


def enable(forward: Forward, _longest: int) -> Revert:
    """Replace the forward of all RMS norms. Raises NotImplementedError if there is none of a known form."""
    norms = [
        module
        for module in forward.base.modules()
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon")
    ]
    if not norms:
        raise NotImplementedError("no norm of a known form")
    return partial(revert_all, [replace_forward(module, rms_norm) for module in norms])


def rms_norm(self: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.rms_norm(x, self.weight.shape, self.weight, self.variance_epsilon)
