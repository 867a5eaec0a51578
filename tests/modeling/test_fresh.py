"""The process that loads what was saved: what it finds, and what is said where it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from job.errors import JobError
from job.modeling.fresh import environment, fresh_process
from tests.conftest import WRITE_TOKEN


def test_the_fresh_process_finds_its_modules_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITE_TOKEN)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:correct-horse@proxy:3128")
    code = "import os, job.errors; print(*(f'{name}={value}' for name, value in os.environ.items()), sep='\\n')"
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd="/", capture_output=True, text=True, check=True
    )
    assert "HF_HUB_OFFLINE=1" in child.stdout
    assert WRITE_TOKEN not in child.stdout
    assert "correct-horse" not in child.stdout


def test_a_process_that_fails_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"(?s)The lamp does not load in a fresh process:.*No module named job\.none"):
        fresh_process("job.none", {}, {"a": torch.zeros(1)}, tmp_path / "lamp", "The lamp")
    assert not list(tmp_path.iterdir())
