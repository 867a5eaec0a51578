"""A worker's random numbers are its own, and the same in a run that goes on. What it computes is tested with its leader."""

from __future__ import annotations

from job.parallel.wire import Order
from job.training.parallel.worker import seed_of


def test_each_step_and_each_worker_draws_other_numbers_every_time_the_same() -> None:
    seeds = [seed_of(Order("gradients", seed=step), rank) for step in range(50) for rank in range(1, 9)]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [seed_of(Order("gradients", seed=step), rank) for step in range(50) for rank in range(1, 9)]
    assert all(0 <= seed < 2**63 for seed in seeds)
