"""Optimizations: our kernels in place of several of PyTorch's, on this model's own modules.

The self-test says whether a module computes what is assumed here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from peft.tuners.lora.bnb import Linear4bit as LoraLinear4bit

from job.modeling.precision import DTYPES
from job.training.forward import Forward, Revert
from job.training.optimizations.kernels import Added, Gated, rotate
from job.training.optimizations.nvrtc import module as load_module
from job.training.optimizations.replacement import replace_forward, revert_all


def _require(forward: Forward, name: str) -> None:
    """Raises NotImplementedError without a GPU, or if the kernels of `name`.cu cannot be had for the dtype of the run."""
    if forward.device.type != "cuda":
        raise NotImplementedError("these kernels need a GPU")
    load_module(name, DTYPES[forward.precision])


def activation(forward: Forward, _longest: int) -> Revert:
    """Replace the forward of gated MLPs. Raises NotImplementedError where it cannot run, or no MLP is of that form."""
    _require(forward, "activation")
    gated = [module for module in forward.base.modules() if _is_gated(module)]
    if not gated:
        raise NotImplementedError("no gated activation of a known form")
    return partial(revert_all, [replace_forward(module, _gated_forward) for module in gated])


def _is_gated(module: torch.nn.Module) -> bool:
    act = getattr(module, "act_fn", None)
    silu = isinstance(act, torch.nn.SiLU) or type(act).__name__ in ("SiLUActivation", "SiLU")
    return silu and {"gate_proj", "up_proj", "down_proj"} <= set(module._modules)


def _gated_forward(self: Any, x: torch.Tensor) -> torch.Tensor:
    return self.down_proj(Gated.apply(self.gate_proj(x), self.up_proj(x)))


def rotary(forward: Forward, _longest: int) -> Revert:
    """Replace the rotary function of the model's source file. Raises NotImplementedError where it cannot run, or the file has
    none."""
    _require(forward, "rotary")
    sources = {
        type(module).__module__ for module in forward.base.modules() if {"q_proj", "k_proj"} <= set(module._modules)
    }
    files: list[Any] = [sys.modules[name] for name in sources if hasattr(sys.modules[name], "apply_rotary_pos_emb")]
    if not files:
        raise NotImplementedError("no rotary embedding of a known form")
    before = [file.apply_rotary_pos_emb for file in files]
    for file in files:
        file.apply_rotary_pos_emb = rotate

    def revert() -> None:
        for file, function in zip(files, before, strict=True):
            file.apply_rotary_pos_emb = function

    return revert


def heads(forward: Forward, _longest: int) -> Revert:
    """Let attention that knows no grouped queries repeat keys and values in one kernel. Raises NotImplementedError where it
    cannot run, or rows are not packed."""
    _require(forward, "heads")
    if not forward.packed:
        raise NotImplementedError("packed_rows is off")
    modules = [module for module in forward.base.modules() if hasattr(module, "lora_job_window")]
    for module in modules:
        module.lora_job_repeats = True

    def revert() -> None:
        for module in modules:
            del module.lora_job_repeats

    return revert


def residual(forward: Forward, _longest: int) -> Revert:
    """Replace the forward of decoder layers whose second norm follows an add. Raises NotImplementedError where it cannot run,
    or no layer is of that form."""
    _require(forward, "residual")
    layers = [module for module in forward.base.modules() if _adds_then_norms(module)]
    if not layers:
        raise NotImplementedError("no layer of a known form")
    return partial(revert_all, [replace_forward(layer, _layer_forward) for layer in layers])


def _adds_then_norms(module: torch.nn.Module) -> bool:
    norm: Any = getattr(module, "post_attention_layernorm", None)
    return (
        set(module._modules) == {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
        and hasattr(norm, "variance_epsilon")
        and not norm.weight.requires_grad
        and not hasattr(module, "residual_multiplier")  # Granite's
    )


def _layer_forward(self: Any, hidden_states: torch.Tensor, **options: Any) -> torch.Tensor:
    attended, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **options)
    norm = self.post_attention_layernorm
    total, normed = Added.apply(hidden_states, attended, norm.weight, norm.variance_epsilon)
    return total + self.mlp(normed)


def dropout(forward: Forward, _longest: int) -> Revert:
    """Let 4-bit layers keep dropout's mask as bits and add the adapter's part of a gradient in one kernel. Raises
    NotImplementedError where it cannot run, or such a layer is not one function."""
    _require(forward, "dropout")
    if not forward.native:
        raise NotImplementedError("lora4bit is off")
    dropping = [module for module in forward.model.modules() if isinstance(module, LoraLinear4bit)]
    for module in dropping:
        module.lora_job_adds_kept = True

    def revert() -> None:
        for module in dropping:
            del module.lora_job_adds_kept

    return revert


def loss(forward: Forward, _longest: int) -> Revert:
    """Let the sliced head compute a slice's loss and gradient in one kernel. Raises NotImplementedError where it cannot run."""
    _require(forward, "loss")
    before = forward.sliced_head
    if before is None:
        raise NotImplementedError("sliced_head is off")
    forward.sliced_head = replace(before, one_kernel=True)

    def revert() -> None:
        forward.sliced_head = before

    return revert
