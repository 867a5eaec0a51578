"""No secret in anything that a run leaves: two quick endings of those that `python -m tests.faults.leaks` tries, and its own
search."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest

from tests.faults.leaks import ENDINGS, MARK, PASSWORD, TOKEN, ProcessWatch, outcome_of, search


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wrong settings", "Hub refuses, its address with a password"])
def test_no_secret_is_left_behind(name: str, base: Path, tmp_path: Path) -> None:
    (ending,) = (ending for ending in ENDINGS if ending.name == name)
    outcome = outcome_of(ending, base, tmp_path / "run")
    assert outcome.found == []
    assert outcome.bytes_searched > 1000


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
