"""No secret in anything that a run leaves: two of the endings that `python -m tests.faults.leaks` tries, and its own search."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest

from tests.faults.leaks import ENDINGS, MARK, PASSWORD, TOKEN, Ending, ProcessWatch, outcome_of, search


@pytest.mark.slow
@pytest.mark.parametrize("ending", [ENDINGS[0], ENDINGS[1]], ids=lambda ending: str(ending.name))
def test_no_secret_is_left_behind(ending: Ending, base: Path, tmp_path: Path) -> None:
    outcome = outcome_of(ending, base, tmp_path / "run")
    assert outcome.found == []
    assert outcome.processes >= (3 if ending.exit_code == 0 else 0)  # two that clean, one that loads the adapter


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        json.dumps({"url": f"http://user:{PASSWORD}@host"}),
        "Basic " + b64encode(f"user:{PASSWORD}".encode()).decode(),
    ],
)
def test_the_search_finds_what_was_planted(text: str) -> None:
    assert list(search("file", f"before {text} after".encode()))
    assert not list(search("file", b"before hf_hub after"))


def test_a_token_in_the_environment_of_a_process_is_found() -> None:
    environ = {MARK: "1f", "HF_TOKEN": TOKEN}
    with ProcessWatch("1f") as watch:
        child = subprocess.Popen([sys.executable, "-c", "input()"], env=environ, stdin=subprocess.PIPE)
        end = time.monotonic() + 20
        while not watch.found and time.monotonic() < end:
            time.sleep(0.02)
        child.communicate(b"\n")
    assert len(watch.found) == 1
    assert child.pid in watch.seen
