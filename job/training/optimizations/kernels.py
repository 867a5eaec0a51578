"""Optimization: rotary embedding and gated activation as one Triton kernel each (Liger's).

The functions are set on this model's own modules: Liger's patches of whole models cannot be reverted, and know model types by
name. The self-test says whether a module computes what is assumed here.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from job.training.forward import Forward, Revert
from job.training.optimizations.replacement import replace_forward, revert_all


def enable(forward: Forward, _longest: int) -> Revert:
    """Replace the forward of gated MLPs, and the rotary function of the model's source file.

    Raises NotImplementedError without a GPU or without Liger, and where the model has neither of the two in a known form.
    """
    if not torch.cuda.is_available():
        raise NotImplementedError("Triton's kernels need a GPU")
    try:
        from liger_kernel.ops.rope import LigerRopeFunction
        from liger_kernel.ops.swiglu import LigerSiLUMulFunction
    except ImportError as error:
        raise NotImplementedError(f"liger_kernel cannot be imported: {error}") from error

    def gated(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(LigerSiLUMulFunction.apply(self.gate_proj(x), self.up_proj(x)))

    def rotate(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *_: Any, **__: Any) -> Any:
        return LigerRopeFunction.apply(q, k, cos, sin)

    reverts: list[Revert] = []
    sources = set()
    for module in forward.base.modules():
        if {"gate_proj", "up_proj", "down_proj"} <= set(module._modules) and _is_silu(getattr(module, "act_fn", None)):
            reverts.append(replace_forward(module, gated))
        elif {"q_proj", "k_proj"} <= set(module._modules):
            sources.add(type(module).__module__)
    files = [sys.modules[name] for name in sources if hasattr(sys.modules[name], "apply_rotary_pos_emb")]
    before = [file.apply_rotary_pos_emb for file in files]
    for file in files:
        file.apply_rotary_pos_emb = rotate  # type: ignore[attr-defined]
    if not reverts and not files:
        raise NotImplementedError("no gated activation or rotary embedding of a known form")

    def revert() -> None:
        revert_all(reverts)
        for file, function in zip(files, before, strict=True):
            file.apply_rotary_pos_emb = function  # type: ignore[attr-defined]

    return revert


def _is_silu(activation: Any) -> bool:
    return isinstance(activation, torch.nn.SiLU) or type(activation).__name__ in ("SiLUActivation", "SiLU")
