"""train/log.jsonl: a run that continues takes over the lines up to its checkpoint."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from job.results import LogEntry, TrainedBy
from job.runs import redaction
from job.runs.files import read_lines
from job.training.log_file import LogFile

LINES = """{"step": 0, "eval_loss": 3.0, "seconds": 1}
{"step": 1, "loss": 2.5, "seconds": 2}
{"step": 2, "loss": 2.4, "seconds": 3}
{"step": 3, "lo"""


def test_lines_after_the_checkpoint_and_a_torn_one_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(LINES, "utf-8")
    log = LogFile(path)
    log.restore(1)
    assert (log.losses, log.eval_losses) == ([2.5], [3.0])
    log.append(LogEntry(step=2, loss=2.3, seconds=4))
    assert [entry.loss for entry in read_lines(path, LogEntry)] == [None, 2.5, 2.3]


def test_an_evaluation_is_known_by_its_step(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "train" / "log.jsonl")
    log.restore(0)
    assert log.entries == []
    log.append(LogEntry(step=4, loss=2.0, seconds=1))
    assert not log.has_evaluation(4)
    log.append(LogEntry(step=4, eval_loss=2.0, seconds=1))
    assert log.has_evaluation(4)
    assert not log.has_evaluation(5)


def test_it_says_what_a_run_was_trained_by_whose_starts_had_other_workers(tmp_path: Path) -> None:
    """Four workers, stopped; four that hold the base together; then one, whose lines are as they always were."""
    log = LogFile(tmp_path / "log.jsonl")
    assert log.trained_by == []
    log.append(LogEntry(step=0, eval_loss=3.0, seconds=0))
    for step in (1, 2):
        log.append(LogEntry(step=step, loss=2.0, workers=4, seconds=1))
    log.append(LogEntry(step=3, loss=2.0, workers=4, held="sharded", seconds=1))
    log.append(LogEntry(step=4, loss=2.0, seconds=1))
    assert log.trained_by == [
        TrainedBy(workers=4, until_step=2),
        TrainedBy(workers=4, held="sharded", until_step=3),
        TrainedBy(workers=1, until_step=4),
    ]
    assert "workers" not in log.path.read_text("utf-8").splitlines()[-1]


def test_a_reader_never_sees_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogFile(tmp_path / "train" / "log.jsonl")
    log.append(LogEntry(step=1, loss=2.0, seconds=1))
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no space")))
    with pytest.raises(OSError):
        log.append(LogEntry(step=2, loss=2.0, seconds=1))
    assert [entry.step for entry in read_lines(log.path, LogEntry)] == [1]


def test_a_password_that_is_the_name_of_a_field_loses_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {"loss"})
    LogFile(tmp_path / "log.jsonl").append(LogEntry(step=2, loss=2.3, seconds=4))
    assert [entry.loss for entry in read_lines(tmp_path / "log.jsonl", LogEntry)] == [2.3]
