"""What an exception becomes: an exit code, a log line, metrics.json and the platform's text of a failure."""

from __future__ import annotations

import errno
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy
import pytest

from job.errors import DataError, FolderError, Stopped
from job.hosts import platforms
from job.runs.endings import _is_disk_full, ended_by
from job.runs.folder import RunDir
from job.runs.metrics import MetricsWriter
from tests.faults.small_disk import fill, small_disk

pytestmark = pytest.mark.light


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
    reports: list[str] = []
    monkeypatch.setattr(MetricsWriter, "write_report", lambda self: reports.append(self.stage))
    writer = MetricsWriter(RunDir(tmp_path / "out"), {})
    writer.at("train")
    assert ended_by(error, writer) == code
    metrics: dict[str, Any] = json.loads(writer.path.read_text("utf-8"))
    assert (metrics["status"], metrics["exit_code"], metrics["error"]["kind"]) == (status, code, kind)
    assert metrics["stage"] == "train"
    assert metrics["error"]["remedy"]
    happened, remedy = message.read_text("utf-8").splitlines()
    assert str(error).partition(":")[0] in happened
    assert remedy == ("See metrics.json in the output folder." if code == 1 else metrics["error"]["remedy"])
    assert str(error).partition(":")[0] in caplog.text
    assert code == 1 or remedy in caplog.text
    assert reports == ["train"]
    assert f"stage=train {'stopped=true' if status == 'stopped' else f'error={kind}'}: " in caplog.text
    if code == 1:
        assert "ZeroDivisionError: division by zero" in metrics["error"]["message"]
        assert "ZeroDivisionError: division by zero" in caplog.text


def full_disk(library: str, folder: Path) -> BaseException:
    """What the library raises when it writes to a real disk that is full."""
    try:
        match library:
            case "open":
                (folder / "file").write_bytes(b"x" * 2_000_000)
            case "safetensors":
                from safetensors.numpy import save_file

                save_file({"a": numpy.zeros(1_000_000)}, folder / "file")
            case "pyarrow":
                import pyarrow
                import pyarrow.parquet

                pyarrow.parquet.write_table(pyarrow.table({"a": numpy.random.rand(500_000)}), folder / "file")
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


@pytest.mark.parametrize("library", ["open", "safetensors", "pyarrow", "SQLite", "tokenizers"])
def test_a_disk_that_is_really_full_is_told_from_a_bug_whatever_the_library_says(library: str, tmp_path: Path) -> None:
    """torch's words ("unexpected pos") stand above: importing torch takes longer than all of this file."""
    with small_disk(tmp_path / "disk", 2**20) as folder:
        error = full_disk(library, folder)
    assert _is_disk_full(error), repr(error)
    assert not _is_disk_full(DataError(f"row 3 holds {str(error)!r}"))


def test_metrics_tell_of_a_full_disk_on_that_very_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetricsWriter, "write_report", lambda self: None)
    with small_disk(tmp_path / "disk", 2**20) as folder:
        run_dir = RunDir(folder)
        run_dir.open()
        writer = MetricsWriter(run_dir, {})
        writer.write()
        fill(folder)
        with pytest.raises(OSError):
            writer.write()
        assert ended_by(OSError(errno.ENOSPC, "no space"), writer) == 73
        assert json.loads(writer.path.read_text("utf-8"))["status"] == "failed"
        fill(folder)
        RunDir(folder / "next").open()  # a disk without room to spare is no reason to refuse


def test_the_report_of_another_run_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetricsWriter, "write_report", lambda self: pytest.fail("report.html is the other run's"))
    writer = MetricsWriter(RunDir(tmp_path), {})
    assert ended_by(FolderError("holds another run"), writer) == 61


def test_metrics_that_cannot_be_written_change_no_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(MetricsWriter, "write", full)
    assert ended_by(DataError("too few rows"), MetricsWriter(RunDir(tmp_path), {})) == 65
    assert "stage=end error=OSError: metrics.json could not be written" in caplog.text
