"""What an exception becomes: an exit code, a log line, metrics.json and the platform's text of a failure."""

from __future__ import annotations

import errno
import json
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from job.errors import DataError, FolderError, FolderInUse, JobError, SettingsError, Stopped, causes
from job.hosts import platforms
from job.results import SCHEMA_VERSION
from job.runs import pins
from job.runs.deaths import Death, Ended
from job.runs.endings import _is_disk_full, conclude, ended_by, refused, unrecorded
from job.runs.folder import RunDir
from job.runs.metrics import MetricsFile, MetricsWriter
from tests.conftest import metrics_of
from tests.faults.small_disk import fill, small_disk

pytestmark = pytest.mark.light
GONE = Death(1, killed="", signal="", idle_seconds=0, memory_killed=False, tail="the last line")


class OutOfMemoryError(RuntimeError):
    """By the name of torch's."""


def caused_by(error: BaseException) -> ValueError:
    outer = ValueError("while saving")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (Stopped("SIGTERM arrived."), "stopped", 75, "Stopped"),
        (DataError("too few rows"), "failed", 65, "DataError"),
        (caused_by(OSError(errno.ENOSPC, "no space")), "failed", 73, "DiskFull"),
        (OSError(errno.EDQUOT, "quota"), "failed", 73, "DiskFull"),
        (RuntimeError("unexpected pos 64 vs 0"), "failed", 73, "DiskFull"),
        (OSError(errno.EFBIG, "File too large"), "failed", 73, "DiskFull"),
        (RuntimeError("I/O error: File too large (os error 27)"), "failed", 73, "DiskFull"),
        (caused_by(OutOfMemoryError("CUDA out of memory")), "failed", 62, "MemoryExhausted"),
        (ZeroDivisionError("division by zero"), "failed", 1, "ZeroDivisionError"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_exception_becomes_a_code_metrics_and_a_termination_message(
    error: BaseException,
    status: str,
    code: int,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    message = tmp_path / "termination-log"
    message.touch()
    monkeypatch.setattr(platforms, "TERMINATION_LOG", message)
    file = MetricsFile(tmp_path)
    reports: list[str] = []
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: reports.append(self.metrics.stage))
    writer = MetricsWriter(RunDir(tmp_path), {}, file.take)
    writer.at("train")
    assert ended_by(error, writer) == code
    assert conclude(GONE, file, {}) == code
    metrics = metrics_of(tmp_path)
    assert (metrics["status"], metrics["exit_code"], metrics["error"]["kind"]) == (status, code, kind)
    assert metrics["stage"] == "train"
    failure = json.loads((tmp_path / "failure.json").read_text("utf-8"))
    assert failure == {"schema_version": SCHEMA_VERSION, "exit_code": code, "at": failure["at"], **metrics["error"]}
    assert message.read_text("utf-8").splitlines() == [failure["message"], failure["remedy"]]
    assert failure["remedy"]
    assert any(str(cause).partition(":")[0] in failure["message"] for cause in causes(error))
    assert failure["message"] in caplog.text or code == 1
    assert code == 1 or failure["remedy"] in caplog.text
    assert reports == ["train"]
    assert f"stage=train {'stopped=true' if status == 'stopped' else f'error={kind}'}: " in caplog.text
    if code == 1:
        assert "ZeroDivisionError: division by zero" in failure["details"]
        assert "ZeroDivisionError: division by zero" in caplog.text


def test_failure_json_holds_the_last_lines_of_a_run_whose_worker_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader lives and says whose end it was; what the worker wrote last only the watching process has seen."""
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    file = MetricsFile(tmp_path)
    ended_by(Ended("Worker 1 of 3: The process was ended by SIGABRT"), MetricsWriter(RunDir(tmp_path), {}, file.take))
    assert conclude(replace(GONE, tail="NCCL watchdog: unhandled system error"), file, {}) == 1
    failure = json.loads((tmp_path / "failure.json").read_text("utf-8"))
    assert failure["message"] == "Worker 1 of 3: The process was ended by SIGABRT"
    assert failure["details"] == metrics_of(tmp_path)["error"]["details"] == "NCCL watchdog: unhandled system error"


def test_a_success_leaves_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    for end in (lambda writer: ended_by(DataError("too few rows"), writer), lambda writer: writer.end("succeeded", 0)):
        file = MetricsFile(tmp_path)
        end(MetricsWriter(RunDir(tmp_path), {}, file.take))
        conclude(GONE, file, {})
    assert not (tmp_path / "failure.json").exists()
    (tmp_path / "failure.json").mkdir()
    assert conclude(GONE, file, {}) == 0
    assert not (tmp_path / "failure.json").exists()


def test_work_that_never_said_anything_gets_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    assert conclude(GONE, MetricsFile(tmp_path), {"lora": {"r": 16}}) == 1
    metrics = metrics_of(tmp_path)
    assert (metrics["status"], metrics["error"]["details"]) == ("failed", "the last line")
    assert metrics["settings"] == {"lora": {"r": 16}}


@pytest.mark.parametrize(
    "error", [FolderError("holds another run"), FolderInUse("in use"), SettingsError(["A: wrong"])]
)
def test_a_start_that_is_refused_touches_nothing_of_the_run(error: JobError, tmp_path: Path) -> None:
    for name in ("settings.json", "metrics.json", "report.html"):
        (tmp_path / name).write_text(name, "utf-8")
    pins.write(tmp_path, [])
    assert refused(error, tmp_path, "start") == error.exit_code
    found = json.loads((tmp_path / "refused.json").read_text("utf-8"))
    assert (found["exit_code"], found["kind"]) == (error.exit_code, type(error).__name__)
    for name in ("settings.json", "metrics.json", "report.html"):
        assert (tmp_path / name).read_text("utf-8") == name
    assert len(list(tmp_path.iterdir())) == 5


def test_in_a_new_folder_a_refused_start_leaves_metrics(tmp_path: Path) -> None:
    assert refused(SettingsError(["A: wrong"]), tmp_path / "out", "settings") == 64
    assert metrics_of(tmp_path / "out")["exit_code"] == 64
    assert not (tmp_path / "out" / "refused.json").exists()
    assert not (tmp_path / "out" / "owner.json").exists()


def test_in_a_folder_of_others_a_refused_start_leaves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "metrics.json").write_text('{"accuracy": 1}', "utf-8")
    assert refused(SettingsError(["A: wrong"]), tmp_path, "settings") == 64
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ['{"accuracy": 1}']
    assert f"metrics=none: no run of this job wrote what is in {tmp_path}" in caplog.text


def full_disk(library: str, folder: Path) -> BaseException:
    """What the library raises when it writes to a real disk that is full."""
    try:
        match library:
            case "open":
                (folder / "file").write_bytes(b"x" * 2_000_000)
            case "safetensors":
                import numpy
                from safetensors.numpy import save_file

                save_file({"a": numpy.zeros(1_000_000)}, folder / "file")
            case "SQLite":
                connection = sqlite3.connect(folder / "file")
                connection.execute("create table a (b)")
                connection.execute("insert into a values (?)", ("x" * 2_000_000,))
                connection.commit()
            case "tokenizers":
                from tokenizers import Tokenizer
                from tokenizers.models import BPE

                fill(folder)
                Tokenizer(BPE()).save(str(folder / "file"))
    except Exception as error:
        return error
    raise AssertionError("it fits")


@pytest.mark.parametrize("library", ["open", "safetensors", "SQLite", "tokenizers"])
def test_a_disk_that_is_really_full_is_told_from_a_bug_whatever_the_library_says(library: str, tmp_path: Path) -> None:
    """torch's words ("unexpected pos") stand above: importing torch takes longer than all of this file."""
    with small_disk(tmp_path / "disk", 2**20) as folder:
        error = full_disk(library, folder)
    assert _is_disk_full(error), repr(error)
    assert not _is_disk_full(DataError(f"row 3 holds {str(error)!r}"))


def test_metrics_tell_of_a_full_disk_on_that_very_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    with small_disk(tmp_path / "disk", 2**20) as folder:
        run_dir = RunDir(folder)
        run_dir.open()
        file = MetricsFile(folder)
        writer = MetricsWriter(run_dir, {}, file.take)
        writer.write()
        fill(folder)
        with pytest.raises(OSError):
            writer.write()
        with suppress(OSError):  # as the supervisor does: a heartbeat that cannot be written ends no run
            ended_by(OSError(errno.ENOSPC, "no space"), writer)
        assert conclude(GONE, file, {}) == 73
        assert metrics_of(folder)["status"] == "failed"
        fill(folder)
        RunDir(folder / "next").open()  # a disk without room to spare is no reason to refuse


def test_metrics_that_cannot_be_written_change_no_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    file = MetricsFile(tmp_path)
    ended_by(DataError("too few rows"), MetricsWriter(RunDir(tmp_path), {}, file.take))
    monkeypatch.setattr(MetricsFile, "write", full)
    assert conclude(GONE, file, {}) == 65
    assert "stage=end error=OSError: metrics.json could not be written" in caplog.text


def test_a_process_that_records_nothing_still_tells_the_log_and_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(platforms, "TERMINATION_LOG", tmp_path / "termination-log")
    platforms.TERMINATION_LOG.touch()
    assert unrecorded(SettingsError(["NODE_RANK: 2 is no rank"]), "settings") == 64
    assert "NODE_RANK: 2 is no rank" in platforms.TERMINATION_LOG.read_text("utf-8")
    assert "NODE_RANK: 2 is no rank" in caplog.text
