"""What a batch platform shows beside an exit code: a short text of the failure, where it looks for one."""

from __future__ import annotations

import contextlib
from pathlib import Path

from job.redaction import redact

TERMINATION_LOG = Path("/dev/termination-log")  # Kubernetes; it keeps 4096 bytes
FAILURE = Path("/opt/ml/output/failure")  # SageMaker; it keeps 1024 characters


def tell(what: str, remedy: str) -> None:
    """Where the platform has made the place, and never the reason why a run fails. Makes no folder."""
    text = redact(f"{what}\n{remedy}")
    with contextlib.suppress(OSError):
        if TERMINATION_LOG.exists():
            TERMINATION_LOG.write_bytes(text.encode()[:4096])
    with contextlib.suppress(OSError):
        if FAILURE.parent.is_dir():
            FAILURE.write_text(text[:1024], "utf-8")
