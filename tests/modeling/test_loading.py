"""Weights that are loaded are progress."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers.utils import logging

from job.modeling.base import load_base
from job.modeling.files import BaseFiles
from job.runs.progress import counts
from tests.training.building import tokenizer_of


def test_the_bytes_of_a_base_are_counted_while_it_loads(base: Path) -> None:
    before = counts().get("bytes", 0)
    load_base(BaseFiles(base, str(base), ""), tokenizer_of(base), torch.float32)
    size = (base / "model.safetensors").stat().st_size
    assert 0.9 * size <= counts()["bytes"] - before <= size
    assert logging.set_tqdm_hook(None) is None  # nothing is left behind
