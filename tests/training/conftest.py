"""Fixtures of the tests of training."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from transformers.models.llama import modeling_llama

from job.training.forward import Forward
from job.training.optimizations.comparison import Perturbed
from tests.training.building import enable, forward_of


@pytest.fixture(autouse=True)
def _nothing_of_a_test_stays(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On a card one optimization changes a function of the family's source file, and graphs of a model that nobody reverts
    hold memory."""
    if request.node.get_closest_marker("gpu"):
        monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", modeling_llama.apply_rotary_pos_emb)
        gc.collect()
        torch.cuda.empty_cache()
    yield


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
