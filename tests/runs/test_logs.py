"""The form of a log line."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator

import pytest

from job.runs.logs import QUIET, LineFormatter, start_logging
from tests.log_lines import ours

pytestmark = pytest.mark.light


def line(level: int, message: str, *arguments: object, error: Exception | None = None) -> str:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("job", level, __file__, 1, message, arguments, exc_info)
    record.created = 0
    return LineFormatter().format(record)


def test_a_line_is_a_time_in_utc_and_an_event() -> None:
    assert line(logging.INFO, "stage=train step=%d", 100) == "1970-01-01T00:00:00Z stage=train step=100"
    assert line(logging.WARNING, "stage=train skipped=true") == "1970-01-01T00:00:00Z warning: stage=train skipped=true"


def test_a_line_that_names_no_stage_gets_the_one_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineFormatter, "stage", "probe")
    assert line(logging.INFO, "template=pinned") == "1970-01-01T00:00:00Z stage=probe template=pinned"
    assert line(logging.WARNING, "a library's words") == "1970-01-01T00:00:00Z warning: stage=probe a library's words"


def test_secrets_are_starred_in_tracebacks_too() -> None:
    text = line(logging.ERROR, "stage=train error=ValueError", error=ValueError("hf_" + "t" * 30))
    assert "ValueError: **********" in text
    assert "tttt" not in text


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers, root.level, sys.excepthook)
    quiet = [logging.getLogger(name) for name in ("job", *QUIET)]
    levels = [logger.level for logger in quiet]
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(False)
    root.handlers, root.level, sys.excepthook = before
    for logger, level in zip(quiet, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("_logging_as_before")
def test_what_reaches_the_log_of_a_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineFormatter, "stage", "clean")
    start_logging()
    logging.getLogger("job").info("stage=clean rows=3")
    logging.getLogger("library").info("details")
    logging.getLogger("library").warning("mind the gap")
    for name in QUIET:
        logging.getLogger(name).warning("install this")
    for kind in (DeprecationWarning, FutureWarning, UserWarning):
        warnings.warn(f"a {kind.__name__}", kind, stacklevel=1)
    lines = [line[21:] for line in capsys.readouterr().err.splitlines()]
    assert lines[:2] == ["stage=clean rows=3", "warning: stage=clean mind the gap"]
    assert lines[2].startswith("warning: stage=clean ") and lines[2].endswith(": UserWarning: a UserWarning")
    assert not re.search("a DeprecationWarning|a FutureWarning|install this", "".join(lines))


@pytest.mark.usefixtures("_logging_as_before")
def test_an_error_that_nothing_catches_is_a_line_of_the_log_too(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging()
    try:
        raise ValueError("unheard of")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0][21:] == "critical: stage=end error=ValueError: unexpected"
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[3:] == ['    raise ValueError("unheard of")', "ValueError: unheard of", ""]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1970-01-01T00:00:00Z stage=train step=100 loss=2.570", True),
        ("1970-01-01T00:00:00Z warning: stage=clean gone=clean/rows: the stage runs again", True),
        ("1970-01-01T00:00:00Z stage=train precision=float32 reason='no GPU is visible'", True),
        ("1970-01-01T00:00:00Z step=100 loss=2.570", False),
        ("1970-01-01T00:00:00Z stage=train self_test rows=3", False),
        ("1970-01-01T00:00:00Z stage=train whole step differs", False),
    ],
)
def test_the_form_that_every_line_of_the_job_keeps(text: str, right: bool) -> None:
    assert ours(text) == right
