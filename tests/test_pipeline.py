"""The stages in their order: each done once, and each one entry of a tuple."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from job import pipeline
from job.errors import DataError, FolderError, SettingsError
from job.inputs import clean_inputs
from job.results import SCHEMA_VERSION, Choice, Result
from job.runs import pins, progress
from job.runs.files import open_sealed, write_sealed
from job.runs.folder import FileChanged, RunDir
from job.runs.metrics import MetricsFile, MetricsWriter
from job.runs.signals import StopRequest
from job.settings.fields import Settings
from job.settings.loading import load_settings
from job.settings.sources import Source
from job.stages import STAGES, Run, Stage
from tests.conftest import READ_TOKEN, metrics_of, write_rows
from tests.standin_hub import StandInHub


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


def test_a_base_is_not_hashed_before_there_is_a_record_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run hashes it beside its imports; the process that watches would wait for it."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}", "utf-8")
    (base / "model.safetensors").write_bytes(b"weights" * 1000)
    wanted = settings(monkeypatch, MODEL_BASE=str(base))
    run_dir = RunDir(tmp_path / "run")
    run_dir.open()
    before = progress.counts()["bytes"]
    pipeline.refuse_other_run(wanted, run_dir)
    assert not pipeline.is_done(stage("train"), wanted, run_dir)
    assert progress.counts()["bytes"] - before == len("{}"), "the config, on which the cleaned rows depend"
    run_dir.close()


def test_a_stage_runs_leaves_its_record_and_stands_in_metrics_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline, "STAGES", TINY)
    caplog.set_level(logging.INFO, "job")
    wanted = settings(monkeypatch, LORA_R="8")

    def run() -> RunDir:
        run_dir = RunDir(tmp_path)
        pipeline.refuse_other_run(wanted, run_dir)
        pipeline.run(wanted, "", run_dir, MetricsWriter(run_dir, {}, MetricsFile(tmp_path).take), StopRequest())
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


class Left(Result):
    rows_path: str


def leave(run: Run) -> Left:
    (run.root / "rows").write_text("rows", "utf-8")
    return Left(rows_path="rows")


class Spoiling(MetricsWriter):
    """Changes the rows behind the run's back, as often as it may."""

    times = 1

    def add(self, **results: object) -> None:
        super().add(**results)
        if "leave" in results and self.times:
            self.times -= 1
            (self.run_dir.root / "rows").write_text("rowt", "utf-8")


@pytest.mark.light
def test_a_file_that_changes_behind_the_runs_back_is_made_again_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stages = (
        Stage("leave", "leave rows", ("rows",), lambda settings: {}, leave, Left, long_work=False),
        Stage(
            "read",
            "read rows",
            (),
            lambda settings: {},
            lambda run: Choice(value=(run.root / "rows").read_text("utf-8"), reason=""),
            Choice,
            long_work=False,
        ),
    )
    monkeypatch.setattr(pipeline, "STAGES", stages)
    monkeypatch.setattr(pipeline, "check_host", lambda *_: None)
    run_dir = RunDir(tmp_path / "once")
    run_dir.open()
    pipeline.run(settings(monkeypatch), "", run_dir, Spoiling(run_dir, {}, MetricsFile(tmp_path).take), StopRequest())
    assert open_sealed(tmp_path / "once" / "read.json")["result"]["value"] == "rows"
    assert "stage=read changed=true: rows (stage leave) changed after this run had written or checked it" in caplog.text
    run_dir = RunDir(tmp_path / "twice")
    run_dir.open()
    always = Spoiling(run_dir, {}, MetricsFile(tmp_path).take)
    always.times = 2
    with pytest.raises(FileChanged) as caught:
        pipeline.run(settings(monkeypatch), "", run_dir, always, StopRequest())
    assert caught.value.exit_code == 68


@pytest.mark.light
def test_training_that_left_a_checkpoint_is_continued_with_its_own_settings_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir, train = RunDir(tmp_path), stage("train")
    record = {"schema_version": SCHEMA_VERSION, "inputs": train.inputs(settings(monkeypatch)), "result": None}
    write_sealed(tmp_path / "train.json", record)
    other = settings(monkeypatch, LORA_R="8")
    pipeline.refuse_other_run(other, run_dir)
    (tmp_path / "train" / "checkpoints" / "checkpoint-5").mkdir(parents=True)
    with pytest.raises(FolderError, match=r"lora\.r: 16 -> 8"):
        pipeline.refuse_other_run(other, run_dir)


