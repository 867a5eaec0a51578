"""NF4: how the base is quantized, and the undocumented names of bitsandbytes that this project uses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from bitsandbytes.nn import Linear4bit, Params4bit
from transformers import BitsAndBytesConfig

log = logging.getLogger("job.model")

QUANTIZE = "_quantize"
"""Method of a Params4bit that gets a device, and quantizes its numbers there."""
CPU_KERNEL = "support_avx512bf16_for_cpu"
"""Attribute of a Linear4bit: whether its first forward pass in eval mode may pack its weights for a CPU with AVX512-BF16."""


def quantization(dtype: torch.dtype) -> BitsAndBytesConfig:
    """NF4 with double quantization, computing in `dtype`."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


@contextmanager
def quantized_on(device: torch.device) -> Iterator[None]:
    """Inside, weights that are loaded into main memory are quantized by this device, and come back: a card takes a second for
    what a CPU takes a minute for, and the two round a few weights differently."""
    if device.type == "cpu" or not hasattr(Params4bit, QUANTIZE):
        if device.type != "cpu":
            log.warning("missing=%s: a base that GPUs share is quantized by the CPU", QUANTIZE)
        yield
        return
    own = getattr(Params4bit, QUANTIZE)

    def quantize(weight: Params4bit, target: torch.device) -> Params4bit:
        found: Params4bit = own(weight, device)
        found.data = found.data.to(target)
        found.quant_state.to(target)
        return found

    setattr(Params4bit, QUANTIZE, quantize)
    try:
        yield
    finally:
        setattr(Params4bit, QUANTIZE, own)


def stay_differentiable(model: torch.nn.Module) -> None:
    """Keep every 4-bit layer on the path that has a backward pass, whatever the CPU can do.

    On a CPU with AVX512-BF16 (AMD Zen 4, Intel Sapphire Rapids and later) bitsandbytes 0.50 packs the weights of a layer in its
    first forward pass in eval mode. From then on the layer calls `gemv_4bit`, which rounds to bfloat16 and has no
    backward: gradients stop there, and training goes on with a part of them.
    """
    layers = list(four_bit_layers(model))
    if layers and not hasattr(layers[0], CPU_KERNEL):
        log.warning("missing=%s: bitsandbytes' CPU kernels without a backward pass cannot be switched off", CPU_KERNEL)
    for layer in layers:
        setattr(layer, CPU_KERNEL, False)


def layers_on_the_cpu_kernel(model: torch.nn.Module) -> list[Linear4bit]:
    """The 4-bit layers that would take that kernel on this machine, in a model as a user loads it."""
    return [
        layer
        for layer in four_bit_layers(model)
        if layer.weight.device.type == "cpu" and getattr(layer, CPU_KERNEL, False)
    ]


def four_bit_layers(model: torch.nn.Module) -> Iterator[Linear4bit]:
    return (module for module in model.modules() if isinstance(module, Linear4bit))
