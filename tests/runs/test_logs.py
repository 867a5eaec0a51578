"""The form of a log line."""

from __future__ import annotations

import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from job import pipeline
from job.errors import DataError
from job.runs import redaction
from job.runs.logs import PREFIX, QUIET, LineFormatter, fields, shown, start_logging
from job.runs.metrics import MetricsFile
from tests.log_lines import ours, stands_alone

pytestmark = pytest.mark.light
TRACEBACK = "Traceback (most recent call last):"


def line(level: int, message: str, *arguments: object, error: Exception | None = None) -> str:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("job", level, __file__, 1, message, arguments, exc_info)
    record.created = record.msecs = 0
    return LineFormatter().format(record)


def test_a_line_is_a_time_in_utc_and_an_event() -> None:
    assert line(logging.INFO, "stage=train step=%d", 100) == "1970-01-01T00:00:00Z stage=train step=100"
    assert line(logging.WARNING, "stage=train skipped=true") == "1970-01-01T00:00:00Z warning: stage=train skipped=true"


def test_a_line_that_names_no_stage_gets_the_one_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineFormatter, "stage", "probe")
    assert line(logging.INFO, "template=pinned") == "1970-01-01T00:00:00Z stage=probe template=pinned"
    assert line(logging.WARNING, "a library's words") == "1970-01-01T00:00:00Z warning: stage=probe a library's words"


def test_each_line_of_a_message_stands_alone_and_keeps_its_indentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineFormatter, "stage", "probe")
    text = line(logging.ERROR, "stage=train error=%s: two problems\n  A: wrong\n\n    B: wrong too\n", "DataError")
    begin = "1970-01-01T00:00:00Z error: stage=train "
    assert text.splitlines() == [
        f"{begin}error=DataError: two problems",
        f"{begin}  A: wrong",
        f"{begin}    B: wrong too",
    ]
    assert line(logging.INFO, "words\rmore").splitlines() == [
        "1970-01-01T00:00:00Z stage=probe words",
        "1970-01-01T00:00:00Z stage=probe more",
    ]
    assert line(logging.WARNING, "") == "1970-01-01T00:00:00Z warning: stage=probe "


def test_a_traceback_follows_with_the_stage_of_its_message() -> None:
    lines = line(logging.ERROR, "stage=train error=ValueError", error=ValueError("one\ntwo")).splitlines()
    assert [PREFIX.sub("", each) for each in lines] == ["error=ValueError", "ValueError: one", "two"]
    assert all(each.startswith("1970-01-01T00:00:00Z error: stage=train ") for each in lines)


def test_a_secret_of_several_lines_is_starred_before_the_lines_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {"first half\nsecond half"})
    assert (
        line(logging.INFO, "stage=push key=first half\nsecond half") == "1970-01-01T00:00:00Z stage=push key=**********"
    )


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
    output, errors = (text.splitlines() for text in capsys.readouterr())
    assert [each for each in (*output, *errors) if not stands_alone(each)] == []
    assert [line[21:] for line in output] == ["stage=clean rows=3"]
    lines = [line[21:] for line in errors]
    assert lines[0] == "warning: stage=clean mind the gap"
    assert lines[1].startswith("warning: stage=clean ") and lines[1].endswith(": UserWarning: a UserWarning")
    assert not re.search("a DeprecationWarning|a FutureWarning|install this", "".join(lines))


@pytest.mark.usefixtures("_logging_as_before")
def test_where_standard_output_holds_a_result_the_whole_log_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start_logging("stderr")
    logging.getLogger("job").info("stage=plan rows=3")
    logging.getLogger("job").warning("stage=plan gone=rows")
    output, errors = capsys.readouterr()
    assert (output, [line[21:] for line in errors.splitlines()]) == (
        "",
        ["stage=plan rows=3", "warning: stage=plan gone=rows"],
    )


def as_json(level: int, message: str, *arguments: object, error: Exception | None = None) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LineFormatter, "as_json", True)
        text = line(level, message, *arguments, error=error)
    assert "\n" not in text
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def test_a_json_line_has_what_collectors_read_and_each_field_as_a_key() -> None:
    message = "stage=train step=%d loss=%.3f skipped=true base=%s says=%r: words a=b"
    written = as_json(logging.WARNING, message, 100, 2.57, "acme/small", 'it\'s "so"')
    assert written == {
        "time": "1970-01-01T00:00:00.000Z",
        "timestamp": "1970-01-01T00:00:00.000Z",
        "severity": "WARNING",
        "status": "warning",
        "message": message % (100, 2.57, "acme/small", 'it\'s "so"'),
        "stage": "train",
        "step": 100,
        "loss": 2.57,
        "skipped": True,
        "base": "acme/small",
        "says": 'it\'s "so"',
    }
    assert as_json(logging.INFO, "stage=end status=failed host=a")["status"] == "info", "what Datadog takes for a level"
    assert as_json(logging.INFO, "stage=end status=failed host=a")["event_status"] == "failed"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("7", 7), ("-0.5", -0.5), ("1.50e-04", 0.00015), ("0", 0), ("false", False), ("nan", "nan"), ("007", "007")],
        *[("12e45", "12e45"), ("1234567890123456789", "1234567890123456789"), ("1,000", "1,000"), ("''", "")],
        *[("'a\\'b'", "a'b"), ("'c\\**********'", "c\\**********"), ("http://h:80/a:b", "http://h:80/a:b")],
    ],
)
def test_a_field_keeps_its_type(text: str, value: object) -> None:
    assert dict(fields(f"stage=train value={text} last=1: x=2")) == {"stage": "train", "value": value, "last": 1}


