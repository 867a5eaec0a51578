"""The published schema of metrics.json."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from job import errors, pipeline
from job.errors import JobError, SettingsError, Stopped
from job.results import SCHEMA_VERSION
from job.results.schema import NAME, metrics_schema
from job.runs.metrics import MetricsFile
from job.settings.fields import Settings
from tests import conftest
from tests.conftest import PROJECT, metrics_of
from tests.sample_results import DONE, HOST

pytestmark = pytest.mark.light
SCHEMA = json.loads(metrics_schema())
ENDINGS: list[Any] = [
    *(kind("what happened") for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, JobError)),
    *[Stopped("SIGTERM arrived."), ZeroDivisionError("a bug"), MemoryError("no memory"), None],
]


def faults(value: Any) -> list[str]:
    return [error.json_path for error in conftest.metrics_schema().iter_errors(value)]


def test_the_published_schema_is_current_and_one_itself() -> None:
    published = (PROJECT / "job" / "results" / NAME).read_text("utf-8")
    assert published == metrics_schema(), f"run: python -m job.results > job/results/{NAME}"
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"].endswith(f":{SCHEMA_VERSION}")
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_a_field_says_what_it_means_as_the_source_does() -> None:
    assert SCHEMA["properties"]["reused"]["description"] == "Stages whose stored result was reused."
    assert SCHEMA["$defs"]["Guardrail"]["properties"]["detectable"]["description"].startswith("The smallest difference")


def test_every_figure_of_a_finished_run_keeps_to_it() -> None:
    written = DONE.model_dump(mode="json")
    assert faults(written) == []
    assert faults(written | {"count": {"value": 7}}) == [], "a stage that is new"
    assert faults(written | {"schema_version": 1}) == ["$.schema_version"]
    assert faults({name: value for name, value in written.items() if name != "exit_code"}) == ["$"]
    assert faults(written | {"host": {**written["host"], "cpus": "two"}}) == ["$.host"]


def test_a_number_that_is_not_finite_is_null(tmp_path: Path) -> None:
    assert DONE.train is not None
    train = DONE.train.model_copy(update={"base_eval_loss": math.nan})
    file = MetricsFile(tmp_path)
    file.take(DONE.model_copy(update={"train": train}))
    assert metrics_of(tmp_path)["train"]["base_eval_loss"] is None
    assert "NaN" not in file.path.read_text("utf-8")


@pytest.mark.parametrize("error", ENDINGS, ids=lambda error: type(error).__name__)
def test_every_ending_keeps_to_it(
    error: BaseException | None, command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(settings: Settings, token: str, run_dir: Any, writer: Any, stop: Any, *, halved: bool, others: Any) -> None:
        writer.add(host=HOST, clean=DONE.clean)
        writer.at("train")
        if error:
            raise error

    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    code = command({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "--env-file", "env/quickstart.env")
    metrics = metrics_of(tmp_path)
    assert (metrics["exit_code"], metrics["stage"]) == (code, "train")
    assert metrics["status"] == (
        "succeeded" if error is None else "stopped" if isinstance(error, Stopped) else "failed"
    )


def test_a_refused_start_keeps_to_it(command: Callable[..., int], tmp_path: Path) -> None:
    assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path), "FINETUNE_LORA_R": "0"}) == SettingsError.exit_code
    assert metrics_of(tmp_path)["settings"] == {}
