"""What stage 2 hands on."""

from __future__ import annotations

import json

import pytest

from job.results import Attempt, LogEntry

pytestmark = pytest.mark.light


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
