"""The base in 4 bits: frozen, without float32 copies, refused where it looks ahead or cannot be computed."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers.integrations import sdpa_attention

from job.modeling import base as bases
from job.modeling.base import guard_attention, load_base, loading_code
from job.modeling.files import BaseFiles
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import ModelSettings
from tests.modeling.spoiling import (
    BASE,
    Case,
    made_of,
    tensor,
)

CASES = (
    Case("encoder by its answers", made_of("megatron-bert"), 64, (BASE, "depends on later tokens"), early=False),
    Case(
        "weights that its own code rescales",
        made_of("rwkv", attention_hidden_size=64),
        64,
        (BASE, "with its layers in 4 bits", "choose another model"),
        {"LORA_TARGETS": "key,value"},
        early=False,
    ),
    Case(
        "weights that are no number",
        tensor("model.norm.weight", lambda old: old * float("nan")),
        63,
        (BASE,),
        early=False,
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_base_that_cannot_be_computed_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)


def test_the_base_is_nf4_and_frozen_and_no_float32_copy_is_made(base: Path) -> None:
    files = BaseFiles(base, str(base), "")
    model = load_base(files, load_tokenizer(files, ModelSettings(base=str(base))), torch.bfloat16)
    layer = model.model.layers[0].self_attn.q_proj
    assert layer.weight.quant_state.quant_type == "nf4"
    assert layer.weight.quant_state.nested
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.get_input_embeddings().weight.dtype == model.model.norm.weight.dtype == torch.bfloat16


def test_new_rows_are_the_mean_of_the_old_ones_as_they_will_be_stored(base: Path) -> None:
    files = BaseFiles(base, str(base), "")
    tokenizer = load_tokenizer(files, ModelSettings(base=str(base)))
    model = load_base(files, tokenizer, torch.float32)
    weight = model.get_input_embeddings().weight
    assert len(weight) == len(tokenizer) == json.loads((base / "config.json").read_text("utf-8"))["vocab_size"] + 1
    assert torch.equal(weight[-1], weight[:-1].mean(dim=0).to(torch.float16).float())


def test_grouped_queries_are_repeated_below_compute_capability_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdpa_attention, "use_gqa_in_sdpa", sdpa_attention.use_gqa_in_sdpa)
    key = torch.zeros(1, 2, 3, 64)
    guard_attention((8, 0))
    assert sdpa_attention.use_gqa_in_sdpa(None, key, key) is True
    guard_attention((7, 5))
    assert sdpa_attention.use_gqa_in_sdpa(None, key, key) is False


def test_without_transformers_rule_for_grouped_queries_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(bases.sdpa_attention, bases.GROUPED_QUERIES)
    with caplog.at_level(logging.WARNING):
        bases.guard_attention((8, 0))
        assert not caplog.text
        bases.guard_attention((7, 5))
    assert "slow math kernel" in caplog.text


@pytest.mark.parametrize("name", ["owner/name", 'a "quoted" folder', "back\\slash", 'x", trust_remote_code=True, a="'])
def test_a_base_of_any_name_is_one_literal_in_the_loading_code(name: str) -> None:
    tree = ast.parse(loading_code(name, "", "float32", 0, ""))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "AutoModel" in ast.unparse(node.func)]
    (place,) = (call.args[0] for call in calls)
    assert ast.literal_eval(place) == name
