"""The dry run says what was not finite, and leaves no trace."""

from __future__ import annotations

from pathlib import Path

import torch

from job.training.dry_run import dry_run_step
from tests.training.building import adapter, forward_of, random_rows


def test_a_dry_run_leaves_no_trace(base: Path) -> None:
    forward = forward_of(base, dropout=0.1)
    before, random_state = adapter(forward).clone(), torch.get_rng_state()
    dry_run = dry_run_step(forward, [random_rows(3), random_rows(2)], learning_rate=0.5)
    assert dry_run.problem == ""
    assert 3 < dry_run.loss < 12
    assert 0 < dry_run.largest_activation < 65504
    assert torch.equal(before, adapter(forward))
    assert torch.equal(random_state, torch.get_rng_state())
    assert all(p.grad is None for p in forward.model.parameters())


def test_a_dry_run_says_what_was_not_finite(base: Path) -> None:
    forward = forward_of(base)
    forward.base.get_decoder().norm.weight.data[3] = float("inf")
    dry_run = dry_run_step(forward, [random_rows(5)], learning_rate=0.01)
    assert dry_run.problem == "the loss is nan"
