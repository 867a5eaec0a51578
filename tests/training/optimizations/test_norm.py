"""RMS norms in one call: on every norm of a model, and gone when reverted."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.training.optimizations import norm
from tests.families import FAMILIES, make_family_base
from tests.training.building import forward_of


def test_every_norm_is_replaced_and_restored(base: Path) -> None:
    forward = forward_of(base)
    revert = norm.enable(forward, 100)
    replaced = [type(module).__name__ for module in forward.base.modules() if "forward" in vars(module)]
    assert replaced == ["LlamaRMSNorm"] * 5  # two in each of two layers, and the last one
    revert()
    assert not any("forward" in vars(module) for module in forward.base.modules())


def test_norms_of_another_form_are_left_alone(tmp_path: Path) -> None:
    (gemma,) = (family for family in FAMILIES if family.name == "gemma2")
    with pytest.raises(NotImplementedError, match="no norm of a known form"):
        norm.enable(forward_of(make_family_base(tmp_path, gemma)), 100)
