"""What the job leaves for the platform that started it: its ids in the log, and a short text about a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.hosts import platforms
from tests.submit.manifests import PLANTED

pytestmark = pytest.mark.light


def test_the_platforms_job_is_named_in_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in platforms.PLATFORM_JOBS:
        monkeypatch.delenv(name, raising=False)
    assert platforms.platform_job() == ""
    monkeypatch.setenv("AWS_BATCH_JOB_ATTEMPT", "2")
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "f00d")
    assert platforms.platform_job() == "AWS_BATCH_JOB_ID=f00d AWS_BATCH_JOB_ATTEMPT=2"


def test_a_failure_is_written_where_the_platform_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, failure = tmp_path / "termination-log", tmp_path / "output" / "failure"
    monkeypatch.setattr(platforms, "TERMINATION_LOG", log)
    monkeypatch.setattr(platforms, "FAILURE", failure)
    platforms.write_termination_message("what", "remedy")
    assert not log.exists()
    assert not failure.parent.exists()
    log.touch()
    failure.parent.mkdir()
    platforms.write_termination_message("what", "remedy")
    assert log.read_text("utf-8") == failure.read_text("utf-8") == "what\nremedy"
    platforms.write_termination_message(f"what {PLANTED} " + "ü" * 5000, "remedy")
    assert len(log.read_bytes()) == 4096
    assert len(failure.read_text("utf-8")) == 1024
    assert "ppp" not in log.read_text("utf-8", errors="replace") + failure.read_text("utf-8")


def test_a_place_that_cannot_be_written_does_not_fail_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "TERMINATION_LOG", tmp_path)  # a folder
    monkeypatch.setattr(platforms, "FAILURE", tmp_path / "failure")
    (tmp_path / "failure").mkdir()
    platforms.write_termination_message("what", "remedy")
