"""metrics.json is whole after each change."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from job.errors import DataError, DiskFull
from job.results import Choice, Funnel
from job.runs.folder import RunDir
from job.runs.metrics import MetricsFile, MetricsWriter, failure
from job.runs.progress import advance

pytestmark = pytest.mark.light


@pytest.fixture
def file(tmp_path: Path) -> MetricsFile:
    return MetricsFile(tmp_path)


@pytest.fixture
def writer(tmp_path: Path, file: MetricsFile) -> MetricsWriter:
    return MetricsWriter(RunDir(tmp_path), {"lora": {"r": 16}}, file.take)


def written(writer: MetricsWriter) -> dict[str, Any]:
    value = json.loads((writer.run_dir.root / "metrics.json").read_text("utf-8"))
    assert isinstance(value, dict)
    return value


def test_a_running_stage_is_named(writer: MetricsWriter) -> None:
    writer.at("clean")
    found = written(writer)
    assert (found["status"], found["stage"], found["exit_code"]) == ("running", "clean", None)
    assert found["settings"] == {"lora": {"r": 16}}
    assert (found["clean"], found["train"], found["probe"], found["push"]) == (None, None, None, None)


def test_a_result_stands_under_the_name_of_its_stage(writer: MetricsWriter) -> None:
    writer.add(count=Choice(value="7", reason="counted"))
    assert written(writer)["count"] == {"value": "7", "reason": "counted"}


def test_an_ending_says_what_to_do(writer: MetricsWriter) -> None:
    token = "hf_" + "s" * 30
    writer.at("train")
    error = DiskFull(f"no space for {token}")
    writer.end("failed", 73, failure(error, error.remedy))
    found = written(writer)
    assert (found["status"], found["stage"], found["exit_code"]) == ("failed", "train", 73)
    assert found["error"]["kind"] == "DiskFull"
    assert found["error"]["message"] == "no space for **********"
    assert found["error"]["remedy"].startswith("Free space")


def test_where_too_few_rows_are_left_their_funnel_is_kept(writer: MetricsWriter) -> None:
    funnel = Funnel(rows_in=9, kept=1, least=32, dropped={"empty": 8}, sources={"rows.jsonl": 9})
    writer.end("failed", 65, failure(DataError("1 of 9 rows is left.", funnel=funnel), "Mend."))
    assert written(writer)["error"]["funnel"] == funnel.model_dump()
    assert failure(DataError("unreadable"), "Mend.").funnel is None


def test_a_report_that_cannot_be_written_fails_nothing(
    writer: MetricsWriter, file: MetricsFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "job.reporting.report", None)
    writer.at("probe")
    file.write_report()
    assert "stage=probe report=failed" in caplog.text


def test_the_report_is_made_of_the_metrics_of_now(
    writer: MetricsWriter, file: MetricsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of the real one, which imports matplotlib."""
    made: list[tuple[Path, str]] = []
    report = ModuleType("job.reporting.report")
    report.write_report = lambda root, metrics: made.append((root, metrics.stage))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "job.reporting.report", report)
    writer.at("probe")
    file.write_report()
    assert made == [(writer.run_dir.root, "probe")]


def test_the_time_is_that_since_the_start(writer: MetricsWriter) -> None:
    assert 0 <= writer.metrics().seconds < 60


def test_a_heartbeat_changes_only_the_time_and_the_progress(writer: MetricsWriter, file: MetricsFile) -> None:
    writer.at("train")
    before = written(writer)
    advance("steps", 3)
    file.beat(12.5)
    after = written(writer)
    assert after["progress"]["steps"] == before["progress"]["steps"] + 3
    assert after["seconds"] == 12.5
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"updated_at", "seconds", "progress"}