def test_a_message_of_several_lines_is_one_json_line() -> None:
    message = "stage=train error=%s: two problems\n  A: wrong\n  B=2: wrong too"
    written = as_json(logging.ERROR, message, "DataError", error=ValueError("hf_" + "t" * 30))
    assert written["message"].splitlines()[2:] == ["  B=2: wrong too", "ValueError: **********"]
    assert (written["error"], "B" in written) == ("DataError", False)


def test_lines_of_another_process_stay_json_and_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineFormatter, "as_json", True)
    monkeypatch.setattr(redaction, "_known", {"half one\nhalf two", "planted-word"})
    ours = line(logging.WARNING, 'stage=push says %r: no answer from "https://hub.example/a?code=1"', 'a\\"b')
    text = f"{ours}\nhalf one\nhalf two https://h.example/?k=v\n\n" + '{"time": 7, "note": "planted-word"}\n'
    log, plain = shown(text)
    first, foreign, empty, last, end = log.split("\n")
    assert first == ours and json.loads(first)["message"].endswith('"https://hub.example/a?code=**********"')
    assert json.loads(foreign)["message"] == f"stage={LineFormatter.stage} ********** https://h.example/?k=**********"
    assert (empty, json.loads(last)["note"], end) == ("", "**********", "")
    monkeypatch.setattr(LineFormatter, "as_json", False)
    assert plain.splitlines() == [
        line(logging.WARNING, 'stage=push says %r: no answer from "https://hub.example/a?code=1"', 'a\\"b'),
        "********** https://h.example/?k=**********",
        "",
        last,
    ]
    assert shown("planted-word\n") == ("**********\n", "**********\n")


@pytest.mark.usefixtures("_logging_as_before")
def test_an_error_that_nothing_catches_is_in_the_log_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LineFormatter, "stage", "probe")
    start_logging()
    try:
        raise ValueError("unheard of")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    lines = [line[21:] for line in capsys.readouterr().err.splitlines()]
    assert lines[:2] == [f"critical: stage=probe {said}" for said in ("error=ValueError: unexpected", TRACEBACK)]
    assert lines[3:] == [
        'critical: stage=probe     raise ValueError("unheard of")',
        "critical: stage=probe ValueError: unheard of",
    ]


def wrong_rows() -> NoReturn:
    raise DataError("too few rows", remedy="Add rows.\nOr lower FINETUNE_DATA_MIN_ROWS.")


def bug() -> NoReturn:
    try:
        raise KeyError("cause")
    except KeyError as cause:
        raise ZeroDivisionError("division by zero") from cause


@pytest.mark.parametrize(
    ("variables", "happens", "code", "says"),
    [
        ({"FINETUNE_LORA_R": "0", "FINETUNE_TRAIN_SEED": "x"}, None, 64, "settings   FINETUNE_TRAIN_SEED: must be"),
        ({}, wrong_rows, 65, "settings   Or lower FINETUNE_DATA_MIN_ROWS."),
        ({}, bug, 1, "settings ZeroDivisionError: division by zero"),
    ],
    ids=["several problems", "a remedy", "a traceback with a cause"],
)
def test_every_line_of_a_failed_start_stands_alone(
    variables: dict[str, str],
    happens: Callable[[], NoReturn] | None,
    code: int,
    says: str,
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if happens:
        monkeypatch.setattr(pipeline, "run", lambda *_, **__: happens())
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path), **variables}, "--env-file", "env/quickstart.env") == code
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if not stands_alone(line)] == []
    assert any(f"error: stage={says}" in line for line in lines), lines


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1970-01-01T00:00:00Z error: stage=train   a remedy", True),
        ("1970-01-01T00:00:00Z stage=train step=100", True),
        ("1970-01-01T00:00:00Z error:   a remedy", False),
        ("  a remedy", False),
        ("", False),
    ],
)
def test_what_stands_alone_begins_with_time_and_stage(text: str, right: bool) -> None:
    assert (stands_alone(text), bool(PREFIX.match(text))) == (right, right)


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
