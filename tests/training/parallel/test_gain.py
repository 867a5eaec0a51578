"""More GPUs than a step can use are left alone."""

from __future__ import annotations

from pathlib import Path

import torch

from job.training.parallel.gain import measured, pays
from tests.training.building import forward_of, memory_plan_of, random_rows


def test_a_share_that_takes_as_long_as_the_step_pays_nothing() -> None:
    assert pays(4.8, 1.3)
    assert not pays(0.19, 0.18)


def test_a_share_is_measured_to_be_shorter_and_leaves_no_trace(base: Path) -> None:
    forward, rows = forward_of(base, dropout=0.1), random_rows(16, longest=400)
    before = torch.get_rng_state()
    alone, shared = measured(forward, memory_plan_of(forward, rows), rows, 8)
    assert shared < alone
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in forward.model.parameters())
