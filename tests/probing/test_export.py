"""The chosen adapter stands in adapter/, as training wrote it or with another step's tensors, which a fresh process checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from job.errors import JobError
from job.modeling.adapter_file import WEIGHTS, lora_tensors
from job.modeling.base import load_base
from job.modeling.files import BaseFiles, fetch_files
from job.modeling.fresh import fresh_process
from job.modeling.tokenizer import load_tokenizer
from job.probing.export import export
from job.results import Choice, RoundTrip, Trained, TrainedAdapter
from job.settings.fields import LoraSettings, ModelSettings
from job.training import adapter as adapters
from job.training.adapter import attach
from tests.modeling.two_cards import two_cards
from tests.sample_results import TRAINED

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("round_trip_here")]
FIRST, BEST = TRAINED.candidates


@pytest.fixture(scope="module")
def model(base: Path) -> tuple[PeftModel, BaseFiles, Any]:
    settings = ModelSettings(base=str(base))
    files = fetch_files(settings, "", weights=True)
    tokenizer = load_tokenizer(files, settings)
    return attach(load_base(files, tokenizer, torch.float32), LoraSettings(), 1, "base"), files, tokenizer


@pytest.fixture
def trained(model: tuple[PeftModel, BaseFiles, Any], tmp_path: Path) -> Trained:
    """What training leaves: two candidates, and the better one with its embedding."""
    tuned, files, tokenizer = model
    (tmp_path / "train" / "candidates").mkdir(parents=True)
    for number, one in enumerate(TRAINED.candidates):
        with torch.no_grad():
            for parameter in tuned.parameters():
                if parameter.requires_grad:
                    parameter.copy_(
                        torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)) * 0.05
                    )
        save_file(lora_tensors(tuned), tmp_path / one.path)
    folder = tmp_path / "train" / "adapter"
    parts = adapters.save(tuned, tokenizer, files, folder, new_rows=1, save_embedding="full")
    changes = {
        "adapter_files": sorted(path.name for path in folder.iterdir()),
        "precision": Choice(value="float32", reason=""),
        "adapter_parts_bytes": parts,
        "vocabulary_rows": len(tuned.get_input_embeddings().weight),
    }
    return TRAINED.model_copy(update=changes)


def exported(trained: Trained, one: TrainedAdapter, model: tuple[PeftModel, BaseFiles, Any], root: Path) -> RoundTrip:
    tuned, files, tokenizer = model
    rows = [[5, 6, 7], list(range(20, 60))]
    return export(trained, one, root, model=tuned, rows=rows, files=files, pad_token=tokenizer.pad_token_id)


def test_the_adapter_that_training_checked_is_not_checked_again(
    trained: Trained, model: tuple[PeftModel, BaseFiles, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.modeling.round_trip.check", None)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "my notes").touch()
    (tmp_path / "train" / "adapter" / "my.env").touch()
    assert exported(trained, BEST, model, tmp_path) == TRAINED.round_trip
    adapter = tmp_path / "adapter"
    assert {path.name for path in adapter.iterdir()} == set(trained.adapter_files)
    assert (adapter / WEIGHTS).samefile(tmp_path / "train" / "adapter" / WEIGHTS)
    assert (tmp_path / "kept-adapter" / "my notes").exists()
    assert all(torch.equal(lora_tensors(model[0])[name], t) for name, t in load_file(tmp_path / BEST.path).items())


def test_another_candidate_is_checked_with_the_embedding_beside_it(
    trained: Trained, model: tuple[PeftModel, BaseFiles, Any], tmp_path: Path
) -> None:
    before = (tmp_path / "train" / "adapter" / WEIGHTS).read_bytes()
    found = exported(trained, FIRST, model, tmp_path)
    assert found.max_difference <= found.tolerance
    assert found != TRAINED.round_trip
    tensors = load_file(tmp_path / "adapter" / WEIGHTS)
    own = load_file(tmp_path / FIRST.path)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in own.items())
    assert [name for name in tensors if name not in own] == ["base_model.model.model.embed_tokens.weight"]
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text("utf-8"))["r"] == 16
    assert (tmp_path / "train" / "adapter" / WEIGHTS).read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_one_in_parts_is_gone_before_a_fresh_process_loads_it_over_all_cards(
    trained: Trained, model: tuple[PeftModel, BaseFiles, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cards do not hold it twice."""
    _, files, tokenizer = model
    two_cards(monkeypatch)
    parted = attach(load_base(files, tokenizer, torch.float32, spread=True), LoraSettings(), 1, "base")
    real, seen = fresh_process, []

    def process(*arguments: Any, **options: Any) -> Any:
        seen.append((sum(parameter.numel() for parameter in parted.parameters()), options))
        return real(*arguments, **options)

    monkeypatch.setattr("job.modeling.round_trip.placement", lambda *_: {"model.layers.0": 0, "model.layers.1": 1})
    monkeypatch.setattr("job.modeling.round_trip.fresh_process", process)
    found = exported(trained, FIRST, (parted, files, tokenizer), tmp_path)
    assert found.max_difference <= found.tolerance
    assert seen == [(0, {"spread": True})]


def test_one_that_a_fresh_process_does_not_load_as_it_was_is_not_put_in_place(
    trained: Trained, model: tuple[PeftModel, BaseFiles, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.probing.export.swap_lora_tensors", lambda *_: None)
    with pytest.raises(JobError, match="answers differently"):
        exported(trained, FIRST, model, tmp_path)
    assert not (tmp_path / "adapter").exists()
