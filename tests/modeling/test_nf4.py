"""4-bit layers stay on the path with a backward pass, whatever the CPU can do. No test here needs AVX512-BF16 to notice."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
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

QUANTIZED = """
import hashlib, sys, torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit, quantize_blockwise
weight = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
packed, state = quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
tensors = packed, state.absmax, dequantize_4bit(packed, state), quantize_blockwise(weight)[0]
print(hashlib.sha256(b"".join(one.numpy().tobytes() for one in tensors)).hexdigest())
print("torch._inductor.compile_fx" in sys.modules)
"""


def test_without_the_compiler_the_bytes_are_the_same() -> None:
    """Which bitsandbytes imports to compile two functions, unless it is switched off (job/hosts/libraries.py)."""
    on, off = (
        subprocess.run(
            [sys.executable, "-c", QUANTIZED],
            env=os.environ | {"TORCHDYNAMO_DISABLE": switch},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for switch in "01"
    )
    assert (on[1], off[1]) == ("True", "False")
    assert on[0] == off[0]


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
