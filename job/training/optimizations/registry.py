"""The optimizations, in the order in which they are enabled."""

from __future__ import annotations

from collections.abc import Callable

from job.training.forward import Forward
from job.training.optimizations import attention, head, kernels, lora4bit


def _packed_rows(forward: Forward, longest: int) -> Callable[[], None]:
    take_back = attention.install(forward.base, longest)
    forward.packed = True

    def undo() -> None:
        forward.packed = False
        take_back()

    return undo


def _sliced_head(forward: Forward, _: int) -> Callable[[], None]:
    forward.sliced_head = head.form_of(forward.base)

    def undo() -> None:
        forward.sliced_head = None

    return undo


def _lora4bit(forward: Forward, _: int) -> Callable[[], None]:
    take_back = lora4bit.install(forward.model)
    forward.native = True

    def undo() -> None:
        forward.native = False
        take_back()

    return undo


OPTIMIZATIONS: dict[str, Callable[[Forward, int], Callable[[], None]]] = {
    "packed_rows": _packed_rows,
    "sliced_head": _sliced_head,
    "lora4bit": _lora4bit,
    "norm": lambda forward, _: kernels.install_norm(forward.base),
    "kernels": lambda forward, _: kernels.install(forward.base),
}
"""Name -> what enables it for rows of up to so many tokens, and returns what reverts it."""


def _nothing() -> None:
    """What there is to revert of an optimization that was never enabled."""
