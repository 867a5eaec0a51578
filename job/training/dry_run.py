"""One real optimizer step on the longest rows and the largest micro-batch, taken and reverted. It decides precision and memory
plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from job.modeling.adapter_file import lora_tensors
from job.modeling.batching import Row
from job.modeling.layers import decoder_layers
from job.results import DryRun
from job.training.forward import Forward

LOSS_SCALES = 12
"""How many loss scales float16 tries, from 65,536 down to 32, each half of the one before. The first is the scaler's own, and
no run here has needed more."""


def dry_run_step(forward: Forward, micro_batches: Sequence[Sequence[Row]], learning_rate: float) -> DryRun:
    """A training step, an evaluation step and a copy of the adapter for saving; adapter and random states stay as they were.

    Never raises for values that are not finite: `problem` says what was seen. Raises torch.OutOfMemoryError.
    """
    model, device = forward.model, forward.device
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    before = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate)  # its moments stay in memory, as in training
    model.train()
    activations = Activations(forward.base)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []), activations:
            value, scale, problem = _take(optimizer, parameters, forward, micro_batches)
            model.eval()
            with torch.no_grad():
                for rows in micro_batches:
                    forward.loss_sum(rows)
            lora_tensors(model)
    finally:
        with torch.no_grad():
            for parameter, values in zip(parameters, before, strict=True):
                parameter.copy_(values)
        model.zero_grad(set_to_none=True)
    return DryRun(
        rows=sum(map(len, micro_batches)),
        tokens=sum(len(row.ids) for rows in micro_batches for row in rows),
        loss=value,
        loss_scale=scale,
        largest_activation=activations.largest(),
        problem=problem,
    )


def _take(
    optimizer: torch.optim.Optimizer,
    parameters: list[torch.nn.Parameter],
    forward: Forward,
    micro_batches: Sequence[Sequence[Row]],
) -> tuple[float, float, str]:
    """One optimizer step. Returns (loss, loss scale, what was not finite)."""
    scaler = torch.amp.GradScaler(forward.device.type, enabled=forward.precision == "float16")
    targets = max(sum(row.targets for rows in micro_batches for row in rows), 1)
    for _ in range(LOSS_SCALES):
        scale, value = scaler.get_scale(), 0.0
        for rows in micro_batches:
            loss = forward.loss_sum(rows) / targets
            value += float(loss.detach())
            if not math.isfinite(value):
                return value, scale, f"the loss is {value}"
            torch.autograd.backward(scaler.scale(loss))
        scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if norm.isfinite():
            finite = all(bool(parameter.isfinite().all()) for parameter in parameters)
            return value, scale, "" if finite else "the adapter is not finite after one step"
        if not scaler.is_enabled():
            return value, scale, f"the norm of the gradient is {float(norm)}"
    return value, scale, f"gradients are not finite even at a loss scale of {scale:g}"


class Activations:
    """The largest absolute value that leaves a decoder layer; float16 ends at 65,504."""

    def __init__(self, base: PreTrainedModel) -> None:
        self.layers = decoder_layers(base)
        self.seen: list[torch.Tensor] = []

    def __enter__(self) -> None:
        self.hooks = [layer.register_forward_hook(self._note) for layer in self.layers]

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def _note(self, _: Any, __: Any, output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        low, high = hidden.detach().aminmax()
        self.seen.append(torch.maximum(-low, high))

    def largest(self) -> float:
        return float(torch.stack(self.seen).float().max()) if self.seen else 0.0
