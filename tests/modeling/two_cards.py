"""What stands in for two cards: a CPU, where accelerate's hooks are on every layer and the model says that it is on two
devices; and tensors that are on two cards and hold no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import dispatch_model
from accelerate.big_modeling import attach_align_device_hook_on_blocks
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoConfig, AutoModelForCausalLM

from job.modeling import base as bases
from job.modeling.architecture import Architecture
from job.modeling.files import BaseFiles
from job.modeling.spread import blocks, placed

TWO = (torch.device("cpu"), torch.device("cpu:0"))
"""For torch the same; they have two names."""


def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a base that may be spread is: half of its layers on each."""
    real = bases.AutoModelForCausalLM.from_pretrained

    def parts(files: BaseFiles, dtype: torch.dtype) -> dict[str, torch.device]:
        return {name: TWO[card] for name, card in halves(files.folder, dtype.itemsize).items()}

    def loaded(folder: Path, *, device_map: dict[str, Any], **options: Any) -> Any:
        model, info = real(folder, device_map={"": "cpu"}, **options)
        if len(device_map) > 1:
            keys = model._skip_keys_device_placement  # as transformers leaves the cache where it is
            dispatch_model(model, dict.fromkeys(device_map, "cpu"), skip_keys=keys, force_hooks=True)
            model.hf_device_map = device_map
        return model, info

    monkeypatch.setattr(bases, "placement", parts)
    monkeypatch.setattr(bases, "AutoModelForCausalLM", SimpleNamespace(from_pretrained=loaded))


def halves(folder: Path, width: int, room: Sequence[int] = (2**40, 2**40)) -> dict[str, int]:
    """Block -> card."""
    found = placed(blocks(Architecture.read(folder, "base").model, width), room)
    assert found
    return found


def fake_logits(folder: Path, cards: dict[str, int], *, hooked: bool) -> torch.Tensor:
    """What the model in `folder` gives for a batch on the first card, its blocks on these. Raises RuntimeError where two
    tensors of different cards are to be added or multiplied."""
    places = {name: torch.device("cuda", card) for name, card in cards.items()}
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float16)
        for prefix, module in model.named_modules():
            for held in (module._parameters, module._buffers):
                for name, tensor in held.items():
                    block = next(b for b in places if f"{prefix}.{name}.".startswith(f"{b}."))
                    if tensor is not None:
                        moved = tensor.to(places[block])
                        held[name] = torch.nn.Parameter(moved, False) if held is module._parameters else moved
        model.tie_weights()
        if hooked:
            attach_align_device_hook_on_blocks(
                model,
                execution_device={"": torch.device("cuda", 0), **places},
                offload=dict.fromkeys(places, False),
                skip_keys=model._skip_keys_device_placement,
            )
        ids = torch.ones(2, 20, dtype=torch.int64, device="cuda:0")
        logits: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True).logits
        return logits
