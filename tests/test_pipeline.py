"""The stages in their order: each done once, and each one entry of a tuple."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from job import pipeline
from job.errors import FolderError
from job.pipeline import STAGES, Run, Stage, clean_inputs, fingerprint, train_inputs
from job.results import Choice
from job.runs.folder import RunDir, write_json
from job.runs.metrics import MetricsWriter
from job.runs.progress import counts
from job.runs.signals import StopRequest
from job.settings.fields import Settings
from job.settings.loading import load_settings
from job.settings.sources import Source
from tests.conftest import write_rows


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in ({"DATA_SOURCES": "quickstart", "MODEL_BASE": "quickstart"} | values).items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    return load_settings()


def stage(name: str) -> Stage:
    return next(stage for stage in STAGES if stage.name == name)


class Count(Choice):
    """The result of a stage that nobody else knows."""


def count(run: Run) -> Count:
    return Count(value=str(run.settings.lora.r), reason=f"after {len(run.results)} stages")


def echo(run: Run) -> Choice:
    return Choice(value=run.result(Count).value * 2, reason="twice")


TINY = (
    Stage("count", "count something", ("count/",), lambda settings: {"lora": settings.lora.r}, count, Count, long_work=False),
    Stage("echo", "say it twice", (), lambda settings: {}, echo, Choice, long_work=False),
)  # fmt: skip


def test_a_stage_runs_leaves_its_record_and_stands_in_metrics_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline, "STAGES", TINY)
    caplog.set_level(logging.INFO, "job")
    wanted = settings(monkeypatch, LORA_R="8")

    def run() -> RunDir:
        run_dir = RunDir(tmp_path)
        pipeline.run(wanted, "", run_dir, MetricsWriter(run_dir, {}), StopRequest())
        return run_dir

    assert run().reused == []
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert metrics["count"] == {"value": "8", "reason": "after 0 stages"}
    assert metrics["echo"] == {"value": "88", "reason": "twice"}
    assert list(metrics["stage_seconds"]) == ["count", "echo"]
    assert json.loads((tmp_path / "count.json").read_text("utf-8"))["inputs"] == {"lora": 8}
    assert "stage=count started=true" in caplog.text
    assert "stage=echo finished=true" in caplog.text
    assert run().reused == ["count", "echo"]
    wanted = settings(monkeypatch, LORA_R="16")
    with pytest.raises(FolderError, match="lora: 8 -> 16"):
        run()


@pytest.mark.light
def test_the_cleaned_rows_depend_on_texts_and_not_on_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).write_text("You repair things.\n", "utf-8")
    one = clean_inputs(settings(monkeypatch, DATA_SYSTEM_PROMPT_FILE=str(tmp_path / "one")))
    other = clean_inputs(settings(monkeypatch, DATA_SYSTEM_PROMPT_FILE=str(tmp_path / "other")))
    assert one == other
    assert one["data"]["system_prompt"] == "You repair things."
    (tmp_path / "other").write_text("You sell things.\n", "utf-8")
    assert clean_inputs(load_settings()) != one


@pytest.mark.light
@pytest.mark.parametrize(
    ("inputs", "name", "value"),
    [
        (clean_inputs, "DATA_WORKERS", "3"),
        (clean_inputs, "MODEL_SAVE_EMBEDDING", "none"),
        (clean_inputs, "TRAIN_LEARNING_RATE", "0.1"),
        (train_inputs, "TRAIN_LOG_STEPS", "1"),
        (train_inputs, "TRAIN_CHECKPOINT_MINUTES", "1"),
        (train_inputs, "DEADLINE_MINUTES", "60"),
        (train_inputs, "DATA_WORKERS", "3"),
    ],
)
def test_what_changes_no_result_is_no_input(
    inputs: Callable[[Settings], object], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs(settings(monkeypatch))
    assert inputs(settings(monkeypatch, **{name: value})) == before


@pytest.mark.light
@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_TOKENS", "256"), ("LOSS_ON", "text"), ("SEED", "1")],
)
def test_settings_of_training_that_change_the_rows_are_inputs_of_cleaning(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = clean_inputs(settings(monkeypatch))
    assert clean_inputs(settings(monkeypatch, **{f"TRAIN_{name}": value})) != before


@pytest.mark.light
def test_a_file_of_rows_is_known_by_its_content(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}])
    source, folder = Source.parse(str(file)), Source.parse(str(tmp_path))
    before = fingerprint(source), fingerprint(folder)
    file.touch()
    assert (fingerprint(source), fingerprint(folder)) == before
    write_rows(file, [{"question": "a", "answer": "c"}])
    assert fingerprint(source) != before[0]
    assert fingerprint(folder) != before[1]
    assert fingerprint(Source.parse("quickstart")) == "embedded"


@pytest.mark.light
def test_a_file_is_hashed_once_in_a_start_and_its_bytes_are_progress(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}])
    os.utime(file, (1, 1))  # it has settled long ago
    before = counts().get("bytes", 0)
    first = fingerprint(Source.parse(str(file)))
    assert fingerprint(Source.parse(str(file))) == first
    assert counts()["bytes"] - before == file.stat().st_size
    write_rows(file, [{"question": "a", "answer": "c"}])
    os.utime(file, (2, 2))
    assert fingerprint(Source.parse(str(file))) != first


@pytest.mark.light
def test_training_that_left_a_checkpoint_is_continued_with_its_own_settings_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir, train = RunDir(tmp_path), stage("train")
    record = {"schema_version": 1, "inputs": train.inputs(settings(monkeypatch)), "result": None}
    write_json(tmp_path / "train.json", record)
    other = settings(monkeypatch, LORA_R="8")
    pipeline.refuse_other_run(train, run_dir, other)
    (tmp_path / "train" / "checkpoints" / "checkpoint-5").mkdir(parents=True)
    with pytest.raises(FolderError, match=r"lora\.r: 16 -> 8"):
        pipeline.refuse_other_run(train, run_dir, other)


@pytest.mark.light
@pytest.mark.parametrize("skipped", [True, False])
def test_a_push_that_was_skipped_takes_other_hub_settings_and_a_finished_one_does_not(
    skipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir, push = RunDir(tmp_path), stage("push")
    record = {
        "schema_version": 1,
        "inputs": push.inputs(settings(monkeypatch)),
        "result": {"skipped": skipped, "reason": "", "repositories": []},
    }
    write_json(tmp_path / "push.json", record)
    other = settings(monkeypatch, HUB_REPO_ID="owner/adapter")
    if skipped:
        pipeline.refuse_other_run(push, run_dir, other)
    else:
        with pytest.raises(FolderError, match=r"hub\.repo_id"):
            pipeline.refuse_other_run(push, run_dir, other)
