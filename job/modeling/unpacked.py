"""4-bit layers that compute with weights unpacked once, where memory has room for them: for answers and losses.

A token of an answer reads every weight. From 4 bits that is a read, a write and another read of the unpacked weights, in
five kernels a layer; on Llama 3.2 3B on an H200 161 ms a token step, and 33 ms with the weights unpacked (6.4 instead of
2.2 GB). On a CPU in float32 the quickstart's base answers 16 questions in 0.47 s instead of 0.72 s, 4 in 0.35 instead of 0.64.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from bitsandbytes.functional import dequantize_blockwise
from bitsandbytes.nn import Linear4bit
from peft.tuners.lora.bnb import Linear4bit as LoraLinear4bit

from job.modeling.nf4 import four_bit_layers

log = logging.getLogger("job.model")
Replaced = list[tuple[torch.nn.Module, Any]]
"""Modules whose forward was replaced, and what was in its place: None for that of their class."""


def unpacked_bytes(model: torch.nn.Module) -> int:
    """What the weights of all 4-bit layers take unpacked, on the device that holds most of them."""
    sizes: Counter[torch.device] = Counter()
    for layer in four_bit_layers(model):
        width = (layer.compute_dtype or torch.float32).itemsize
        sizes[layer.weight.device] += layer.in_features * layer.out_features * width
    return max(sizes.values(), default=0)


@contextmanager
def unpacked(model: torch.nn.Module) -> Iterator[bool]:
    """Inside, 4-bit layers give what they give otherwise, adapters on and off included, where that unpacks them too: for a few
    rows at a time bitsandbytes has kernels of its own, which round differently. Yields False, and all is as it was, where
    memory has no room after all, or bitsandbytes keeps its weights in another way than known here."""
    replaced: Replaced = []
    try:
        done = _replace(model, replaced)
        if not done:
            put_back(replaced)
        yield done
    finally:
        put_back(replaced)


def _replace(model: torch.nn.Module, replaced: Replaced) -> bool:
    try:
        for layer in list(four_bit_layers(model)):
            set_forward(layer, functools.partial(_frozen, layer, _weight_of(layer)), replaced)
    except torch.OutOfMemoryError:
        log.warning("unpacked=false: memory has no room for unpacked weights")
        return False
    except (AttributeError, TypeError, RuntimeError) as error:  # of another version of bitsandbytes
        log.warning("unpacked=false: %s: %s", type(error).__name__, error)
        return False
    for module in model.modules():
        if isinstance(module, LoraLinear4bit):
            set_forward(module, functools.partial(_with_lora, module), replaced)
    return True


def set_forward(module: torch.nn.Module, function: Callable[..., Any], replaced: Replaced) -> None:
    replaced.append((module, module.__dict__.get("forward")))
    module.forward = function


def put_back(replaced: Replaced) -> None:
    while replaced:
        module, before = replaced.pop()
        del module.forward  # and with it the unpacked weight
        if before is not None:
            module.forward = before


def _weight_of(layer: Linear4bit) -> torch.Tensor:
    """(out, in), by the operators that bitsandbytes itself calls for it."""
    state = layer.weight.quant_state
    scales = state.absmax
    if state.nested:
        scales = dequantize_blockwise(state.absmax, state.state2).float() + state.offset
    dtype = layer.compute_dtype or torch.float32
    weight: torch.Tensor = torch.ops.bitsandbytes.dequantize_4bit.default(
        layer.weight.data.view(-1, 1), scales, state.blocksize, state.quant_type, state.shape, dtype
    )
    return weight


def _frozen(layer: Linear4bit, weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    bias = layer.bias
    product = torch.nn.functional.linear(x.to(weight.dtype), weight, None if bias is None else bias.to(weight.dtype))
    return product.to(x.dtype)


def _with_lora(layer: LoraLinear4bit, x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
    """peft's own arithmetic in a third of its calls: at a token a step, Python is what a large GPU waits for."""
    if arguments or options or layer.disable_adapters or layer.training or not is_plain(layer):
        result: torch.Tensor = type(layer).forward(layer, x, *arguments, **options)
        return result
    (name,) = layer.active_adapters
    result = layer.base_layer(x)
    return result.add_(branch(x, layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name]))


def is_plain(layer: LoraLinear4bit) -> bool:
    """Whether its adapter is one LoRA without anything more."""
    names = layer.active_adapters
    if len(names) != 1 or names[0] not in layer.lora_A or layer.merged or layer.lora_variant:
        return False
    return layer.lora_B[names[0]].bias is None and not torch.is_autocast_enabled(
        layer.lora_A[names[0]].weight.device.type
    )


def branch(x: torch.Tensor, down: torch.Tensor, up: torch.Tensor, scaling: float) -> torch.Tensor:
    """What LoRA adds to a layer's output, as peft computes it, in the dtype of x."""
    thin = torch.nn.functional.linear(x.to(down.dtype), down)
    return torch.nn.functional.linear(thin, up).mul_(scaling).to(x.dtype)
