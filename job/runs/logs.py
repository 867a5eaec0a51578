"""Log lines: `2026-01-31T12:00:00Z stage=train step=100 loss=2.570`, or JSON where FINETUNE_LOG_FORMAT asks for it.

Info goes to standard output, warnings and errors to standard error: platforms take what comes there for errors.

A line begins with its stage, goes on with fields, and may end in words after a colon. A level other than info precedes
it. Libraries and code that several stages share do not know the stage: their lines get the current one. Further lines of
a message (problems, a remedy, a traceback) begin with the same time, level and stage and keep their indentation, so each
line stands alone where the log is split or searched. In JSON a message is one line, and its fields are keys.
"""

from __future__ import annotations

import ast
import json
import logging
import re
import sys
import time
import warnings
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal

from job.runs.bar import BAR
from job.runs.redaction import redact, redact_message, redact_streams

log = logging.getLogger("job")
QUIET = (
    "bitsandbytes",  # advises to install what the job does not need
    "transformers.integrations.bitsandbytes",  # a word on eetq where nothing can be held in 4 bits
    "transformers.training_args",  # a word on DDP where workers hold the base together
    "transformers.trainer_utils",  # checkpoints of one second go by their number, which is right
)
PREFIX = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:[a-z]+: )?stage=\S+ ")
"""What every line begins with, as text."""
FIELD = re.compile(r"""([A-Za-z_]\w*)=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s'"]\S*?)(?=: | |$)""")
NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:e[+-]\d\d)?")
RESERVED = ("time", "timestamp", "severity", "status", "message", "host", "service")
"""Keys that collectors read: a field of such a name is called `event_status`. As a status `failed` would be an emergency:
Datadog goes by its first letter."""


class LineFormatter(logging.Formatter):
    """Redacts the finished message, traceback included (a filter would see the message alone), then begins each line."""

    stage = "start"
    """The current stage."""
    as_json = False
    """An env file may say so after the first lines."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        text = redact_message(super().format(record))  # as a whole: a secret may span lines
        if not text.startswith("stage="):
            text = f"stage={self.stage} {text}"
        moment = self.formatTime(record, self.datefmt)
        if self.as_json:
            return json_line(text, record.levelname, f"{moment}.{record.msecs:03.0f}Z")
        return text_lines(text, record.levelname, f"{moment}Z")


def text_lines(text: str, level: str, moment: str) -> str:
    """Each line begins like the first one."""
    stage = re.split(r"[\s:]", text, maxsplit=1)[0]
    first, *others = text.splitlines()
    lines = [first, *(f"{stage} {line}" for line in others if line.strip())]
    shown_level = "" if level == "INFO" else f"{level.lower()}: "
    return "\n".join(f"{moment} {shown_level}{line}" for line in lines)


def json_line(text: str, level: str, moment: str) -> str:
    """`time` and `severity` are what Cloud Logging reads, `timestamp` and `status` what Datadog does."""
    line = {"time": moment, "timestamp": moment, "severity": level, "status": level.lower(), "message": text.rstrip()}
    return json.dumps(line | dict(fields(text)), ensure_ascii=False)


def fields(text: str) -> Iterator[tuple[str, Any]]:
    """Those with which a message begins."""
    place = 0
    while found := FIELD.match(text.partition("\n")[0], place):
        yield f"event_{found[1]}" if found[1] in RESERVED else found[1], _value(found[2])
        place = found.end() + 1


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if NUMBER.fullmatch(text):
        return float(text) if "." in text or "e" in text else int(text)
    if text[0] in "'\"":
        try:
            return ast.literal_eval(text)
        except (SyntaxError, ValueError):  # stars may stand where an escape did
            return text[1:-1]
    return text


OURS = '{"time": '


def shown(text: str) -> tuple[str, str]:
    """Lines of another process without a secret: as the log has them, and as text.

    What native code or a library has written itself becomes JSON too, if the log is: such lines have met no formatter.
    """
    if not LineFormatter.as_json:
        text = redact_message(text)
        return text, text
    lines: list[str] = []
    plain: list[str] = []
    for ours, some in groupby(text.split("\n"), lambda line: line.startswith(OURS)):
        if ours:  # its message is redacted; what looks like a URL there may end in the escape of a quote
            found = [redact(line) for line in some]
            lines += found
            plain += map(_plain, found)
        else:  # together: a secret may span lines
            found = redact_message("\n".join(some)).split("\n")
            lines += map(_wrapped, found)
            plain += found
    return "\n".join(lines), "\n".join(plain)


def _plain(line: str) -> str:
    try:
        value = json.loads(line)
        return text_lines(value["message"], value["severity"], f"{value['time'][:19]}Z")
    except (ValueError, KeyError, TypeError):  # a piece of a long one, or a library's own
        return line


def _wrapped(line: str) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return json_line(f"stage={LineFormatter.stage} {line.rstrip()}", "WARNING", now) if line.strip() else line


class Streams(logging.Handler):
    """`info`: the stream of what is no warning."""

    def __init__(self, info: Literal["stdout", "stderr"]) -> None:
        super().__init__()
        self.info = info

    def emit(self, record: logging.LogRecord) -> None:
        stream = getattr(sys, "stderr" if record.levelno >= logging.WARNING else self.info)
        try:
            text = self.format(record)
            BAR.hide()
            stream.write(f"{text}\n")
            stream.flush()
        except OSError:  # nobody has it open any more: a run goes on without its log
            pass
        except Exception:
            self.handleError(record)


def start_logging(info: Literal["stdout", "stderr"] = "stdout") -> None:
    """The job's own lines from info on, all others from warning on. Nothing that this process prints shows a secret.

    `info`: standard error for a command whose result goes to standard output.
    """
    redact_streams(logs=("stderr", info))
    handler = Streams(info)
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
