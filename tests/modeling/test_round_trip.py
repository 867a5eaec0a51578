"""The saved adapter is loaded by a fresh process, which finds what is not as it was in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bitsandbytes.nn.modules as bitsandbytes_modules
import pytest
import torch

from job.errors import JobError
from job.modeling import round_trip
from job.modeling.base import load_base
from job.modeling.files import BaseFiles, fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import LoraSettings, ModelSettings
from job.training import adapter as adapters
from job.training.adapter import attach
from tests.conftest import make_base, round_trip_in_this_process


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "spoil"),
    [("full", "another name"), ("rows", "another new row"), ("full", "another old row")],
    ids=["a name that nothing has", "another new row", "another old row"],
)
def test_an_embedding_that_a_fresh_process_does_not_load_is_found(
    how: str, spoil: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = adapters.embedding_tensors

    def spoilt(*arguments: Any) -> dict[str, torch.Tensor]:
        ((name, rows),) = real(*arguments).items()
        if spoil == "another name":
            return {name.replace("embed_tokens", "embed_in"): rows}
        rows[3 if spoil == "another old row" else -1] *= 1.1
        return {name: rows}

    monkeypatch.setattr(adapters, "embedding_tensors", spoilt)
    model = ModelSettings(base=str(base), save_embedding=how)  # type: ignore[arg-type]
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    tuned = attach(load_base(files, tokenizer, torch.float32), LoraSettings(), 1, "base")
    adapters.save(tuned, tokenizer, files, tmp_path / "adapter", new_rows=1, save_embedding=how)
    expected = round_trip.expected_of(tuned, [[5, 6, 7]], 1)
    rows = tuned.get_input_embeddings().weight.shape[0]
    with (
        round_trip_in_this_process(),
        pytest.raises(JobError, match=r"loads another embedding layer|answers differently"),
    ):
        round_trip.check(expected, rows, files, tmp_path / "adapter", dtype="float32", left_out=None)


@pytest.mark.slow
def test_a_base_that_the_cpu_kernel_cannot_compute_is_checked_without_it(tmp_path: Path) -> None:
    """It takes no layer whose outputs are not a multiple of 32. On other CPUs there is nothing to switch off."""
    base = make_base(tmp_path / "base", num_key_value_heads=1)
    model = ModelSettings(base=str(base), pad_token="reserved")
    files = BaseFiles(base, str(base), "")
    tokenizer = load_tokenizer(files, model)
    tuned = adapters.attach(load_base(files, tokenizer, torch.float32), LoraSettings(), 1, "base")
    adapters.save(tuned, tokenizer, files, tmp_path / "adapter", new_rows=0, save_embedding="none")
    expected = round_trip.expected_of(tuned, [[5, 6, 7]], 0)
    found = round_trip.check(expected, 0, files, tmp_path / "adapter", dtype="float32", left_out=None)
    assert found.max_difference <= found.tolerance
    assert bool(found.cpu_kernel_error) == bool(bitsandbytes_modules.has_avx512bf16())