@pytest.mark.light
@pytest.mark.parametrize(
    ("skipped", "held_private"), [(True, False), (False, True), (False, False)], ids=["skipped", "private", "finished"]
)
def test_a_push_that_was_skipped_or_held_private_takes_other_hub_settings_and_a_finished_one_does_not(
    skipped: bool, held_private: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir, push = RunDir(tmp_path), stage("push")
    record = {
        "schema_version": SCHEMA_VERSION,
        "inputs": push.inputs(settings(monkeypatch)),
        "result": {"skipped": skipped, "reason": "", "repositories": [], "held_private": held_private},
    }
    write_sealed(tmp_path / "push.json", record)
    other = settings(monkeypatch, HUB_REPO_ID="owner/adapter")
    if skipped or held_private:
        pipeline.refuse_other_run(other, run_dir)
    else:
        with pytest.raises(FolderError, match=r"hub\.repo_id"):
            pipeline.refuse_other_run(other, run_dir)


# --- which stages ----------------------------------------------------------------------------------------------------


@pytest.mark.light
@pytest.mark.parametrize(
    ("named", "names"),
    [
        ("", ["clean", "train", "probe", "export", "push"]),
        ("push", ["push"]),
        ("clean", ["clean"]),
        ("probe,train", ["train", "probe"]),
    ],
)
def test_the_stages_of_a_start_are_a_row_of_the_pipeline(
    named: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [stage.name for stage in pipeline.chosen(settings(monkeypatch, STAGES=named))] == names


@pytest.mark.light
@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("clean,cook", "there is no stage cook; the stages are clean,train,probe,export,push"),
        ("clean,push", "stages between the first and the last are left out; write clean,train,probe,export,push"),
    ],
)
def test_stages_that_do_not_exist_or_leave_a_gap_are_refused(
    named: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=f"FINETUNE_STAGES: {said}"):
        pipeline.chosen(settings(monkeypatch, STAGES=named))


def run_tiny(folder: Path, wanted: Settings) -> RunDir:
    run_dir = RunDir(folder)
    pipeline.require_earlier(wanted, run_dir)
    pipeline.run(wanted, "", run_dir, MetricsWriter(run_dir, {}, MetricsFile(folder).take), StopRequest())
    return run_dir


def test_a_start_runs_the_stages_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline, "STAGES", TINY)
    caplog.set_level(logging.INFO, "job")
    with pytest.raises(
        SettingsError, match=f"echo needs the result of count with these settings, which is not in {tmp_path}"
    ):
        run_tiny(tmp_path, settings(monkeypatch, STAGES="echo"))
    assert run_tiny(tmp_path, settings(monkeypatch, STAGES="count")).has_result("count")
    assert "stage=end left_out=echo" in caplog.text
    assert not (tmp_path / "echo.json").exists()
    tail = run_tiny(tmp_path, settings(monkeypatch, STAGES="echo"))
    assert tail.reused == ["count"]
    assert tail.has_result("echo")


def test_rows_that_a_later_stages_machine_lacks_count_as_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    monkeypatch.setattr(pipeline, "STAGES", (replace(TINY[0], inputs=clean_inputs), TINY[1]))
    rows = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}])
    folder = tmp_path / "run"
    folder.mkdir()
    run_tiny(folder, settings(monkeypatch, DATA_SOURCES=str(rows), STAGES="count"))
    known = (folder / "count.json").read_bytes()
    rows.rename(tmp_path / "away.jsonl")
    monkeypatch.setattr("job.settings.sources.is_needed", lambda *_: False)  # as for a stage that reads no rows
    wanted = settings(monkeypatch, DATA_SOURCES=str(rows), STAGES="echo")
    pipeline.refuse_other_run(wanted, RunDir(folder))
    assert run_tiny(folder, wanted).reused == ["count"]
    assert f"absent={rows}: not on this machine; the recorded hash counts" in caplog.text
    assert (folder / "count.json").read_bytes() == known
    write_rows(rows, [{"question": "a", "answer": "another"}])
    with pytest.raises(FolderError, match=r"data\.files"):
        pipeline.refuse_other_run(wanted, RunDir(folder))


