"""How two paths are compared: with equal random numbers, in float32, by loss and gradients."""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from peft import PeftModel
from torch.utils._python_dispatch import TorchDispatchMode

from job.modeling.batching import Row
from job.modeling.nf4 import four_bit_layers
from job.modeling.room import room_bytes
from job.training.forward import Forward


@dataclass(frozen=True)
class Difference:
    """Relative differences between two paths: of the loss, of the gradients, and of their length along the known gradient.

    Rounding moves a gradient in all directions and hardly along itself; a wrong factor moves it along itself alone. So a scale
    of 1.02 shows in bfloat16 too, where rounding moves the gradient by 1 % or more.
    """

    loss: float
    gradient: float
    scale: float

    def __str__(self) -> str:
        return f"loss by {self.loss:.1e}, gradients by {self.gradient:.1e}, their scale by {self.scale:.1e}"

    def within(self, most: Difference) -> bool:
        """False if any of it is NaN."""
        return self.loss <= most.loss and self.gradient <= most.gradient and self.scale <= most.scale

    def worse(self, other: Difference) -> Difference:
        """The larger of each; NaN is the largest."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Difference(*(b if math.isnan(b) else max(a, b) for a, b in pairs))

    def times(self, factor: float) -> Difference:
        return Difference(self.loss * factor, self.gradient * factor, self.scale * factor)


class Perturbed:
    """Inside, the adapter holds random values: a new one multiplies by zero, and would hide any mistake. The model is in eval
    mode, without dropout, unless it is set to train mode inside."""

    def __init__(self, model: PeftModel) -> None:
        self.model = model
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def __enter__(self) -> None:
        self.was_training = self.model.training
        self.before = [parameter.detach().clone() for parameter in self.parameters]
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters:
                noise = torch.randn(parameter.shape, generator=generator) * 0.5 / parameter.shape[-1] ** 0.5
                parameter.copy_(noise)
        self.model.eval()

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for parameter, values in zip(self.parameters, self.before, strict=True):
                parameter.copy_(values)
        self.model.zero_grad(set_to_none=True)
        self.model.train(self.was_training)


SIXTEEN_BITS = (torch.float16, torch.bfloat16)
PLENTY = 20
"""A card with so many times as much free memory keeps gradients that are compared, and the weights in 16 bits beside those in
float32. Elsewhere the gradients go to main memory, and each comparison moves those weights there and back: of Llama 3.2 3B
0.8 GB, almost all of it the embedding."""


class InFloat32:
    """Inside, the model computes in float32, on the numbers that its weights hold: weights in 4 bits are unpacked to float32,
    those in 16 bits are widened until the end."""

    def __init__(self, forward: Forward) -> None:
        self.forward = forward

    def __enter__(self) -> None:
        model = self.forward.model
        self.precision = self.forward.precision
        self.layers = [(layer, layer.compute_dtype, layer.weight.quant_state.dtype) for layer in four_bit_layers(model)]
        self.tensors: list[tuple[torch.Tensor, torch.Tensor]] = []
        try:
            narrow = [one for one in (*model.parameters(), *model.buffers()) if one.dtype in SIXTEEN_BITS]
            both = _has_room(self.forward.device, sum(one.nbytes for one in narrow))
            for one in narrow:
                self.tensors.append((one, one.data if both else one.data.cpu()))
                one.data = one.data.float()
            for layer, *_ in self.layers:
                layer.compute_dtype = layer.weight.quant_state.dtype = torch.float32
        except BaseException:
            self.__exit__()
            raise
        self.forward.precision = "float32"

    def __exit__(self, *_: object) -> None:
        """Needs no more memory than was held before: an exception for want of memory leaves through here, so what its frames
        hold goes, then all float32, and only then the 16 bits come back."""
        if error := sys.exc_info()[1]:
            traceback.clear_frames(error.__traceback__)
        self.forward.precision = self.precision
        for layer, computing, unpacked in self.layers:
            layer.compute_dtype, layer.weight.quant_state.dtype = computing, unpacked
        devices = [tensor.device for tensor, _ in self.tensors]
        for tensor, data in self.tensors:
            tensor.data = data
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        for (tensor, data), device in zip(self.tensors, devices, strict=True):
            tensor.data = data.to(device)


def fits_in_float32(forward: Forward) -> bool:
    """Whether there is room for what `InFloat32` widens, and as much again for a step."""
    weights = [one for one in forward.model.parameters() if one.dtype in (torch.float16, torch.bfloat16)]
    return 2 * sum(4 * one.numel() for one in weights) < room_bytes(forward.device)


def _has_room(device: torch.device, nbytes: int) -> bool:
    return device.type == "cuda" and nbytes * PLENTY <= torch.cuda.mem_get_info(device)[0]


class EqualDropout(TorchDispatchMode):
    """Inside, dropout drops the same elements in every dtype. CUDA's kernel draws its numbers in vectors whose width depends on
    the dtype, so where autocast leaves a norm's output in float32 two correct paths would drop different elements."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is not torch.ops.aten.native_dropout.default or not args[0].is_cuda or not args[2]:
            return function(*args, **(kwargs or {}))
        x, p, _ = args
        kept = torch.rand(x.numel(), device=x.device).view(x.shape) >= p
        return x * kept / (1 - p), kept


@contextmanager
def equal_dropout(*, everywhere: bool) -> Iterator[None]:
    """The same where Python calls dropout, or `everywhere`: some attention drops by itself. The mode sees every operation of a
    pass, which takes 0.2 s of Python with Llama 3.2 3B."""
    if everywhere:
        with EqualDropout():
            yield
        return
    known = [(torch, "native_dropout"), (torch.nn.functional, "dropout")]
    before = [getattr(place, name) for place, name in known]
    try:
        for (place, name), function in zip(known, before, strict=True):
            setattr(place, name, partial(_dropped_equally, function))
        yield
    finally:
        for (place, name), function in zip(known, before, strict=True):
            setattr(place, name, function)


def _dropped_equally(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with EqualDropout():
        return function(*arguments, **options)


def gradients(
    forward: Forward, rows: Sequence[Row], micro_batches: Sequence[Sequence[Row]] | None = None
) -> tuple[float, torch.Tensor]:
    """The summed loss and all adapter gradients, flat, in float32. The rows are cut into `micro_batches`, or stay in one."""
    forward.model.zero_grad(set_to_none=True)
    total = 0.0
    for some in micro_batches or [rows]:
        loss = forward.loss_sum(some)
        torch.autograd.backward(loss)
        total += float(loss.detach())
    flat = torch.cat([p.grad.float().flatten() for p in forward.model.parameters() if p.grad is not None])
    return total, where_compared(flat)


def where_compared(gradients: torch.Tensor) -> torch.Tensor:
    """In main memory, since the card's is being measured; on a card with plenty of it where they are: the way takes 0.03 s
    with Llama 3.2 3B, a dozen times in a start."""
    return gradients if _has_room(gradients.device, gradients.nbytes) else gradients.cpu()


def difference(known: tuple[float, torch.Tensor], found: tuple[float, torch.Tensor]) -> Difference:
    if known[1].device != found[1].device:
        known, found = (known[0], known[1].cpu()), (found[0], found[1].cpu())
    if known[1].shape != found[1].shape:  # a part of the adapter got no gradient
        return Difference(0.0, 1.0, 1.0)
    length = known[1].norm().clamp(min=1e-12)
    moved = found[1] - known[1]
    return Difference(
        loss=abs(found[0] - known[0]) / max(abs(known[0]), 1e-12),
        gradient=float(moved.norm() / length),
        scale=abs(float((moved @ known[1]) / length.square())),
    )
