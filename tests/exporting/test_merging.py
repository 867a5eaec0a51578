"""What a merge makes of a weight, and how a weight shows whether it was merged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import AutoModelForCausalLM

from job.exporting.merging import Weight, base_weight, changed_weights, merged_weight, update_share
from job.exporting.source import Source
from job.modeling.architecture import Architecture
from job.modeling.base import load_base
from job.modeling.nf4 import four_bit_layers
from job.modeling.tokenizer import load_tokenizer
from job.modeling.unpacked import _weight_of
from job.settings.fields import ModelSettings
from tests.conftest import make_base

MODULE = "model.layers.0.self_attn.v_proj"
WEIGHT = Weight(MODULE, (32, 64), transposed=False, quantized=True)


@pytest.fixture
def stored() -> torch.Tensor:
    return torch.randn(32, 64, generator=torch.Generator().manual_seed(2)).to(torch.float16) / 8


def test_all_weights_in_4_bits_change_where_the_dequantized_ones_are_asked_for(source: Source) -> None:
    model = Architecture.read(source.files.folder, "base").model
    plain = changed_weights(replace(source, merge_into="unquantized"), model)
    assert {weight.module for weight in plain.values()} == source.updates.keys()
    every = changed_weights(source, model)
    assert plain.items() < every.items()
    assert len(every) == sum(isinstance(module, Linear4bit) for module in model.modules())


def test_an_adapter_of_another_base_is_refused(source: Source, tmp_path: Path) -> None:
    narrow = Architecture.read(make_base(tmp_path / "narrow", num_key_value_heads=1), "narrow").model
    with pytest.raises(ValueError, match=r"k_proj is \(16, 64\), its update \(32, 64\)"):
        changed_weights(source, narrow)
    short = Architecture.read(make_base(tmp_path / "short", num_hidden_layers=1), "short").model
    with pytest.raises(ValueError, match=r"the base has no model\.layers\.1\."):
        changed_weights(source, short)


def test_the_dequantized_weight_is_the_one_that_the_adapter_was_trained_on(source: Source, base: Path) -> None:
    tokenizer = load_tokenizer(source.files, ModelSettings(base=str(base)))
    loaded = load_base(source.files, tokenizer, torch.float32)
    layer = loaded.get_submodule(MODULE)
    assert layer in list(four_bit_layers(loaded))
    published = AutoModelForCausalLM.from_pretrained(base).get_submodule(MODULE).weight
    found = base_weight(source, WEIGHT, published)
    assert torch.equal(found, _weight_of(layer).float())
    assert not torch.equal(found, published.float())
    assert torch.equal(base_weight(replace(source, merge_into="unquantized"), WEIGHT, published), published.float())


def test_it_merges_as_peft_does(source: Source, base: Path, tmp_path: Path) -> None:
    from job.exporting.lora import write_lora

    write_lora(source, tmp_path / "lora")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    published = plain.get_submodule(MODULE).weight.detach().clone()
    theirs = PeftModel.from_pretrained(plain, tmp_path / "lora").merge_and_unload().get_submodule(MODULE).weight
    ours = merged_weight(replace(source, merge_into="unquantized"), WEIGHT, published, torch.float32)
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("into", ["dequantized", "unquantized"])
def test_a_merged_weight_holds_the_whole_update(
    transposed: bool, into: str, source: Source, stored: torch.Tensor
) -> None:
    source, weight = replace(source, merge_into=into), replace(WEIGHT, transposed=transposed)
    laid = stored.T.contiguous() if transposed else stored
    merged = merged_weight(source, weight, laid, torch.bfloat16)
    assert (merged.shape, merged.dtype) == (laid.shape, torch.bfloat16)
    share, tolerance = update_share(source, weight, laid, merged)
    assert abs(share - 1) < 0.01 < tolerance < 0.1


@pytest.mark.parametrize(("how", "found"), [("left out", 0), ("sign", -1), ("twice", 2), ("missing", 0), ("shape", 0)])
def test_a_weight_that_holds_another_update_shows_it(
    how: str, found: float, source: Source, stored: torch.Tensor
) -> None:
    source = replace(source, merge_into="unquantized")
    plain = base_weight(source, WEIGHT, stored)
    update = merged_weight(source, WEIGHT, stored, torch.float32) - plain
    wrong = {
        "left out": plain,
        "sign": plain - update,
        "twice": plain + 2 * update,
        "missing": None,
        "shape": plain[:8],
    }[how]
    share, tolerance = update_share(source, WEIGHT, stored, None if wrong is None else wrong.to(torch.float16))
    assert share == pytest.approx(found, abs=0.01)
    assert abs(share - 1) > tolerance


def test_an_update_that_is_lost_in_rounding_is_not_called_wrong(source: Source, stored: torch.Tensor) -> None:
    down, up = source.updates[MODULE]
    tiny = replace(source, merge_into="unquantized")
    tiny.updates[MODULE] = (down, up * 1e-5)
    share, tolerance = update_share(tiny, WEIGHT, stored, merged_weight(tiny, WEIGHT, stored, torch.bfloat16))
    assert abs(share - 1) < tolerance
    tiny.updates[MODULE] = (down, up * 0)
    assert update_share(tiny, WEIGHT, stored, stored)[0] == 1
