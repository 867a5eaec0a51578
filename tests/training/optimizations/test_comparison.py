"""What two paths are compared by, and what the comparison leaves behind: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from job.training.optimizations.comparison import Difference, InFloat32, Perturbed, difference, gradients
from tests.training.building import adapter, forward_of, random_rows


def test_a_difference_that_is_not_a_number_is_never_accepted() -> None:
    nan = float("nan")
    for wrong in (Difference(nan, 0, 0), Difference(0, nan, 0), Difference(0, 0, nan)):
        assert not wrong.within(Difference(1, 1, 1))
        assert not Difference(0, 0, 0).worse(wrong).within(Difference(1, 1, 1))


def test_a_wrong_factor_shows_in_the_scale_and_noise_does_not() -> None:
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(100_000, generator=generator)
    noise = torch.randn(100_000, generator=generator) * 0.05
    assert difference((2.0, known), (2.0, known * 1.02)).scale == pytest.approx(0.02, rel=1e-3)
    assert difference((2.0, known), (2.0, known + noise)).gradient == pytest.approx(0.05, rel=0.02)
    assert difference((2.0, known), (2.0, known + noise)).scale < 1e-3


def test_a_part_of_the_adapter_without_gradient_is_a_difference() -> None:
    assert difference((1.0, torch.ones(4)), (1.0, torch.ones(3))).gradient == 1


def test_the_adapter_and_the_precision_are_as_they_were(base: Path) -> None:
    forward = forward_of(base, "bfloat16")
    before = {name: (tensor.dtype, tensor.clone()) for name, tensor in forward.model.named_parameters()}
    with Perturbed(forward.model):
        assert adapter(forward).norm() > 1
        in_16_bits = gradients(forward, random_rows(3))
        with InFloat32(forward):
            assert {p.dtype for p in forward.model.parameters() if p.is_floating_point()} == {torch.float32}
            exact = gradients(forward, random_rows(3))
    assert 0 < difference(exact, in_16_bits).gradient < 0.1
    assert forward.precision == "bfloat16"
    for name, tensor in forward.model.named_parameters():
        assert tensor.dtype == before[name][0]
        assert torch.equal(tensor, before[name][1])
