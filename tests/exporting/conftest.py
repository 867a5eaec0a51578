"""A tuned model to export, on a tiny base of random numbers, and what it said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from job.exporting import agreement
from job.exporting.source import Source
from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.generation import generate
from job.modeling.tokenizer import load_tokenizer
from job.results import Choice, Said
from job.settings.fields import LoraSettings, ModelSettings
from job.training.adapter import attach, save
from tests.sample_results import CLEANED, TRAINED

QUESTIONS = ("Why is the lamp dark?", "Which rope holds a bucket?", "My gate is broken.")


def make_source(
    base: Path, folder: Path, *, targets: tuple[str, ...] = ("auto",), size: float = 0.1, **model: Any
) -> Source:
    """An adapter of random numbers of this size for the base, saved in `folder` as training saves it, and its answers."""
    settings = ModelSettings(base=str(base), **model)
    files = fetch_files(settings, "", weights=True)
    tokenizer = load_tokenizer(files, settings)
    rows = load_base(files, tokenizer, torch.float32)
    new_rows = max(0, len(tokenizer) - int(files.config.get_text_config().vocab_size))
    tuned = attach(rows, LoraSettings(targets=targets), 1, "base")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
    parts = save(tuned, tokenizer, files, folder, new_rows=new_rows, save_embedding=settings.save_embedding)
    chat = Chat(tokenizer)
    prompts = [chat.prompt_ids("You repair things.", question) for question in QUESTIONS]
    answers = generate(tuned.eval(), chat, prompts, max_new_tokens=12)
    changes = {
        "precision": Choice(value="float32", reason=""),
        "adapter_parts_bytes": parts,
        "new_rows": new_rows,
        "base_revision": "",
        "vocabulary_rows": len(tokenizer),
    }
    said = [Said(prompt=prompt, answer=list(one.ids)) for prompt, one in zip(prompts, answers, strict=True)]
    return Source(files, folder, CLEANED, TRAINED.model_copy(update=changes), said, 12, 1.0, "dequantized")


@pytest.fixture(scope="session")
def shared_source(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Source:
    return make_source(base, tmp_path_factory.mktemp("exported") / "adapter")


@pytest.fixture
def source(shared_source: Source) -> Source:
    """With tensors of its own."""
    return replace(shared_source)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The other process is this one: a fresh one spends ten seconds on imports. Whole runs have a real one."""

    def run(module: str, request: dict[str, Any], tensors: Any, saved: Path, what: str, **_: Any) -> Any:
        path = tmp_path / "request.json"
        path.write_text(json.dumps({**request, "expected": str(tmp_path / "expected")}), "utf-8")
        capsys.readouterr()
        main: Callable[[str], None] = agreement.main
        main(str(path))
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    monkeypatch.setattr(agreement, "fresh_process", run)
