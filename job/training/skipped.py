"""Counts the steps that float16's loss scale spoils: its gradients overflow, so the step changes nothing and halves the scale.

PyTorch's fused optimizers leave that to the card, which tells nobody: accelerate then calls no step skipped. So it is counted
on the card, and read where somebody waits for it anyway.
"""

from __future__ import annotations

from typing import Any

import torch


class SkippedSteps:
    """`before`: those of earlier starts."""

    def __init__(self, before: int = 0) -> None:
        self.before = before
        self.scale: torch.Tensor | None = None
        self.lowered: list[torch.Tensor] = []
        """One number."""

    def begin(self, scaler: Any) -> None:
        """Before the optimizer's step. `scaler`: a GradScaler, or None without a loss scale."""
        scale = getattr(scaler, "_scale", None)  # undocumented; the documented get_scale waits for the card
        self.scale = scale.clone() if scale is not None else None

    def end(self, scaler: Any) -> None:
        """After it."""
        if self.scale is not None:
            lowered = (scaler._scale < self.scale).long()
            self.lowered = [self.lowered[0] + lowered] if self.lowered else [lowered]

    @property
    def total(self) -> int:
        """Waits for the card."""
        return self.before + (int(self.lowered[0]) if self.lowered else 0)
