"""Norms as one call (PyTorch's own kernel); rotary embedding and gated activation as one kernel each (Liger's, Triton).

Liger's norm does the same as PyTorch's, with 0.17 ms of Python a call against 0.03 (20 of 178 ms of a step on an H200).
The functions are set on this model's own modules: Liger's whole-model patches cannot be taken back, and know model types by
name. Whether a module's mathematics is the one assumed here is for the self-test to say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import MethodType
from typing import Any

import torch


def install_norm(model: Any) -> Callable[[], None]:
    """Replace the forward of all RMS norms."""

    def norm(self: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.rms_norm(x, self.weight.shape, self.weight, self.variance_epsilon)

    replaced = [
        module
        for module in model.modules()
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon")
    ]
    if not replaced:
        raise NotImplementedError("no norm of a known form")
    for module in replaced:
        module.forward = MethodType(norm, module)
    return lambda: _put_back(replaced)


def install(model: Any) -> Callable[[], None]:
    """Replace the forward of gated MLPs, and the rotary function of the model's source file."""
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

    replaced: list[Any] = []
    sources = set()
    for module in model.modules():
        if {"gate_proj", "up_proj", "down_proj"} <= set(module._modules) and _is_silu(getattr(module, "act_fn", None)):
            module.forward = MethodType(gated, module)
            replaced.append(module)
        elif {"q_proj", "k_proj"} <= set(module._modules):
            sources.add(type(module).__module__)
    files = [sys.modules[name] for name in sources if hasattr(sys.modules[name], "apply_rotary_pos_emb")]
    before = [file.apply_rotary_pos_emb for file in files]
    for file in files:
        file.apply_rotary_pos_emb = rotate  # type: ignore[attr-defined]
    if not replaced and not files:
        raise NotImplementedError("no gated activation or rotary embedding of a known form")

    def undo() -> None:
        _put_back(replaced)
        for file, function in zip(files, before, strict=True):
            file.apply_rotary_pos_emb = function  # type: ignore[attr-defined]

    return undo


def _put_back(modules: list[Any]) -> None:
    for module in modules:
        module.__dict__.pop("forward", None)


def _is_silu(activation: Any) -> bool:
    return isinstance(activation, torch.nn.SiLU) or type(activation).__name__ in ("SiLUActivation", "SiLU")
