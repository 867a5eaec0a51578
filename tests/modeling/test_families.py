"""The tiny bases of tests/families.py are what tests of the families need: they load, and what sets a family apart shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from job.modeling.nf4 import four_bit_layers, quantization, stay_differentiable
from tests.families import FAMILIES, Family, make_family_base

NEUTRAL: dict[str, Any] = {
    "sliding_window": 10**6,
    "attention_chunk_size": 10**6,
    "attn_temperature_tuning": False,
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "logits_scaling": 1.0,
    "residual_multiplier": 1.0,
    "embedding_multiplier": 1.0,
    "attention_multiplier": 0.25,  # head_dim ** -0.5
}
FULL_PRECISION = {
    "llama4": {"gate_up_proj", "down_proj", "router"},
    "qwen3_moe": {"gate_up_proj", "down_proj", "gate"},
    "mixtral": {"gate_up_proj", "down_proj", "gate"},
    "gpt2": {"wpe"},
    "falcon": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},  # of a subclass of Linear
}
"""Matrices that transformers leaves out of NF4, beside embedding, head and what belongs to images."""


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Family, Path]:
    return request.param, make_family_base(tmp_path_factory.mktemp(request.param.name), request.param)


def logits(folder: Path, **changes: Any) -> torch.Tensor:
    """Of a row of 80 tokens, in float32, with other settings than the folder's; (80, V)."""
    config = AutoConfig.from_pretrained(folder)
    for name, value in changes.items():
        assert getattr(config.get_text_config(), name) != value
        setattr(config.get_text_config(), name, value)
    # transformers 5.17 takes PyTorch's attention for Gemma 2, which knows no cap
    attention = "eager" if hasattr(config, "attn_logit_softcapping") else None
    model = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation=attention
    )
    return logits_of(model)


@torch.no_grad()
def logits_of(model: Any) -> torch.Tensor:
    ids = torch.randint(5, 200, (1, 80), generator=torch.Generator().manual_seed(1))
    return model.eval()(input_ids=ids, use_cache=False).logits[0]


def change(before: torch.Tensor, after: torch.Tensor) -> float:
    return float((after - before).norm() / before.norm())


def test_families_have_logits_that_show_what_sets_them_apart(made: tuple[Family, Path]) -> None:
    family, folder = made
    known = logits(folder)
    assert 1 < float(known.std()) < 10
    for name in (*family.windows, *family.caps):
        found = logits(folder, **{name: NEUTRAL[name]})
        assert change(known[-1], found[-1]) > 0.01, name
        if name in family.windows:
            assert change(known[:32], found[:32]) < 1e-5, "inside the window nothing changes"


def test_families_load_in_4_bits_and_stays_near_what_it_was(made: tuple[Family, Path]) -> None:
    family, folder = made
    known = logits(folder)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=quantization(torch.float32), device_map={"": "cpu"}
    )
    stay_differentiable(model)
    quantized = {id(layer.weight) for layer in four_bit_layers(model)}
    ends = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    kept = {
        name.removesuffix(".weight").rpartition(".")[2]
        for name, parameter in model.named_parameters()
        if parameter.dim() > 1 and id(parameter) not in quantized | ends
        if "vision_tower" not in name and "multi_modal_projector" not in name
    }
    assert kept == FULL_PRECISION.get(family.name, set())
    assert change(known, logits_of(model)) < 0.6  # a matrix that were transposed or left out gives over 1
