"""How a run ends: an exception becomes an exit code, log lines, metrics.json and report.html."""

from __future__ import annotations

import errno
import logging
import os
import traceback
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Literal

from job.errors import (
    BUG,
    DiskFull,
    FolderError,
    HostUnfit,
    JobError,
    MemoryExhausted,
    SettingsError,
    Stopped,
    causes,
)
from job.hosts import platforms
from job.results import Failure
from job.runs.folder import RunDir
from job.runs.metrics import MetricsWriter, failure
from job.runs.redaction import redact
from job.settings.fields import OUTPUT_DIR
from job.settings.files import collected_dir

log = logging.getLogger("job")


@dataclass(frozen=True)
class Ending:
    """What an exception means for the log, the platform, metrics.json and the exit code."""

    status: Literal["failed", "stopped"]
    exit_code: int
    message: str
    remedy: str
    failure: Failure


def ended_by(error: BaseException, metrics_writer: MetricsWriter) -> int:
    """Classify, record, report. What was complete stays as it is."""
    error = _classified(error, metrics_writer.stage)
    ending = _ending(error)
    _log_ending(error, ending, metrics_writer.stage)
    platforms.write_termination_message(ending.message, ending.remedy)
    if isinstance(error, DiskFull):
        metrics_writer.run_dir.make_room()
    try:
        metrics_writer.end(ending.status, ending.exit_code, ending.failure)
    except OSError as full:
        log.error("stage=end error=%s: metrics.json could not be written: %s", type(full).__name__, full)
        return ending.exit_code
    if not isinstance(error, FolderError):  # that folder's report.html belongs to the run that owns it
        metrics_writer.write_report()
    return last_line(metrics_writer, ending.status, ending.exit_code)


def _classified(error: BaseException, stage: str) -> BaseException:
    """Our exceptions for a full disk and for exhausted GPU memory, which each library reports in its own way."""
    if isinstance(error, Stopped):
        return error
    if _is_disk_full(error):
        return DiskFull(f"The disk is full: {error}")
    # torch's OutOfMemoryError, by name: torch is not imported here
    if not isinstance(error, JobError) and any(type(cause).__name__ == "OutOfMemoryError" for cause in causes(error)):
        return MemoryExhausted(f"GPU memory ran out in stage {stage}: {error}")
    return error


DISK_FULL = (
    "No space left on device",  # safetensors, tokenizers, hf_xet
    "Disk quota exceeded",
    "Not enough disk space",  # datasets, without a number
    "unexpected pos",  # torch, from inline_container.cc
    "database or disk is full",  # SQLite
)
"""What libraries say of a full disk when their error is no OSError with a number."""


def _is_disk_full(error: BaseException) -> bool:
    """ENOSPC or EDQUOT anywhere in the causes, or a library's words for it. Our own errors may quote such words from a row."""
    return any(
        (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT))
        or (not isinstance(cause, JobError) and any(words in str(cause) for words in DISK_FULL))
        for cause in causes(error)
    )


def _ending(error: BaseException) -> Ending:
    if isinstance(error, Stopped):
        return Ending("stopped", error.exit_code, str(error), error.remedy, failure(error, error.remedy))
    if isinstance(error, JobError):
        return Ending("failed", error.exit_code, str(error), error.remedy, failure(error, error.remedy))
    fault = failure(error, "This is a bug in the program: please report it with this file.")
    message = f"unexpected {fault.kind}: {fault.message}"
    trace = redact("".join(traceback.format_exception(error))[-8000:])
    fault = fault.model_copy(update={"message": trace})
    return Ending("failed", BUG, message, "See metrics.json in the output folder.", fault)


def _log_ending(error: BaseException, ending: Ending, stage: str) -> None:
    if ending.status == "stopped":
        log.warning("stage=%s stopped=true: %s %s", stage, ending.message, ending.remedy)
    elif isinstance(error, JobError):
        log_failure(error, stage)
    else:
        log.error("stage=%s error=%s: unexpected", stage, type(error).__name__, exc_info=error)


def log_failure(error: JobError, stage: str) -> None:
    log.error("stage=%s error=%s: %s\n%s", stage, type(error).__name__, error, indent(error.remedy, "  "))


def refused(error: SettingsError) -> int:
    """Report wrong settings on stderr, and in metrics.json if the output folder is known and writable."""
    log_failure(error, "settings")
    platforms.write_termination_message(str(error), error.remedy)
    if any(problem.startswith(OUTPUT_DIR) for problem in error.problems):
        log.error("stage=end status=failed exit_code=%d metrics=none: %s is wrong", error.exit_code, OUTPUT_DIR)
        return error.exit_code
    run_dir = RunDir(Path(os.environ.get(OUTPUT_DIR) or collected_dir(os.environ) or "output"))
    try:
        run_dir.open()
    except JobError as closed:
        return _without_metrics(error, run_dir) if isinstance(closed, HostUnfit) else error.exit_code
    metrics_writer = MetricsWriter(run_dir, {})
    metrics_writer.end("failed", error.exit_code, failure(error, error.remedy))
    return last_line(metrics_writer, "failed", error.exit_code)


def end_without_folder(error: JobError, run_dir: RunDir) -> int:
    """No metrics.json: the folder cannot be written, or another process is working in it."""
    log_failure(error, "start")
    platforms.write_termination_message(str(error), error.remedy)
    return _without_metrics(error, run_dir)


def _without_metrics(error: JobError, run_dir: RunDir) -> int:
    log.error(
        "stage=end status=failed exit_code=%d metrics=none: this run cannot write to %s", error.exit_code, run_dir.root
    )
    return error.exit_code


def last_line(metrics_writer: MetricsWriter, status: str, code: int) -> int:
    log.info("stage=end status=%s exit_code=%d metrics=%s", status, code, metrics_writer.path.absolute())
    return code
