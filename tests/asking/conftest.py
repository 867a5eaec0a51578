"""A finished run of a tiny base with an adapter of random numbers, as its records describe it, and what it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job import pipeline
from job.results import SCHEMA_VERSION, Cleaned, Probed, Result, Trained
from job.runs.files import facts_of, write_json, write_sealed
from tests.sample_results import CLEANED, PROBED, TRAINED

SYSTEM = "You repair things."
LOCAL = TRAINED.model_copy(
    update={"base_revision": "", "precision": TRAINED.precision.model_copy(update={"value": "float32"})}
)
CHATS = CLEANED.model_copy(update={"system_prompt": SYSTEM})


def write_records(
    root: Path, base: str, files: dict[str, str], cleaned: Cleaned = CHATS, trained: Trained = LOCAL
) -> Path:
    """The records up to the probe, for an adapter that lies there."""
    model = {"base": base, "revision": "main", "pad_token": "add", "files": files}
    inputs: dict[type[Result], Any] = {
        Cleaned: {"data": {}},
        Trained: {"model": model},
        Probed: {"probe": {"max_new_tokens": 12, "repetition_penalty": 1.0}},
    }
    results: dict[type[Result], Result] = {Cleaned: cleaned, Trained: trained, Probed: PROBED}
    adapter = {f"adapter/{path.name}": dict(facts_of(path)) for path in (root / "adapter").iterdir()}
    for stage in pipeline.STAGES[:3]:
        record = {
            "schema_version": SCHEMA_VERSION,
            "stage": stage.name,
            "inputs": inputs[stage.result],
            "result": results[stage.result].model_dump(mode="json"),
            "files": adapter if stage.result is Probed else {},
        }
        write_sealed(root / f"{stage.name}.json", record)
    write_json(root / "settings.json", {"data": {}})
    return root


@pytest.fixture(scope="session")
def asked_run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder, and question -> the tuned model's answer, computed without any of what is tested here."""
    from tests.exporting.conftest import QUESTIONS, make_source

    root = tmp_path_factory.mktemp("asked") / "output"
    root.mkdir()
    source = make_source(base, root / "adapter")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(root / "adapter")
    texts = [tokenizer.decode(said.answer, skip_special_tokens=True).strip() for said in source.said]
    return write_records(root, str(base), {}), dict(zip(QUESTIONS, texts, strict=True))


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    """Records alone, beside a base of one file: nothing of it can be loaded."""
    from job.inputs import sha256

    base, root = tmp_path / "base", tmp_path / "output"
    base.mkdir()
    (base / "config.json").write_text("{}", "utf-8")
    (root / "adapter").mkdir(parents=True)
    (root / "adapter" / "adapter_model.safetensors").write_bytes(b"adapter")
    return write_records(root, str(base), {"config.json": sha256(base / "config.json").hex()})


@pytest.fixture
def changed(small_folder: Path) -> Callable[[str, dict[str, Any]], None]:
    from job.runs.files import open_sealed

    def change(stage: str, update: dict[str, Any]) -> None:
        path = small_folder / f"{stage}.json"
        write_sealed(path, open_sealed(path) | update)

    return change