@pytest.mark.light
def test_rows_that_change_while_they_are_read_are_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}])
    wanted = settings(monkeypatch, DATA_SOURCES=str(rows))

    def read(run: Run) -> Count:
        text = rows.read_text("utf-8")
        if "another" not in text:
            write_rows(rows, [{"question": "a", "answer": "another"}])
        return Count(value=text, reason="")

    stage = Stage("count", "", (), clean_inputs, read, Count, long_work=False, reads_files=True)
    monkeypatch.setattr(pipeline, "STAGES", (stage,))
    monkeypatch.setattr(pipeline, "check_host", lambda *_: None)
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=r"changed while it was read:\n  data\.files\..*rows\.jsonl: "):
        run_tiny(tmp_path / "run", wanted)
    assert not RunDir(tmp_path / "run").has_result("count")
    again = run_tiny(tmp_path / "run", wanted).record("count")
    assert again and "another" in again["result"]["value"]
    assert again["inputs"] == clean_inputs(wanted), "the record names what was read"


@pytest.mark.light
@pytest.mark.parametrize("stages", ["push", "cook"])
def test_a_start_that_cannot_run_its_stages_is_refused_at_once(
    stages: str, tmp_path: Path, command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    variables = {
        "DATA_SOURCES": "quickstart",
        "MODEL_BASE": "quickstart",
        "STAGES": stages,
        "OUTPUT_DIR": str(tmp_path),
    }
    assert command({f"FINETUNE_{name}": value for name, value in variables.items()}) == 64
    assert "FINETUNE_STAGES: " in capfd.readouterr().err
    assert metrics_of(tmp_path)["exit_code"] == 64


def test_checks_are_made_for_the_stages_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is asked for where nothing computes, and no repository where nothing is pushed."""
    from job.hosts import checks

    asked = []
    monkeypatch.setattr(checks, "check", lambda *_args, computes, trains, place: asked.append((computes, trains)))
    heavy = replace(TINY[0], long_work=True, check=lambda run: asked.append("count"))
    computing = replace(
        TINY[1],
        inputs=lambda settings: {"answers": settings.probe.answers},
        long_work=True,
        computes=True,
        takes_steps=True,
        check=lambda run: asked.append("echo"),
        replaceable=lambda result: True,
    )
    monkeypatch.setattr(pipeline, "STAGES", (heavy, computing))
    run_tiny(tmp_path, settings(monkeypatch, STAGES="count"))
    assert asked == [(False, False), "count"]
    run_tiny(tmp_path, settings(monkeypatch, STAGES="echo"))
    assert asked[2:] == [(True, True), "echo"]
    run_tiny(tmp_path, settings(monkeypatch, STAGES="echo"))
    assert len(asked) == 4
    run_tiny(tmp_path, settings(monkeypatch, STAGES="echo", PROBE_ANSWERS="50"))
    assert asked[4:] == [(True, True), "echo"], "a result that is replaced is no result"


# --- which commits ---------------------------------------------------------------------------------------------------


class OnTheHub(NamedTuple):
    """A run whose base is on the Hub."""

    settings: Settings
    run_dir: RunDir
    commit: str

    def pin(self, wanted: tuple[Stage, ...] = STAGES) -> str:
        """The base's revision as the stages get it."""
        return pipeline.pin(
            self.settings,
            READ_TOKEN,
            wanted,
            self.run_dir,
            MetricsWriter(self.run_dir, {}, MetricsFile(self.run_dir.root).take),
        ).model.revision


@pytest.fixture
def on_the_hub(hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnTheHub:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    commit = hub.add_repo("model", "meta/base", {"config.json": b"{}"})
    return OnTheHub(settings(monkeypatch, MODEL_BASE="meta/base"), RunDir(tmp_path / "out"), commit)


def test_upstream_moves_and_the_run_stays(on_the_hub: OnTheHub, hub: StandInHub) -> None:
    assert on_the_hub.pin() == on_the_hub.commit
    hub.add_commit("model", "meta/base", {"config.json": b"[]"})
    asked = len(hub.requests)
    assert on_the_hub.pin() == on_the_hub.commit
    assert len(hub.requests) == asked
    metrics = json.loads((on_the_hub.run_dir.root / "metrics.json").read_text("utf-8"))
    pin = {"kind": "model", "name": "meta/base", "revision": "main", "commit": on_the_hub.commit}
    assert metrics["pins"] == [pin]


def test_another_revision_gets_its_own_commit(on_the_hub: OnTheHub, hub: StandInHub) -> None:
    on_the_hub.pin()
    new = hub.add_commit("model", "meta/base", {"config.json": b"[]"})
    hub.repo("model", "meta/base").tags["v2"] = new
    model = on_the_hub.settings.model.model_copy(update={"revision": "v2"})
    other = on_the_hub._replace(settings=on_the_hub.settings.model_copy(update={"model": model}))
    assert other.pin() == new


def test_commits_that_stages_have_used_outlive_the_loss_of_their_file(on_the_hub: OnTheHub, hub: StandInHub) -> None:
    """A folder of a version that kept no pins, or one in which the file rotted."""
    rows = {"source": "owner/rows@main:train=50", "revision": "r" * 40}
    data = on_the_hub.settings.data.model_copy(update={"sources": (Source.parse("owner/rows=50"),)})
    on_the_hub = on_the_hub._replace(settings=on_the_hub.settings.model_copy(update={"data": data}))
    used = {"clean": {"sources": [rows]}, "train": {"base_revision": on_the_hub.commit}}
    for name, result in used.items():
        write_sealed(
            on_the_hub.run_dir.root / f"{name}.json", {"schema_version": SCHEMA_VERSION, "inputs": {}, "result": result}
        )
    hub.add_commit("model", "meta/base", {"config.json": b"[]"})
    assert on_the_hub.pin() == on_the_hub.commit
    assert [pin.commit for pin in pins.read(on_the_hub.run_dir.root)] == [on_the_hub.commit, "r" * 40]
    assert not hub.requests


def test_a_run_that_is_done_asks_the_hub_for_nothing(on_the_hub: OnTheHub, hub: StandInHub) -> None:
    write_sealed(
        on_the_hub.run_dir.root / "count.json",
        {"schema_version": SCHEMA_VERSION, "inputs": {}, "result": {"value": "1"}},
    )
    assert on_the_hub.pin(wanted=TINY[:1]) == "main"
    assert not hub.requests


# --- results that other settings replace -----------------------------------------------------------------------------


class Kept(Result):
    """What a training keeps, and what is asked of it."""

    handed_on = ("adapter_path",)
    adapter_path: str


class Shared(Result):
    """A later stage's result, which names a file of its own."""

    card_path: str
    skipped: bool


def keep(run: Run) -> Kept:
    (run.root / "candidates").write_text("a", "utf-8")
    return Kept(adapter_path="candidates")


def ask(run: Run) -> Left:
    (run.root / "answers").write_text(str(run.settings.probe.answers), "utf-8")
    return Left(rows_path="answers")


def share(run: Run) -> Shared:
    (run.root / "card").write_text((run.root / "answers").read_text("utf-8"), "utf-8")
    return Shared(card_path="card", skipped=not run.settings.hub.repo_id)


THREE = (
    Stage("keep", "", (), lambda settings: {}, keep, Kept, long_work=False),
    Stage(
        "ask",
        "",
        (),
        lambda settings: {"answers": settings.probe.answers},
        ask,
        Left,
        replaceable=lambda result: True,
        long_work=False,
    ),
    Stage(
        "share",
        "",
        (),
        lambda settings: {},
        share,
        Shared,
        published=lambda result: not result["skipped"],
        long_work=False,
    ),
)


def start(folder: Path, wanted: Settings) -> RunDir:
    pipeline.refuse_other_run(wanted, RunDir(folder))
    return run_tiny(folder, wanted)


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Three stages that are done with 40 answers; gives the settings of another start."""
    monkeypatch.setattr(pipeline, "STAGES", THREE)
    monkeypatch.setattr(pipeline, "check_host", lambda *_: None)

    def of(**values: str) -> Settings:
        return settings(monkeypatch, **{"PROBE_ANSWERS": "40"} | values)

    start(tmp_path, of())
    return of


@pytest.mark.light
def test_other_probe_settings_ask_again_what_training_has_kept(
    tmp_path: Path, finished: Callable[..., Settings]
) -> None:
    assert start(tmp_path, finished(PROBE_ANSWERS="50")).reused == ["keep"]
    assert (tmp_path / "card").read_text("utf-8") == "50"
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert (metrics["ask"]["rows_path"], metrics["reused"]) == ("answers", ["keep"])
    assert start(tmp_path, finished(PROBE_ANSWERS="50")).reused == ["keep", "ask", "share"]


@pytest.mark.light
def test_a_kill_in_the_second_probe_leaves_no_result_of_the_first(
    tmp_path: Path, finished: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answers-of-a-user").write_text("mine", "utf-8")
    (tmp_path / "card").write_text("edited", "utf-8")
    (tmp_path / "report.html").write_text("better", "utf-8")

    def killed(run: Run) -> Left:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "STAGES", (THREE[0], replace(THREE[1], run=killed), THREE[2]))
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, finished(PROBE_ANSWERS="50"))
    assert not RunDir(tmp_path).has_result("ask")
    assert RunDir(tmp_path).record("share") is None
    assert (tmp_path / "card").read_text("utf-8") == "edited", "what a user has changed is no file of the result"
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert "ask" not in metrics and "share" not in metrics
    assert not (tmp_path / "report.html").exists(), "its verdict is gone"
    monkeypatch.setattr(pipeline, "STAGES", THREE)
    assert start(tmp_path, finished()).reused == ["keep"]
    assert (tmp_path / "card").read_text("utf-8") == "40"


@pytest.mark.light
def test_files_of_a_discarded_result_are_removed(tmp_path: Path, finished: Callable[..., Settings]) -> None:
    start(tmp_path, finished(PROBE_ANSWERS="50", STAGES="keep,ask"))
    assert not (tmp_path / "card").exists()
    assert (tmp_path / "answers").read_text("utf-8") == "50"


@pytest.mark.light
def test_what_was_published_is_not_asked_again(tmp_path: Path, finished: Callable[..., Settings]) -> None:
    (tmp_path / "answers").unlink()
    start(tmp_path, finished(PROBE_ANSWERS="50", HUB_REPO_ID="owner/adapter"))
    with pytest.raises(FolderError, match=r"answers: 50 -> 60\n  The stage share has published what came of ask, so"):
        start(tmp_path, finished(PROBE_ANSWERS="60", HUB_REPO_ID="owner/adapter"))


@pytest.mark.light
def test_what_training_no_longer_keeps_cannot_be_asked_again(tmp_path: Path, finished: Callable[..., Settings]) -> None:
    (tmp_path / "candidates").unlink()
    with pytest.raises(FolderError, match=r"candidates, which keep left for ask alone, is gone .* without keep\."):
        start(tmp_path, finished(PROBE_ANSWERS="50"))
    assert start(tmp_path, finished()).reused == ["keep", "ask", "share"]


@pytest.mark.light
def test_a_later_stage_takes_no_result_of_other_settings(tmp_path: Path, finished: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match="share needs the result of ask with these settings"):
        start(tmp_path, finished(PROBE_ANSWERS="50", STAGES="share"))
    assert start(tmp_path, finished(STAGES="share")).reused == ["keep", "ask", "share"]


@pytest.mark.light
def test_a_result_whose_hindrance_may_be_mended_is_made_again(
    tmp_path: Path, finished: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    again = replace(THREE[2], again=lambda result: result["skipped"])
    monkeypatch.setattr(pipeline, "STAGES", (*THREE[:2], again))
    assert start(tmp_path, finished()).reused == ["keep", "ask"]
    assert start(tmp_path, finished(HUB_REPO_ID="owner/adapter")).reused == ["keep", "ask"]
    assert start(tmp_path, finished(HUB_REPO_ID="owner/adapter")).reused == ["keep", "ask", "share"]


@pytest.mark.light
def test_metrics_begin_without_results_of_other_settings(tmp_path: Path, finished: Callable[..., Settings]) -> None:
    from job.start import recorded

    assert list(recorded(finished(), RunDir(tmp_path))) == ["keep", "ask", "share"]
    assert list(recorded(finished(PROBE_ANSWERS="50"), RunDir(tmp_path))) == ["keep"]
