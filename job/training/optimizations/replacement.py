"""Another forward function for modules of a model, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any

import torch

from job.training.forward import Revert


def replace_forward(module: torch.nn.Module, function: Callable[..., Any]) -> Revert:
    """`function` takes the module as its first argument. It is set on this module alone, never on its class."""
    module.forward = MethodType(function, module)

    def revert() -> None:
        module.__dict__.pop("forward", None)

    return revert


def revert_all(reverts: Iterable[Revert]) -> None:
    for revert in reverts:
        revert()
