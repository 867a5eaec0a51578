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
from job.settings.fields import LoraSettings, ModelSettings
from job.training import adapter as adapters
from job.training import round_trip
from tests.conftest import make_base


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


@pytest.mark.slow
def test_a_base_that_the_cpu_kernel_cannot_compute_is_proven_without_it(tmp_path: Path) -> None:
    """It takes no layer whose outputs are not a multiple of 32. On other CPUs there is nothing to switch off."""
    base = make_base(tmp_path / "base", num_key_value_heads=1)
    model = ModelSettings(base=str(base), pad_token="reserved")
    files = BaseFiles(base, str(base), "")
    tokenizer = load_tokenizer(files, model)
    tuned = adapters.attach(load_base(files, tokenizer, torch.float32), LoraSettings(), 1, "base")
    adapters.save(tuned, tokenizer, files, tmp_path / "adapter", new_rows=0, save_embedding="none")
    found = round_trip.check(
        tuned,
        [[5, 6, 7]],
        files,
        tmp_path / "adapter",
        dtype="float32",
        new_rows=0,
        save_embedding="none",
        pad_token=tokenizer.pad_token_id,
    )
    assert found.difference <= found.tolerance
    assert bool(found.cpu_kernel_error) == bool(bitsandbytes_modules.has_avx512bf16())
