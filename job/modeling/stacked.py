"""Several adapters beside one base, in one batch: each block of rows goes through its own.

A token step of an answer reads every weight, or waits for Python, whatever the number of rows. So base and tuned model, or
several candidates, answer in the steps that one of them would take.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora.bnb import Linear4bit as LoraLinear4bit
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import AuxiliaryTrainingWrapper

from job.modeling.unpacked import Replaced, branch, is_plain, put_back, set_forward

Enter = Callable[[], AbstractContextManager[Any]]
"""Makes the one model another, until it is left: `model.disable_adapter`."""
Adapter = tuple[torch.Tensor, torch.Tensor, float]
"""(r, in), (out, r), factor."""


class Mixed(Exception):
    """A layer does not keep rows apart: it is called with what some of them have in common."""


class Stack:
    """Which rows of a batch belong to which model: the batch is the same prompts once for each model."""

    def __init__(self, models: int) -> None:
        self.models = models
        self.blocks = [0] * models
        """Rows of each model in the forward pass that comes next."""

    def enter(self, rows: Sequence[int], count: int) -> None:
        """`rows`: numbers of those that go through the model from now on, rising, of a batch of `count`."""
        self.blocks = [0] * self.models
        for row in rows:
            self.blocks[row * self.models // count] += 1


@contextmanager
def stacked(model: PeftModel, models: Sequence[Enter]) -> Iterator[Stack | None]:
    """Inside, the model is all of `models` at once. Yields None, and nothing is changed, for an adapter that is more than plain
    LoRA on 4-bit layers. A forward pass raises Mixed for a model that cannot do this."""
    layers = [module for module in model.modules() if isinstance(module, (BaseTunerLayer, AuxiliaryTrainingWrapper))]
    if not layers or not all(isinstance(layer, LoraLinear4bit) and is_plain(layer) for layer in layers):
        yield None
        return
    adapters: list[list[Adapter | None]] = []
    for enter in models:
        with enter():
            adapters.append([_adapter_of(layer) for layer in layers])
    stack, replaced = Stack(len(models)), Replaced()
    try:
        for layer, *own in zip(layers, *adapters, strict=True):
            set_forward(layer, functools.partial(_forward, layer, own, stack), replaced)
        yield stack
    finally:
        put_back(replaced)


def _adapter_of(layer: LoraLinear4bit) -> Adapter | None:
    """A copy: the next model may be the same tensors with other values."""
    if layer.disable_adapters:
        return None
    (name,) = layer.active_adapters
    down, up = layer.lora_A[name].weight.detach().clone(), layer.lora_B[name].weight.detach().clone()
    return down, up, layer.scaling[name]


def _forward(layer: LoraLinear4bit, adapters: Sequence[Adapter | None], stack: Stack, x: torch.Tensor) -> torch.Tensor:
    if x.ndim != 3 or len(x) != sum(stack.blocks):
        raise Mixed(f"{type(layer).__name__} gets {tuple(x.shape)} for {sum(stack.blocks)} rows")
    result: torch.Tensor = layer.base_layer(x)
    begin = 0
    for count, adapter in zip(stack.blocks, adapters, strict=True):
        end = begin + count
        if adapter and count:
            result[begin:end] += branch(x[begin:end], *adapter)
        begin = end
    return result
