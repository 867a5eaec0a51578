"""Adapters side by side give what each gives by itself, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling.stacked import Mixed, stacked
from job.modeling.unpacked import unpacked
from tests.training.building import forward_of

IDS = torch.randint(5, 200, (5, 30), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def model(base: Path) -> Any:
    return forward_of(base, dropout=0.3).model.eval()


@torch.no_grad()
def logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    return model(input_ids=ids).logits


@contextmanager
def carrying(model: Any, seed: int) -> Iterator[None]:
    """The adapter with other values, which stay."""
    numbers = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.copy_(torch.randn(parameter.shape, generator=numbers) * 0.2)
    yield


def enters(model: Any) -> list[Any]:
    return [lambda: carrying(model, 1), model.disable_adapter, lambda: carrying(model, 2)]


@pytest.mark.parametrize("weights", ["packed", "unpacked"])
def test_each_block_of_rows_goes_through_its_own_adapter(model: Any, weights: str) -> None:
    known = []
    for enter in enters(model):
        with enter():
            known.append(logits(model, IDS))
    assert not torch.allclose(known[0], known[2], atol=0.1) and not torch.allclose(known[1], known[2], atol=0.1)
    with unpacked(model) if weights == "unpacked" else nullcontext(), stacked(model, enters(model)) as stack:
        assert stack
        stack.enter(range(15), 15)
        found = logits(model, IDS.repeat(3, 1))
        assert torch.allclose(found, torch.cat(known), atol=1e-4)
        rows = [1, 4, 10, 12, 14]  # two of the first model, none of the second, three of the third
        stack.enter(rows, 15)
        assert stack.blocks == [2, 0, 3]
        assert torch.allclose(logits(model, IDS.repeat(3, 1)[rows]), torch.cat(known)[rows], atol=1e-4)
    assert torch.equal(logits(model, IDS), known[2])
    assert not any("forward" in part.__dict__ for part in model.modules())


def test_a_layer_that_mixes_rows_is_refused(model: Any) -> None:
    with stacked(model, enters(model)) as stack:
        assert stack
        stack.enter(range(9), 9)
        with pytest.raises(Mixed, match=r"\(5, 30, 64\) for 9 rows"):
            logits(model, IDS)
    assert not any("forward" in part.__dict__ for part in model.modules())


def test_an_adapter_of_more_than_lora_is_left_as_it_is(base: Path) -> None:
    model = forward_of(base).model
    model.base_model.model.model.layers[0].self_attn.q_proj.merged_adapters = ["default"]
    with stacked(model, [nullcontext]) as stack:
        assert stack is None
