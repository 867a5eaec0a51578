"""What makes a step faster, each a module of its own with the same meaning as the plain path, and each proven at start.

Before training, one small loss and its adapter gradients are computed on the plain path and again with each lever, on this
card, with this model. A lever that raises or differs is taken back, with a warning and the reason in the result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch

from job.results import Lever
from job.training import attention, head, kernels, lora4bit
from job.training.batching import Row
from job.training.forward import Forward

log = logging.getLogger("job.train")

# Largest relative difference of loss, and of the gradients' norm. Two paths in 16 bits differ by the rounding of every
# product between them; the plain path against itself in float32 differs by as much.
TOLERANCES = {"float32": (1e-5, 1e-4), "float16": (2e-3, 3e-2), "bfloat16": (2e-2, 2e-1)}
ROWS, TOKENS = 3, 48


def _packed_rows(forward: Forward) -> Callable[[], None]:
    take_back = attention.install(forward.base)
    forward.packed = True

    def undo() -> None:
        forward.packed = False
        take_back()

    return undo


def _sliced_head(forward: Forward) -> Callable[[], None]:
    if not head.fits(forward.base):
        raise NotImplementedError("the head is not one frozen matrix")
    forward.sliced_head = True

    def undo() -> None:
        forward.sliced_head = False

    return undo


def _lora4bit(forward: Forward) -> Callable[[], None]:
    take_back = lora4bit.install(forward.model)
    forward.native = True

    def undo() -> None:
        forward.native = False
        take_back()

    return undo


LEVERS: dict[str, Callable[[Forward], Callable[[], None]]] = {
    "packed_rows": _packed_rows,
    "sliced_head": _sliced_head,
    "lora4bit": _lora4bit,
    "norm": lambda forward: kernels.install_norm(forward.base),
    "kernels": lambda forward: kernels.install(forward.base),
}


def pull(forward: Forward, rows: Sequence[Row], names: Sequence[str] = tuple(LEVERS)) -> list[Lever]:
    """Switch on each lever that fits this model and passes its self-test on this device; says so for each.

    `rows`: real rows, of which a few short pieces are used. The adapter and all random states are left as they were.
    """
    pieces = _pieces(rows)
    results = []
    with Perturbed(forward.model):
        known = gradients(forward, pieces)
        for name in names:
            undo: Callable[[], None] = _nothing
            try:
                undo = LEVERS[name](forward)
                reason = compare(known, gradients(forward, pieces), forward.precision)
            except torch.OutOfMemoryError:
                undo()
                raise
            except Exception as error:  # a private kernel of another version may raise anything; the plain path remains
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
            if reason:
                undo()
                forward.model.zero_grad(set_to_none=True)
            else:
                forward.undo.append(undo)
            results.append(Lever(name=name, on=not reason, reason=reason))
            say = log.warning if reason and forward.device.type == "cuda" else log.info
            say("lever=%s on=%s%s", name, str(not reason).lower(), f" reason={reason!r}" if reason else "")
    return results


def _nothing() -> None:
    """What there is to take back of a lever that was never switched on."""


def _pieces(rows: Sequence[Row]) -> list[Row]:
    """Beginnings of a few rows, of different lengths, each with something to learn."""
    return [
        Row(row.ids[: TOKENS - 7 * number], min(row.skip, (TOKENS - 7 * number) // 2))
        for number, row in enumerate(rows[:ROWS])
    ]


class Perturbed:
    """Inside, the adapter holds random values: a new one multiplies by zero, and would hide any mistake. No dropout."""

    def __init__(self, model: Any) -> None:
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


def gradients(forward: Forward, rows: Sequence[Row]) -> tuple[float, torch.Tensor]:
    """The summed loss and all adapter gradients, flat, in float32."""
    forward.model.zero_grad(set_to_none=True)
    loss = forward.loss_sum(rows)
    torch.autograd.backward(loss)
    flat = torch.cat([p.grad.float().flatten() for p in forward.model.parameters() if p.grad is not None])
    return float(loss.detach()), flat


def compare(known: tuple[float, torch.Tensor], found: tuple[float, torch.Tensor], precision: str) -> str:
    """Empty where they agree, else by how much they do not."""
    loss = abs(found[0] - known[0]) / max(abs(known[0]), 1e-12)
    gradient = float((found[1] - known[1]).norm() / known[1].norm().clamp(min=1e-12))
    most = TOLERANCES[precision]
    if loss <= most[0] and gradient <= most[1]:
        return ""
    return (
        f"differs from the plain path: loss by {loss:.1e} (at most {most[0]:.0e}), "
        f"gradients by {gradient:.1e} (at most {most[1]:.0e})"
    )
