"""What is attached to the base, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from job.errors import DiskFull, SettingsError
from job.modeling.base import load_base
from job.modeling.files import BaseFiles
from job.runs.files import replace_folder
from job.settings.fields import LoraSettings
from job.training import adapter as adapters
from tests.training.building import adapter, forward_of, tokenizer_of


def test_a_target_that_the_model_lacks_is_named(base: Path) -> None:
    model = load_base(BaseFiles(base, str(base), ""), tokenizer_of(base), torch.float32)
    with pytest.raises(SettingsError, match=r"no layer qkv_proj; it has .*q_proj"):
        adapters.attach(model, LoraSettings(targets=("qkv_proj",)), 1, "base")


def test_the_first_adapter_depends_on_the_seed_alone(base: Path) -> None:
    torch.rand(5)
    first = adapter(forward_of(base))
    torch.rand(7)
    assert torch.equal(first, adapter(forward_of(base)))
    assert first.dtype == torch.float32


def test_a_full_disk_is_found_before_anything_is_written(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, files = forward_of(base), BaseFiles(base, str(base), "")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DiskFull, match=r"bytes at .* but only 1,000 are free"):
        adapters.save(forward.model, tokenizer_of(base), files, tmp_path / "adapter", new_rows=0, save_embedding="none")
    assert not list((tmp_path / "adapter").iterdir())


def test_whoever_mounted_the_volume_can_read_the_adapter(base: Path, tmp_path: Path) -> None:
    forward, files = forward_of(base), BaseFiles(base, str(base), "")
    adapters.save(forward.model, tokenizer_of(base), files, tmp_path / "partial", new_rows=0, save_embedding="none")
    replace_folder(tmp_path / "partial", tmp_path / "adapter")
    plain = tmp_path / "plain"
    plain.touch()
    assert {path.stat().st_mode for path in (tmp_path / "adapter").iterdir()} == {plain.stat().st_mode}


def test_no_file_of_the_adapter_holds_a_path_of_this_machine(base: Path, tmp_path: Path) -> None:
    forward, files = forward_of(base), BaseFiles(base, str(base), "")
    adapters.save(forward.model, tokenizer_of(base), files, tmp_path / "adapter", new_rows=0, save_embedding="none")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert (config["base_model_name_or_path"], config["revision"]) == (base.name, None)
    for path in (tmp_path / "adapter").iterdir():
        assert str(base.parent).encode() not in path.read_bytes(), path.name


def test_equal_adapters_are_equal_files_whether_the_hub_was_asked_or_not(base: Path, tmp_path: Path) -> None:
    """Else a stage that runs again, offline, would seem to have made another adapter."""
    forward, files = forward_of(base), BaseFiles(base, str(base), "")
    for name in ("online", "offline"):
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=name == "offline")
        adapters.save(forward.model, tokenizer, files, tmp_path / name, new_rows=0, save_embedding="none")
    for path in (tmp_path / "online").iterdir():
        assert path.read_bytes() == (tmp_path / "offline" / path.name).read_bytes(), path.name
    config = json.loads((tmp_path / "online" / "adapter_config.json").read_text("utf-8"))
    assert config["target_modules"] == sorted(config["target_modules"])
