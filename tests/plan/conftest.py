"""A plan's facts for any settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from job.errors import HubUnavailable
from job.plan.facts import Facts, Found
from job.plan.rows import Sample
from job.settings.fields import ModelSettings, Settings
from job.settings.loading import load_settings
from tests.cleaning.conftest import client as client  # the stand-in Hub for `datasets` too

if TYPE_CHECKING:
    from job.modeling.chat import Chat


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    """Those of the quickstart with other values, by their names without FINETUNE_."""

    def load(**values: str) -> Settings:
        for name in [name for name in os.environ if name.startswith("FINETUNE_")]:
            monkeypatch.delenv(name)
        quickstart = {"DATA_SOURCES": "quickstart", "MODEL_BASE": "quickstart", "OUTPUT_DIR": str(tmp_path / "out")}
        for name, value in (quickstart | values).items():
            monkeypatch.setenv(f"FINETUNE_{name}", value)
        return load_settings()

    return load


@pytest.fixture
def facts(settings: Callable[..., Settings], tmp_path: Path) -> Callable[..., Facts]:
    """With as many questions as a verdict needs."""
    questions = tmp_path / "enough.txt"
    questions.write_text("".join(f"Why {number}?\n" for number in range(29)), "utf-8")

    def make(**values: str) -> Facts:
        return Facts(settings(**({"PROBE_QUESTIONS_FILE": str(questions)} | values)), "", {})

    return make


@pytest.fixture(scope="session")
def chat() -> Chat:
    """The quickstart's tokenizer with its template."""
    from job.modeling.chat import Chat
    from job.modeling.files import fetch_files
    from job.modeling.tokenizer import load_tokenizer

    model = ModelSettings(base="quickstart")
    return Chat(load_tokenizer(fetch_files(model, "", weights=False), model))


def sample(*, rows: int = 100, kept: int | None = None, total: int | None = 100, **changes: object) -> Sample:
    values: dict[str, object] = {
        "format": "JSON lines", "columns": ("question", "answer"),
        "layout": "question/answer", "rows": rows, "total": total, "read": rows, "dropped": {}, "shown": {},
        "rules": {}, "tokens": [100] * rows, "text_tokens": 100.0, "system": "", "kept": rows if kept is None else kept,
    }  # fmt: skip
    return Sample(**{**values, **changes})  # type: ignore[arg-type]


def with_samples(known: Facts, *samples: Sample | None) -> Facts:
    """The facts with these samples in place of what the sources hold; None for one that cannot be read now."""
    away = HubUnavailable("The Hub does not answer.")
    known.samples = [
        (source, Found(one) if one else Found(problem=away))
        for source, one in zip(known.settings.data.sources, samples, strict=True)
    ]
    return known
