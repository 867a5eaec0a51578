"""A CPU that stands in for two cards: accelerate's hooks are on every layer, and the model says that it is on two devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import dispatch_model

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

    monkeypatch.setattr(bases, "device_map", parts)
    monkeypatch.setattr(bases, "AutoModelForCausalLM", SimpleNamespace(from_pretrained=loaded))


def halves(folder: Path, width: int, room: Sequence[int] = (2**40, 2**40)) -> dict[str, int]:
    """Block -> card."""
    found = placed(blocks(Architecture.read(folder, "base").model, width), room)
    assert found
    return found
