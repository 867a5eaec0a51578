"""Triton's kernels are refused where they cannot run. That they give the reference gradients is in test_registry.py."""

from __future__ import annotations

import sys

import pytest
import torch

from job.training.forward import Forward
from job.training.optimizations import kernels


def test_without_a_gpu_they_are_refused(forward: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NotImplementedError, match="need a GPU"):
        kernels.enable(forward, 100)


def test_without_liger_they_are_refused(forward: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "liger_kernel", None)
    monkeypatch.setitem(sys.modules, "liger_kernel.ops.rope", None)
    with pytest.raises(NotImplementedError, match="liger_kernel cannot be imported"):
        kernels.enable(forward, 100)
    assert not any("forward" in vars(module) for module in forward.base.modules())
