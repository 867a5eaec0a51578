"""Packed attention gives what padded rows give, and is refused where a model needs more than it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from job.training.forward import Forward
from job.training.optimizations import attention
from job.training.optimizations.comparison import gradients
from tests.training.building import differences, random_rows


def test_packed_rows_give_what_padded_rows_give(forward: Forward, with_optimizations: Callable[..., Forward]) -> None:
    rows = random_rows(6)
    padded = gradients(forward, rows)
    loss, gradient = differences(padded, gradients(with_optimizations("packed_rows"), rows))
    assert loss < 1e-6
    assert gradient < 1e-5


def test_a_cache_switched_on_in_the_config_does_not_let_packed_rows_see_each_other(
    forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    """transformers drops the mask between packed rows where keys and values are cached."""
    rows = random_rows(4)
    reference = gradients(forward, rows)
    packed = with_optimizations("packed_rows")
    packed.base.config.use_cache = True
    try:
        assert max(differences(reference, gradients(packed, rows))) < 1e-5
    finally:
        packed.base.config.use_cache = False


def small(model_type: str, **more: Any) -> Any:
    config = AutoConfig.for_model(
        model_type,
        vocab_size=64,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        **more,
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager")


@pytest.mark.parametrize(
    ("model_type", "more", "reason"),
    [
        ("gpt_oss", {"head_dim": 16, "num_local_experts": 2}, "attention gets s_aux"),
        ("llama", {"attention_dropout": 0.2}, "has attention dropout of 0.2"),
        ("gemma2", {"head_dim": 16, "attn_logit_softcapping": 30.0}, "caps attention logits"),
        ("llama4_text", {"num_local_experts": 2, "attn_temperature_tuning": True}, "scales queries by their place"),
        (
            "llama4_text",
            {"num_local_experts": 2, "attn_temperature_tuning": False, "attention_chunk_size": 8},
            "chunks",
        ),
        ("falcon_h1", {}, "layers carry a state along the sequence"),
        ("falcon", {}, "0 of 2 layers call attention through transformers' interface"),
    ],
    ids=["sinks", "dropout", "capped scores", "temperature", "chunks", "a state", "attention of its own"],
)
def test_packed_attention_is_refused_where_a_model_needs_more(
    model_type: str, more: dict[str, Any], reason: str
) -> None:
    model = small(model_type, **more)
    with pytest.raises(NotImplementedError, match=reason):
        attention.install(model, 40)
    assert model.config._attn_implementation == "eager"
    assert not any(hasattr(module, "lora_job_window") for module in model.modules())


def test_without_pytorchs_attention_operators_rows_are_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "EFFICIENT", attention._operator("_efficient_attention_of_another_version"))
    assert attention.EFFICIENT is None
    model = small("llama")
    monkeypatch.setattr(type(model), "get_input_embeddings", lambda _: torch.nn.Module.__new__(_OnACard))
    with pytest.raises(NotImplementedError, match="lacks the attention operators"):
        attention.install(model, 40)


class _OnACard(torch.nn.Module):
    class weight:
        is_cuda = True
