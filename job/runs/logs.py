"""Log lines on standard error: `2026-01-31T12:00:00Z stage=train step=100 loss=2.570`.

A line begins with its stage, goes on with fields, and may end in words after a colon. A level other than info precedes
it. Libraries and code that several stages share do not know the stage: their lines get the current one. Further lines of
a message (problems, a remedy, a traceback) begin with the same time, level and stage and keep their indentation, so each
line stands alone where the log is split or searched. What native code, faulthandler (stacks for the watchdog) and some
libraries write to standard error themselves meets no formatter and stays as it is.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import warnings

from job.runs.redaction import redact_message, redact_streams

log = logging.getLogger("job")
QUIET = (
    "bitsandbytes",  # advises to install what the job does not need
    "transformers.integrations.bitsandbytes",  # a word on eetq where nothing can be held in 4 bits
)
PREFIX = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:[a-z]+: )?stage=\S+ ")
"""What every line begins with."""


class LineFormatter(logging.Formatter):
    """Redacts the finished message, traceback included (a filter would see the message alone), then begins each line."""

    stage = "start"
    """The current stage."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        text = redact_message(super().format(record))  # as a whole: a secret may span lines
        if not text.startswith("stage="):
            text = f"stage={self.stage} {text}"
        stage = re.split(r"[\s:]", text, maxsplit=1)[0]
        first, *others = text.splitlines()
        lines = [first, *(f"{stage} {line}" for line in others if line.strip())]
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        moment = self.formatTime(record, self.datefmt)
        return "\n".join(f"{moment} {level}{line}" for line in lines)


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
        "stage=%s error=%s: unexpected", LineFormatter.stage, kind.__name__, exc_info=(kind, error, trace)
    )
