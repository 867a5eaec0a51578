"""Log lines on standard error: `2026-01-31T12:00:00Z stage=train step=100 loss=2.570`.

A line begins with its stage, goes on with fields, and may end in words after a colon. A level other than info precedes
it. Libraries and code that several stages share do not know the stage: their lines get the current one.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
import warnings

from job.runs.redaction import redact, redact_streams

log = logging.getLogger("job")
QUIET = (
    "bitsandbytes",  # advises to install what the job does not need
    "transformers.integrations.bitsandbytes",  # a word on eetq where nothing can be held in 4 bits
)


class LineFormatter(logging.Formatter):
    """Redacts the finished line, traceback included; a filter would see the message alone."""

    stage = "start"
    """The current stage."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(level)s%(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        record.level = level if str(record.msg).startswith("stage=") else f"{level}stage={self.stage} "
        return redact(super().format(record))


def start_logging() -> None:
    """The job's own lines from info on, all others from warning on. Nothing that this process prints shows a secret."""
    redact_streams()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    sys.excepthook = lambda kind, error, trace: log.critical(
        "stage=end error=%s: unexpected\n%s", kind.__name__, "".join(traceback.format_exception(kind, error, trace))
    )
