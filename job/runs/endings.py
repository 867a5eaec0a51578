"""How a run ends: an exception becomes an exit code, log lines, metrics.json and report.html."""

from __future__ import annotations

import errno
import logging
import os
import resource
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any, Literal

from job.errors import (
    BUG,
    SUCCESS,
    DiskFull,
    JobError,
    SettingsError,
    Stopped,
    causes,
)
from job.hosts import platforms
from job.results import SCHEMA_VERSION, Failure
from job.runs.claim import strangers
from job.runs.deaths import Death, Ended, by_last_words, cause_of
from job.runs.files import remove, write_json
from job.runs.folder import RunDir, now
from job.runs.metrics import MetricsFile, MetricsWriter, failure
from job.runs.progress import counts
from job.runs.redaction import redact_message
from job.settings.fields import OUTPUT_DIR

log = logging.getLogger("job")
FAILURE, REFUSED = "failure.json", "refused.json"


def ended_by(error: BaseException, metrics_writer: MetricsWriter) -> int:
    """In the process that works: classify, log, hand on. What was complete stays as it is."""
    error = _classified(error, metrics_writer.stage)
    status, code, fault = _ending(error)
    _log_ending(error, fault, metrics_writer.stage)
    metrics_writer.end(status, code, fault)
    return code


def conclude(death: Death, file: MetricsFile, settings: dict[str, Any]) -> int:
    """In the process that watches: the last metrics.json, failure.json, the platform's text, the report. Returns the exit code.

    `death`: how the process that worked has ended. `settings`: for metrics.json, if that process never got to it.
    """
    metrics = file.metrics or MetricsWriter(RunDir(file.path.parent), settings, file.take).metrics()
    if metrics.status == "running":
        error = cause_of(death, metrics.stage)
        status, code, fault = _ending(error)
        fault = fault.model_copy(update={"details": redact_message(death.tail)})
        _log_ending(error, fault, metrics.stage)
        metrics = metrics.model_copy(
            update={"status": status, "exit_code": code, "error": fault, "updated_at": now(), "progress": counts()}
        )
    elif (
        metrics.error and metrics.error.kind == Ended.__name__
    ):  # a worker's, of which this log alone holds the last words
        fault = metrics.error.model_copy(update={"details": redact_message(death.tail)})
        metrics = metrics.model_copy(update={"error": fault})
    code = BUG if metrics.exit_code is None else metrics.exit_code
    if code == DiskFull.exit_code:
        RunDir(file.path.parent).make_room()
    try:
        file.take(metrics)
        record_failure(file.path.parent, metrics.error, code)
    except OSError as full:
        log.error("stage=end error=%s: metrics.json could not be written: %s", type(full).__name__, full)
        return code
    file.write_report()
    return last_line(file.path, metrics.status, code)


def record_failure(folder: Path, fault: Failure | None, code: int, name: str = FAILURE) -> None:
    """The last failure, classified, in the run folder and where the platform looks for it; after a success there is none."""
    if fault is None:
        remove(folder / name)
        return
    platforms.write_termination_message(fault.message, fault.remedy)
    write_json(folder / name, {"schema_version": SCHEMA_VERSION, "exit_code": code, "at": now(), **fault.model_dump()})


def _classified(error: BaseException, stage: str) -> BaseException:
    """Our exception for what each library reports in its own way: a full disk, too large a file, no memory, a failing GPU."""
    if isinstance(error, Stopped):
        return error
    if _is_disk_full(error):
        return DiskFull(f"The disk is full: {error}")
    if _is_file_too_large(error):
        return _file_too_large(error)
    if isinstance(error, JobError) or not isinstance(error, Exception):
        return error
    known = by_last_words("\n".join(f"{type(cause).__name__}: {cause}" for cause in causes(error)), stage)
    return known or error


DISK_FULL = (
    "No space left on device",  # safetensors, tokenizers, hf_xet
    "Disk quota exceeded",
    "Not enough disk space",  # datasets, without a number
    "unexpected pos",  # torch, from inline_container.cc
    "database or disk is full",  # SQLite
)
"""What libraries say of a full disk when their error is no OSError with a number."""


def _is_disk_full(error: BaseException) -> bool:
    """ENOSPC or EDQUOT, or a library's words for it."""
    return _comes_of(error, (errno.ENOSPC, errno.EDQUOT), DISK_FULL)


def _is_file_too_large(error: BaseException) -> bool:
    return _comes_of(error, (errno.EFBIG,), ("File too large",))


def _comes_of(error: BaseException, numbers: tuple[int, ...], words: tuple[str, ...]) -> bool:
    """Anywhere in the causes. Our own errors may quote such words from a row."""
    return any(
        (isinstance(cause, OSError) and cause.errno in numbers)
        or (not isinstance(cause, JobError) and any(text in str(cause) for text in words))
        for cause in causes(error)
    )


