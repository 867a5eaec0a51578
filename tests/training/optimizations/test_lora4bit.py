"""The fused 4-bit layer with its LoRA branch does what PEFT's own layer does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from job.training.forward import Forward
from job.training.optimizations import lora4bit
from job.training.optimizations.comparison import Perturbed, gradients
from job.training.optimizations.self_test import SelfTest
from tests.training.building import BY_NAME, differences, enable, forward_of, random_rows


def test_dropout_is_kept_in_the_fused_layer(base: Path) -> None:
    """The same random numbers drop the same elements as PEFT's own layer."""
    forward = forward_of(base, dropout=0.3)
    rows = random_rows(3)
    with Perturbed(forward.model):
        forward.model.train()
        torch.manual_seed(5)
        reference = gradients(forward, rows)
        enable(forward, "lora4bit")
        torch.manual_seed(5)
        fused = gradients(forward, rows)
        torch.manual_seed(6)
        other = gradients(forward, rows)
    assert max(differences(reference, fused)) < 1e-5
    assert max(differences(reference, other)) > 1e-3


def test_the_fused_layer_sees_what_the_optimizer_has_just_written(
    forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    """Fused optimizers change parameters without raising their version, so a copy kept between steps would go stale."""
    rows = random_rows(3)
    fused = with_optimizations("lora4bit")
    parameters = [parameter for parameter in fused.model.parameters() if parameter.requires_grad]
    before = [parameter.detach().clone() for parameter in parameters]
    first = gradients(fused, rows)
    torch.optim.AdamW(parameters, lr=0.1, fused=True).step()
    after = gradients(fused, rows)
    fused.revert_optimizations()
    assert max(differences(gradients(fused, rows), after)) < 1e-5
    assert differences(first, after)[1] > 1e-2
    with torch.no_grad():
        for parameter, values in zip(parameters, before, strict=True):
            parameter.copy_(values)


def test_without_bitsandbytes_fields_the_layers_stay_pefts(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = forward_of(base)
    test = SelfTest(forward, random_rows(6))
    monkeypatch.setattr(lora4bit, "_unpack_scales", lambda state: state.scales_of_another_version)
    (result,) = test.enable([BY_NAME["lora4bit"]])
    assert result.reason.startswith("AttributeError")
    assert not forward.native
    assert not any("forward" in vars(module) for module in forward.model.modules())
