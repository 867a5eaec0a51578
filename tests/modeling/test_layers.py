"""Decoder layers and linear layers are found by structure."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.modeling_layers import GradientCheckpointingLayer

from job.modeling.architecture import Architecture
from job.modeling.layers import decoder_layers, linear_layers
from job.modeling.memory import candidates


def test_what_chooses_experts_gets_no_adapter() -> None:
    """Qwen2-MoE's gate of one output is an nn.Linear like any other."""
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 64,
        "moe_intermediate_size": 64,
        "shared_expert_intermediate_size": 64,
    }
    config = AutoConfig.for_model("qwen2_moe", vocab_size=64, num_hidden_layers=1, num_experts=2, **sizes)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    names = linear_layers(model)
    assert any(name.endswith("shared_expert.up_proj") for name in names)
    assert not any("gate" in name and not name.endswith("gate_proj") for name in names)
    assert any(name.endswith("shared_expert_gate") for name, _ in model.named_modules())


def test_without_transformers_switch_no_layer_is_said_to_be_computed_again(
    base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = Architecture.read(base, "base").model
    assert decoder_layers(model)
    monkeypatch.delattr(GradientCheckpointingLayer, "gradient_checkpointing")
    with caplog.at_level(logging.WARNING):
        assert decoder_layers(model) == []
    assert "no layer is recomputed" in caplog.text
    assert {candidate.checkpointing for candidate in candidates(100, 1000, recomputable=False)} == {"none"}