def _file_too_large(error: BaseException) -> DiskFull:
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return DiskFull(
            f"The file system takes no file as large as the run needs: {error}",
            remedy="Set FINETUNE_OUTPUT_DIR (and HF_HOME) to a file system that takes larger files: FAT ends at 4 GB.",
        )
    return DiskFull(
        f"The limit on the size of a file (`ulimit -f`), {limit:,} bytes, is too low: {error}",
        remedy="Start again with `ulimit -f unlimited`, in docker with --ulimit fsize=-1: completed work is intact.",
    )


def _ending(error: BaseException) -> tuple[Literal["failed", "stopped"], int, Failure]:
    """(status, exit code, what metrics.json says)."""
    if isinstance(error, Stopped):
        return "stopped", error.exit_code, failure(error, error.remedy)
    if isinstance(error, JobError):
        return "failed", error.exit_code, failure(error, error.remedy)
    trace = "".join(traceback.format_exception(error))[-8000:]
    fault = failure(error, "This is a bug in the program: please report it with failure.json.", trace)
    return "failed", BUG, fault.model_copy(update={"message": f"unexpected {fault.kind}: {fault.message}"})


def _log_ending(error: BaseException, fault: Failure, stage: str) -> None:
    if isinstance(error, Stopped):
        log.warning("stage=%s stopped=true: %s %s", stage, fault.message, fault.remedy)
    elif isinstance(error, JobError):
        log_failure(error, stage)
    else:
        log.error("stage=%s error=%s: unexpected", stage, fault.kind, exc_info=error)


def end_command(error: BaseException, stage: str, folder: Path | None = None) -> int:
    """Classify and log what ended a command that is no start of a run. `folder`: where it writes. Returns the exit code."""
    if _is_disk_full(error) and folder:
        free = shutil.disk_usage(folder).free
        error = DiskFull(f"The disk of {folder.absolute()} is full, with {free:,} bytes free now: {error}")
    error = _classified(error, stage)
    _, code, fault = _ending(error)
    _log_ending(error, fault, stage)
    return code


def unrecorded(error: BaseException, stage: str) -> int:
    """The same for a process of a run that another one records. Returns the exit code."""
    _, _, fault = _ending(_classified(error, stage))
    platforms.write_termination_message(fault.message, fault.remedy)
    return end_command(error, stage)


def printing(call: Callable[[], int], stage: str) -> int:
    """The exit code of a command that prints an answer, which may find no reader, or no room on the disk."""
    try:
        code = call()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has seen enough
        code = SUCCESS
    except OSError as error:
        code = end_command(error, stage)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
    return code


def log_failure(error: JobError, stage: str) -> None:
    log.error("stage=%s error=%s: %s\n%s", stage, type(error).__name__, error, indent(error.remedy, "  "))


def refused(error: BaseException, folder: Path, stage: str, *, held: bool = False) -> int:
    """End a start before its run begins, and touch nothing of the run that the folder holds: `refused.json` lies beside it. In
    a folder without a run it is metrics.json, as at every ending, and nothing where others' files lie. `held`: this process has
    opened the folder already, and would meet its own lock. Returns the exit code."""
    error = _classified(error, stage)
    status, code, fault = _ending(error)
    _log_ending(error, fault, stage)
    platforms.write_termination_message(fault.message, fault.remedy)
    if isinstance(error, SettingsError) and any(problem.startswith(OUTPUT_DIR) for problem in error.problems):
        log.error("stage=end status=failed exit_code=%d metrics=none: %s is wrong", code, OUTPUT_DIR)
        return code
    if not held and strangers(folder):
        log.error(
            "stage=end status=failed exit_code=%d metrics=none: no run of this job wrote what is in %s", code, folder
        )
        return code
    run_dir = RunDir(folder)
    try:
        if run_dir.holds_a_run():
            record_failure(folder, fault, code, REFUSED)
            return last_line(folder / REFUSED, "refused", code)
        if not held:
            run_dir.open()
        file = MetricsFile(folder)
        writer = MetricsWriter(run_dir, {}, file.take)
        writer.end(status, code, fault)
        if not held:
            run_dir.close()
        return last_line(file.path, status, code)
    except (OSError, JobError):
        log.error("stage=end status=failed exit_code=%d metrics=none: this run cannot write to %s", code, folder)
        return code


def last_line(written: Path, status: str, code: int) -> int:
    """`written`: the file that holds the ending."""
    log.info("stage=end status=%s exit_code=%d %s=%s", status, code, written.stem, written.absolute())
    return code
