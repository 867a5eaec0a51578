"""What flows between stages and into metrics.json."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from job.results import SCHEMA_VERSION, Attempt, Choice, LogEntry, Metrics

pytestmark = pytest.mark.light

RUNNING = {
    "version": "0",
    "status": "running",
    "stage": "check",
    "exit_code": None,
    "started_at": "2026-01-31T12:00:00+00:00",
    "updated_at": "2026-01-31T12:00:00+00:00",
    "seconds": 0,
    "stage_seconds": {},
    "reused": [],
    "settings": {},
}


def test_a_result_is_frozen_and_knows_its_fields() -> None:
    choice = Choice(value="float32", reason="no GPU is visible")
    with pytest.raises(ValidationError, match="frozen"):
        choice.value = "float16"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Choice.model_validate({"value": "x", "reason": "y", "why": "z"})


def test_a_number_that_is_none_is_null_in_json() -> None:
    assert json.loads(LogEntry(step=1, loss=float("nan"), seconds=1).model_dump_json())["loss"] is None


def test_an_attempt_is_a_line_of_fields() -> None:
    attempt = Attempt(
        step=7,
        micro_batch_tokens=512,
        checkpointing="all",
        predicted_bytes=2**30,
        peak_bytes=3 * 2**29,
        fits=False,
    )
    line = "micro_batch_tokens=512 checkpointing=all predicted_gib=1.00 peak_gib=1.50 fits=false"
    assert str(attempt) == f"{line} step=7"
    measured = attempt.model_copy(update={"step": 0, "predicted_bytes": None})
    assert str(measured) == line.replace("predicted_gib=1.00", "predicted_gib=-")


def test_metrics_take_the_result_of_any_stage_by_its_name() -> None:
    metrics = Metrics.model_validate(RUNNING | {"count": Choice(value="7", reason="counted")})
    written = json.loads(metrics.model_dump_json())
    assert written["schema_version"] == SCHEMA_VERSION
    assert written["count"] == {"value": "7", "reason": "counted"}
    assert (written["host"], written["clean"], written["push"]) == (None, None, None)
    with pytest.raises(ValidationError):
        Metrics.model_validate(RUNNING | {"clean": {"value": "7"}})
