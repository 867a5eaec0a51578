"""4-bit layers stay on the path with a backward pass, whatever the CPU can do. No test here needs AVX512-BF16 to notice."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import bitsandbytes.nn.modules as bitsandbytes_modules
import pytest
import torch

from job.modeling import nf4
from job.modeling.base import load_base
from job.modeling.files import BaseFiles
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import ModelSettings


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine that says it has AVX512-BF16. Holds one entry for each layer whose weights were packed for its kernel."""
    calls: list[int] = []

    def pack(weight: torch.Tensor, quant_state: Any) -> tuple[torch.Tensor, Any]:
        calls.append(weight.numel())
        return weight, quant_state

    monkeypatch.setattr(bitsandbytes_modules, "has_avx512bf16", lambda: True)
    monkeypatch.setattr(bitsandbytes_modules, "_convert_weight_packed_for_cpu", pack)
    return calls


def load(base: Path) -> Any:
    files = BaseFiles(base, str(base), "")
    return load_base(files, load_tokenizer(files, ModelSettings(base=str(base))), torch.float32).eval()


def test_an_answer_packs_no_weights_so_that_training_after_it_has_gradients(base: Path, packed: list[int]) -> None:
    model = load(base)
    with torch.no_grad():
        model(input_ids=torch.tensor([[5, 6, 7]]))
    assert packed == []


def test_without_the_switch_every_layer_is_packed(base: Path, packed: list[int]) -> None:
    """What the test above protects from: the same model with the kernel allowed again, as a user loads it."""
    model = load(base)
    for layer in nf4.four_bit_layers(model):
        setattr(layer, nf4.CPU_KERNEL, True)
    layers = nf4.layers_on_the_cpu_kernel(model)
    assert len(layers) == 2 * 7
    with torch.no_grad():
        model(input_ids=torch.tensor([[5, 6, 7]]))
    assert len(packed) == len(layers)


def test_a_bitsandbytes_without_the_switch_is_told(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = load(base)
    for layer in nf4.four_bit_layers(model):
        delattr(layer, nf4.CPU_KERNEL)
    with caplog.at_level(logging.WARNING):
        nf4.stay_differentiable(model)
    assert "cannot be switched off" in caplog.text
