"""Optimizations with one mistake each, which the self-test has to reject. In the order in which the table shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from transformers import AttentionInterface

from job.modeling.nf4 import four_bit_layers
from job.training.forward import Forward, Revert
from job.training.optimizations import attention, head, lora4bit, norm, survey
from job.training.optimizations.head import Form


def _leaked_row(forward: Forward, longest: int) -> Revert:
    """The rows of a micro-batch as one row."""
    revert = attention.enable(forward, longest)

    def attend(module: Any, query: Any, *others: Any, starts: torch.Tensor, longest: int, **options: Any) -> Any:
        whole = starts[[0, -1]].contiguous()
        return attention.attend(module, query, *others, starts=whole, longest=query.shape[2], **options)

    AttentionInterface.register(attention.NAME, attend)
    return revert


def _window_ignored(forward: Forward, longest: int) -> Revert:
    revert = attention.enable(forward, longest)
    for module in forward.base.modules():
        if hasattr(module, "lora_job_window"):
            module.lora_job_window = survey.WHOLE_ROW
    return revert


def _window_one_off(forward: Forward, longest: int) -> Revert:
    revert = attention.enable(forward, longest)
    for module in forward.base.modules():
        if getattr(module, "lora_job_window", 0):
            module.lora_job_window += 1
    return revert


def _window_beyond_the_rows(forward: Forward, longest: int) -> Revert:
    """Wrong in micro-batches whose rows all lie inside the window."""
    revert = attention.enable(forward, longest)

    def attend(module: Any, *others: Any, longest: int, **options: Any) -> Any:
        found, none = attention.attend(module, *others, longest=longest, **options)
        return found * (1.2 if module.lora_job_window >= longest else 1), none

    AttentionInterface.register(attention.NAME, attend)
    return revert


def _chunk_ignored(forward: Forward, _: int) -> Revert:
    """Packed attention without the survey that refuses a model with chunks."""
    before = forward.base.config._attn_implementation
    modules = [module for module in forward.base.modules() if type(module).__name__.endswith("Attention")]
    for module in modules:
        module.lora_job_window = survey.WHOLE_ROW
    AttentionInterface.register(attention.NAME, attention.attend)
    forward.base.set_attn_implementation(attention.NAME)
    forward.packed = True

    def revert() -> None:
        forward.packed = False
        forward.base.set_attn_implementation(before)
        for module in modules:
            del module.lora_job_window

    return revert


def _missing_cap(forward: Forward, longest: int) -> Revert:
    revert = head.enable(forward, longest)
    assert forward.sliced_head is not None and forward.sliced_head.cap
    forward.sliced_head = Form(forward.sliced_head.scale)
    return revert


def _missing_scale(forward: Forward, longest: int) -> Revert:
    revert = head.enable(forward, longest)
    assert forward.sliced_head is not None and forward.sliced_head.scale != 1
    forward.sliced_head = Form(cap=forward.sliced_head.cap)
    return revert


def _wrong_epsilon(forward: Forward, _: int) -> Revert:
    """Ten times the norm's own."""
    revert = norm.enable(forward, 0)

    def wrong(self: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.rms_norm(x, self.weight.shape, self.weight, 10 * self.variance_epsilon)

    for module in forward.base.modules():
        if "forward" in vars(module) and hasattr(module, "variance_epsilon"):
            module.forward = MethodType(wrong, module)
    return revert


def _scaled(forward: Forward, longest: int) -> Revert:
    """The adapter's product times 1.02."""
    revert = lora4bit.enable(forward, longest)
    adapted = [module for module in forward.model.modules() if hasattr(module, "lora_A")]
    for module in adapted:
        module.scaling["default"] *= 1.02

    def revert_both() -> None:
        revert()
        for module in adapted:
            module.scaling["default"] /= 1.02

    return revert_both


def _dropped_bias(forward: Forward, longest: int) -> Revert:
    revert = lora4bit.enable(forward, longest)
    biases = {layer: layer.bias for layer in four_bit_layers(forward.model) if layer.bias is not None}
    assert biases
    for layer in biases:
        layer.bias = None

    def revert_both() -> None:
        revert()
        for layer, bias in biases.items():
            layer.bias = bias

    return revert_both


def _dropped_dropout(forward: Forward, longest: int) -> Revert:
    """Shows in train mode alone."""
    revert = lora4bit.enable(forward, longest)
    layers = [module.lora_dropout["default"] for module in forward.model.modules() if hasattr(module, "lora_A")]
    before = [layer.p for layer in layers]
    assert all(before)
    for layer in layers:
        layer.p = 0.0

    def revert_both() -> None:
        revert()
        for layer, p in zip(layers, before, strict=True):
            layer.p = p

    return revert_both


def _wrong_behind_the_last_block(forward: Forward, longest: int) -> Revert:
    """The gradient that passes through dropout, of tokens that fill no block of eight. Shows in train mode alone."""
    revert, own = lora4bit.enable(forward, longest), lora4bit.WithLora.backward

    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        found = own(ctx, grad)
        rest = grad.flatten(0, -2).shape[0] % 8
        if found[0] is not None and rest and ctx.keep != 1:
            found[0].flatten(0, -2)[-rest:] *= 1.5
        return found

    def revert_both() -> None:
        revert()
        lora4bit.WithLora.backward = staticmethod(own)

    lora4bit.WithLora.backward = staticmethod(backward)
    return revert_both


@dataclass(frozen=True)
class Mutant:
    name: str
    family: str
    """The base that shows the mistake (tests/families.py)."""
    enable: Callable[[Forward, int], Revert]


MUTANTS = (
    Mutant("a leaked row", "llama", _leaked_row),
    Mutant("a window ignored", "mistral_window", _window_ignored),
    Mutant("a window one token longer", "phi3", _window_one_off),
    Mutant("a window that no row fills", "mistral_window", _window_beyond_the_rows),
    Mutant("a chunk ignored", "llama4", _chunk_ignored),
    Mutant("a missing cap", "gemma2", _missing_cap),
    Mutant("a missing scale of logits", "granite", _missing_scale),
    Mutant("a wrong norm epsilon", "llama", _wrong_epsilon),
    Mutant("a scale of 1.02", "llama", _scaled),
    Mutant("a dropped bias", "qwen2", _dropped_bias),
    Mutant("a dropped dropout", "llama", _dropped_dropout),
    Mutant("a rest of a block", "llama", _wrong_behind_the_last_block),
)
