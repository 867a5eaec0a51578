"""A run with files of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.submit.submission import Submission, describe
from tests.submit.manifests import IMAGE, env_file, users_folder


@pytest.fixture
def users_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submission:
    """Described in the user's folder, which is the working directory from then on."""
    monkeypatch.chdir(users_folder(tmp_path / "mine"))
    prompt = "FINETUNE_DATA_SYSTEM_PROMPT_FILE=my prompt.txt"
    return describe(env_file(tmp_path, "FINETUNE_DATA_SOURCES=data/rows.jsonl", prompt), IMAGE)
