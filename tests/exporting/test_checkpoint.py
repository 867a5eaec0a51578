"""Files of weights, read and written tensor by tensor."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from job.exporting.checkpoint import Stored, loaded_as, read, shards, write, write_index
from job.modeling.architecture import Architecture

TENSORS = {
    "b.weight": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3),
    "a.weight": torch.ones(4, dtype=torch.float32),
    "steps": torch.tensor(7),
    "mask": torch.tensor([True, False, True]),
    "empty": torch.zeros(0, 3, dtype=torch.float16),
}


def test_what_is_written_is_what_was_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    (stored,) = shards(tmp_path).values()
    assert {one.key for one in stored} == TENSORS.keys()
    write(tmp_path / "other", stored, read(tmp_path / "model.safetensors", [one.key for one in stored]))
    found = load_file(tmp_path / "other")
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype for name, tensor in TENSORS.items()
    )


def test_several_files_have_an_index(tmp_path: Path) -> None:
    header = {
        "model-1.safetensors": [Stored("a", "F16", (2,))],
        "model-2.safetensors": [Stored("b", "F16", (3, 1)), Stored("c", "BF16", (1,))],
    }
    for name, stored in header.items():
        tensors = {"F16": torch.float16, "BF16": torch.bfloat16}
        write(tmp_path / name, stored, iter(torch.ones(one.shape, dtype=tensors[one.dtype]) for one in stored))
    write_index(tmp_path, header)
    assert shards(tmp_path) == header
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text("utf-8"))
    assert index["weight_map"] == {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors"}


def test_one_file_has_none(tmp_path: Path) -> None:
    write_index(tmp_path, {"model.safetensors": []})
    assert not list(tmp_path.iterdir())


def test_keys_lead_to_the_parameters_that_transformers_loads_them_as(base: Path) -> None:
    model = Architecture.read(base, "base").model
    weight = "layers.0.self_attn.q_proj.weight"
    assert loaded_as(model, [f"model.{weight}", "lm_head.weight"]) == {
        f"model.{weight}": f"model.{weight}",
        "lm_head.weight": "lm_head.weight",
    }
    assert loaded_as(model, [weight]) == {weight: f"model.{weight}"}, "as files of the decoder alone have it"
