"""metrics.json."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from job.results import SCHEMA_VERSION, Choice, Metrics

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


def test_metrics_take_the_result_of_any_stage_by_its_name() -> None:
    metrics = Metrics.model_validate(RUNNING | {"count": Choice(value="7", reason="counted")})
    written = json.loads(metrics.model_dump_json())
    assert written["schema_version"] == SCHEMA_VERSION
    assert written["count"] == {"value": "7", "reason": "counted"}
    assert (written["host"], written["clean"], written["push"]) == (None, None, None)
    with pytest.raises(ValidationError):
        Metrics.model_validate(RUNNING | {"clean": {"value": "7"}})
