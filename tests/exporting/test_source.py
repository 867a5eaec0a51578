"""What forms are made from, as it lies in the adapter's folder."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from job.exporting.source import Source
from job.modeling.adapter_file import WEIGHTS


def test_updates_have_the_bases_names_and_the_adapters_scale(source: Source) -> None:
    module = "model.layers.1.self_attn.v_proj"
    down, up = source.updates[module]
    tensors = load_file(source.adapter / WEIGHTS)
    assert torch.equal(down, tensors[f"base_model.model.{module}.lora_A.weight"])
    assert torch.equal(up, 2 * tensors[f"base_model.model.{module}.lora_B.weight"])  # alpha 32, r 16
    assert len(source.updates) == 8
    assert not [name for name in source.lora if "embed" in name]


def test_the_embedding_layer_is_known_by_what_was_saved(source: Source) -> None:
    assert source.has_embedding
