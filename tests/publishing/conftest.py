"""A stand-in Hub for the client of this process, and a run folder to push from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from job.hosts.patience import Limits, set_limits
from tests.sample_results import SAMPLES
from tests.standin_hub import StandInHub


@pytest.fixture
def client(hub: StandInHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The Hub client of this process speaks to the stand-in, and a push is tried for a second."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    set_limits(Limits(retry_seconds=1, waits_seconds=(0.2,)))
    yield
    set_limits(Limits())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as the stages before leave it."""
    root = tmp_path / "run"
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}", "utf-8")
    for folder in ("adapter", "clean", "probe"):
        (root / folder).mkdir(parents=True)
    (root / "adapter" / "adapter_model.safetensors").write_bytes(b"\0" * 300)
    (root / "adapter" / "adapter_config.json").write_text("{}", "utf-8")
    (root / "clean" / "train.jsonl").write_text("{}\n" * 3, "utf-8")
    (root / "clean" / "eval.jsonl").write_text("{}\n", "utf-8")
    (root / "clean" / "dropped.jsonl").write_text("{}\n", "utf-8")
    lines = "".join(f"{sample.model_dump_json()}\n" for sample in SAMPLES)
    (root / "probe" / "samples.jsonl").write_text(lines, "utf-8")
    return root
