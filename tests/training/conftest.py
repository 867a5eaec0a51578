"""Fixtures of the tests of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from job.training.forward import Forward
from job.training.optimizations.comparison import Perturbed
from tests.training.building import enable, forward_of


@pytest.fixture(scope="module")
def forward(base: Path) -> Iterator[Forward]:
    """With random values in the adapter, so that nothing is multiplied by zero; no dropout."""
    made = forward_of(base)
    with Perturbed(made.model):
        yield made


@pytest.fixture
def with_optimizations(forward: Forward) -> Iterator[Callable[..., Forward]]:
    """Enables optimizations by their names, until the end of the test."""
    yield partial(enable, forward)
    forward.revert_optimizations()
