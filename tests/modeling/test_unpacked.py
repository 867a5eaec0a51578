"""Unpacked weights give the very numbers of packed ones, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling import unpacked as module
from job.modeling.nf4 import four_bit_layers
from job.modeling.unpacked import unpacked, unpacked_bytes
from job.training.optimizations.comparison import Perturbed
from tests.families import FAMILIES, make_family_base
from tests.training.building import forward_of

IDS = torch.randint(5, 200, (3, 40), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model(input_ids=IDS).logits


@pytest.fixture(scope="module", params=["llama", "qwen2", "gpt2"])  # with biases, and with Conv1D in the other two
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    family = next(family for family in FAMILIES if family.name == request.param)
    folder = make_family_base(tmp_path_factory.mktemp("base"), family)
    return forward_of(folder, dropout=0.3, targets=("all-linear",)).model.eval()


def test_every_logit_is_the_same_with_the_adapter_on_and_off(model: Any) -> None:
    with Perturbed(model):
        with model.disable_adapter():
            base = logits(model)
        tuned = logits(model)
        assert not torch.equal(base, tuned)
        with unpacked(model) as done:
            assert done and all("forward" in layer.__dict__ for layer in four_bit_layers(model))
            assert torch.equal(logits(model), tuned)
            with model.disable_adapter():
                assert torch.equal(logits(model), base)
            assert torch.equal(logits(model), tuned)
        assert torch.equal(logits(model), tuned)
    assert not any("forward" in part.__dict__ for part in model.modules())


def test_what_was_replaced_before_is_put_back_and_an_error_passes(model: Any) -> None:
    layer = next(iter(four_bit_layers(model)))
    before = layer.forward
    layer.forward = before
    with pytest.raises(ValueError, match="inside"), unpacked(model):
        assert layer.forward is not before
        raise ValueError("inside")
    assert layer.__dict__.pop("forward") is before
    assert not any("forward" in part.__dict__ for part in model.modules())


def test_without_room_the_layers_stay_as_they_are(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    weight_of, calls = module._weight_of, []

    def last_fails(layer: Any) -> torch.Tensor:
        calls.append(layer)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return weight_of(layer)

    monkeypatch.setattr(module, "_weight_of", last_fails)
    with unpacked(model) as done:
        assert not done
        assert not any("forward" in part.__dict__ for part in model.modules())


def test_bytes_are_those_of_the_weights(base: Path) -> None:
    """2 layers: queries and output 64 x 64, keys and values 64 x 32, three of 64 x 128, in float32."""
    assert unpacked_bytes(forward_of(base).model) == 2 * 4 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
