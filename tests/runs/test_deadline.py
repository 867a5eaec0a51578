"""How much time is left, and what happens when none is."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Literal

import pytest

from job.errors import Stopped
from job.runs.deadline import Deadline
from job.settings.loading import load_settings

pytestmark = pytest.mark.light


def deadline(
    monkeypatch: pytest.MonkeyPatch, minutes: str, action: Literal["continue", "finish"], ago: float
) -> Deadline:
    """Of a process that began `ago` seconds ago."""
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "quickstart")
    monkeypatch.setenv("FINETUNE_DEADLINE_MINUTES", minutes)
    monkeypatch.setenv("FINETUNE_DEADLINE_ACTION", action)
    return Deadline.of(load_settings(), started=time.monotonic() - ago)


def test_the_minutes_count_from_the_start_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deadline(monkeypatch, "2", "finish", ago=30).seconds_left == pytest.approx(90, abs=1)


@pytest.mark.parametrize("nothing", ["", "0"])
def test_there_may_be_none(nothing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without = deadline(monkeypatch, nothing, "continue", ago=10**9)
    assert not without.is_set and without.seconds_left == math.inf
    without.stop_if_passed("never")


def test_once_it_has_passed_the_rest_is_the_next_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    deadline(monkeypatch, "1", "continue", ago=59).stop_if_passed("not yet")
    with pytest.raises(Stopped, match=r"The deadline of 1 minutes has passed; stage push is left to the next start\."):
        deadline(monkeypatch, "1", "continue", ago=61).stop_if_passed("stage push is left to the next start.")
    deadline(monkeypatch, "1", "finish", ago=61).stop_if_passed("what is there gets published")


def test_it_knows_what_follows_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text("Why?\n\nHow?\n", "utf-8")
    monkeypatch.setenv("FINETUNE_PROBE_QUESTIONS_FILE", str(tmp_path / "questions.txt"))
    monkeypatch.setenv("FINETUNE_PROBE_ANSWERS", "5")
    monkeypatch.setenv("FINETUNE_HUB_REPO_ID", "owner/name")
    found = deadline(monkeypatch, "1", "continue", ago=0)
    assert (found.questions, found.max_new_tokens, found.pushes) == (5, 256, True)
    assert found.forms == ("lora",)
    alone = Deadline.of(load_settings(), probes=False, exports=False, pushes=False)
    assert (alone.questions, alone.forms, alone.pushes) == (0, (), False)
