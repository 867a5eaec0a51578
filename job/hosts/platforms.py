"""Batch platforms: the ids that they give a job, and the places where they look for a short text about a failure."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from job.runs.redaction import redact_message

TERMINATION_LOG = Path("/dev/termination-log")  # Kubernetes; it keeps 4096 bytes
FAILURE = Path("/opt/ml/output/failure")  # SageMaker; it keeps 1024 characters

PLATFORM_JOBS = (
    "AWS_BATCH_JOB_ID",
    "AWS_BATCH_JOB_ATTEMPT",
    "BATCH_JOB_ID",
    "BATCH_TASK_INDEX",
    "BATCH_TASK_RETRY_ATTEMPT",
    "CLOUD_ML_JOB_ID",
    "TRAINING_JOB_NAME",
    "AZUREML_RUN_ID",
    "SLURM_JOB_ID",
    "SLURM_RESTART_COUNT",
    "SKYPILOT_TASK_ID",
    "RUNPOD_POD_ID",
    "JOB_COMPLETION_INDEX",
    "JOB_ID",  # Hugging Face Jobs
)


def write_termination_message(what: str, remedy: str) -> None:
    """Write it where the platform has made a place for it. Creates no folder, and never fails a run."""
    text = redact_message(f"{what}\n{remedy}")
    with contextlib.suppress(OSError):
        if TERMINATION_LOG.exists():
            TERMINATION_LOG.write_bytes(text.encode()[:4096])
    with contextlib.suppress(OSError):
        if FAILURE.parent.is_dir():
            FAILURE.write_text(text[:1024], "utf-8")


def platform_job() -> str:
    """`AWS_BATCH_JOB_ID=... AWS_BATCH_JOB_ATTEMPT=2`, for a log line; never part of a record: a retry is the same run."""
    return " ".join(f"{name}={os.environ[name]}" for name in PLATFORM_JOBS if os.environ.get(name))
