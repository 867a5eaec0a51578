"""One start of a run: refused before anything is touched, or run and ended."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from job import __version__, pipeline, start
from job.errors import FolderInUse, Stopped
from job.hosts import platforms
from job.runs import pins, redaction
from job.runs.deaths import Death
from job.runs.folder import RunDir
from job.runs.metrics import MetricsFile, MetricsWriter
from job.runs.redaction import redact
from job.runs.signals import StopRequest
from job.settings.fields import Settings
from job.stages import Stage
from tests.conftest import metrics_of
from tests.sample_results import HOST
from tests.test_pipeline import Count, Left, count, leave

pytestmark = pytest.mark.light


def test_a_run_says_where_it_is_and_ends_with_success(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Around stages that were all done before."""
    token = "a-token-of-no-known-shape"

    def run(
        settings: Settings, given: str, run_dir: RunDir, writer: MetricsWriter, stop: StopRequest, **options: object
    ) -> None:
        assert (given, redact(token), os.environ["HF_HUB_OFFLINE"]) == (token, "**********", "1")
        with pytest.raises(FolderInUse, match="Another process"):
            RunDir(run_dir.root).open()
        run_dir.reused += [stage.name for stage in pipeline.STAGES]

    reports: list[str] = []
    monkeypatch.setattr(redaction, "_known", set())
    monkeypatch.setattr(platforms, "PLATFORM_JOBS", ("AWS_BATCH_JOB_ID",))
    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: reports.append(self.metrics.status))
    output = tmp_path / "output"
    variables = {"FINETUNE_OUTPUT_DIR": str(output), "HF_TOKEN": token, "AWS_BATCH_JOB_ID": "f00d"}
    assert command(variables, "--env-file", "env/quickstart.env") == 0
    lines = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        f"stage=start version={__version__} output={output}",
        "stage=start AWS_BATCH_JOB_ID=f00d",
        "stage=end reused=all: nothing to do, every stage of this run is done",
        f"stage=end status=succeeded exit_code=0 metrics={output / 'metrics.json'}",
    ]
    assert metrics_of(output)["status"] == "succeeded"
    settings = json.loads((output / "settings.json").read_text("utf-8"))
    assert (settings["hf_token"], settings["data"]["brands"]) == ("**********", ["Leafwise"])
    assert reports == ["succeeded"]


def test_a_run_without_a_token_shows_none(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: None)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "--env-file", "env/quickstart.env") == 0
    assert json.loads((tmp_path / "settings.json").read_text("utf-8"))["hf_token"] == ""


@pytest.mark.parametrize("name", ["settings.json", "metrics.json", "refused.json", "failure.json"])
def test_a_folder_in_the_place_of_a_file_of_the_run_ends_no_run(
    name: str, command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: None)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    (tmp_path / name / "inner").mkdir(parents=True)
    pins.write(tmp_path, [])
    assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "--env-file", "env/quickstart.env") == 0
    assert metrics_of(tmp_path)["status"] == "succeeded"
    assert not (tmp_path / name).is_dir()


@pytest.mark.parametrize("also", [{}, {"FINETUNE_LORA_R": "0"}])
def test_a_folder_with_others_files_is_refused_and_left_as_it_is(
    also: dict[str, str], command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "weights.bin").write_text("my own", "utf-8")
    for _ in range(2):  # what the first one leaves is no mark of a run
        assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path), **also}, "--env-file", "env/quickstart.env") == 64
        said = capsys.readouterr().err
        assert also or f"FINETUNE_OUTPUT_DIR: {tmp_path} holds adapter, which no run of this job wrote" in said
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "adapter",
        "adapter/weights.bin",
    ]


def test_a_run_whose_folder_was_moved_ends_with_68_and_makes_no_other(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "output"
    monkeypatch.setattr(start, "supervise", lambda *_, **__: folder.rename(tmp_path / "moved"))
    assert command({"FINETUNE_OUTPUT_DIR": str(folder)}, "--env-file", "env/quickstart.env") == 68
    assert "was moved or removed while the run worked" in capsys.readouterr().err
    assert not folder.exists()


def test_wrong_settings_exit_64_and_leave_metrics(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path / "out"), "FINETUNE_LORA_R": "0"}) == 64
    output, said = capsys.readouterr()
    assert "error: stage=settings error=SettingsError: 2 settings are wrong:" in said
    assert "FINETUNE_DATA_SOURCES: not set" in said
    assert "FINETUNE_LORA_R: must be greater than or equal to 1, not '0'" in said
    assert "stage=end status=failed exit_code=64" in output
    assert "first run" not in said
    metrics = metrics_of(tmp_path / "out")
    assert (metrics["status"], metrics["exit_code"], metrics["error"]["kind"]) == ("failed", 64, "SettingsError")


@pytest.mark.parametrize(("wrong", "code", "stage"), [({}, 68, "start"), ({"FINETUNE_LORA_R": "0"}, 64, "settings")])
def test_a_folder_that_cannot_be_written_gets_no_metrics(
    wrong: dict[str, str],
    code: int,
    stage: str,
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = tmp_path / "termination-log"
    message.touch()
    monkeypatch.setattr(platforms, "TERMINATION_LOG", message)
    variables = {"FINETUNE_OUTPUT_DIR": "/proc/output", **wrong}  # /proc takes no folder, from root neither
    assert command(variables, "--env-file", "env/quickstart.env") == code
    said = capsys.readouterr().err
    assert f"error: stage={stage} error=" in said
    assert (
        f"error: stage=end status=failed exit_code={code} metrics=none: this run cannot write to /proc/output" in said
    )
    assert message.read_text("utf-8")


def test_a_wrong_output_folder_is_not_made(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command({"FINETUNE_OUTPUT_DIR": '"out"', "FINETUNE_DATA_SOURCES": "quickstart"}) == 64
    assert "metrics=none: FINETUNE_OUTPUT_DIR is wrong" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_set_says_what_to_do(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for variables in ({}, {"FINETUNE_OUTPUT_DIR": str(tmp_path)}):
        assert command(variables) == 64
        said = capsys.readouterr().err
        assert "IMAGE --env-file env/quickstart.env" in said
        assert len(said.splitlines()) < 12


def test_a_start_with_names_in_small_letters_is_refused_in_the_folder_that_was_meant(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command({"finetune_output_dir": str(tmp_path / "meant"), "finetune_data_sources": "quickstart"}) == 64
    assert "finetune_data_sources: write the name in capitals" in metrics_of(tmp_path / "meant")["error"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["meant"]


def test_a_token_of_any_shape_in_the_wrong_place_is_starred(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redaction, "_known", set())
    token = "some.mirrors-own_token"
    file = tmp_path / "wrong.env"
    file.write_text(
        f"FINETUNE_OUTPUT_DIR={tmp_path / 'named'}\nFINETUNE_TRAIN_SEED={token}\nHF_TOKEN={token}\n", "utf-8"
    )
    monkeypatch.chdir(tmp_path)
    assert command({}, "--env-file", str(file)) == 64
    assert metrics_of(tmp_path / "named")["exit_code"] == 64, "the folder that the env file names"
    assert token not in capsys.readouterr().err + (tmp_path / "named" / "metrics.json").read_text("utf-8")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ModuleNotFoundError("half an import"), "SIGUSR1 arrived. Stopped while ModuleNotFoundError came of it."),
        (Stopped("Stopped at step 6."), "SIGUSR1 arrived. Stopped at step 6."),
        (Stopped("SIGUSR1 arrived."), "SIGUSR1 arrived."),
    ],
)
def test_whatever_a_stop_breaks_is_a_stop(
    answer: BaseException,
    message: str,
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An import that Stopped has broken off raises something else later."""

    def run(
        settings: Settings, given: str, run_dir: RunDir, writer: MetricsWriter, stop: StopRequest, **_: object
    ) -> None:
        with suppress(Stopped):
            signal.raise_signal(signal.SIGUSR1)
        raise answer

    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "--env-file", "env/quickstart.env") == 75
    assert (metrics_of(tmp_path)["status"], metrics_of(tmp_path)["error"]["message"]) == ("stopped", message)


def test_a_run_whose_folder_was_taken_over_is_refused_like_a_second_one(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ("settings.json", "metrics.json", "owner.json")

    def taken_over(*_: object, **__: object) -> Death:
        for name in theirs:
            (tmp_path / name).write_text("{}", "utf-8")
        raise FolderInUse("Another process is working here.")

    monkeypatch.setattr(start, "supervise", taken_over)
    assert command({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "--env-file", "env/quickstart.env") == 72
    assert json.loads((tmp_path / "refused.json").read_text("utf-8"))["exit_code"] == 72
    assert {(tmp_path / name).read_text("utf-8") for name in theirs} == {"{}"}


@pytest.mark.parametrize(
    ("stage", "device", "signal_name", "tries"),
    [
        ("train", "cpu", "", [False, True]),
        ("train", "cuda", "", [False]),
        ("clean", "cpu", "", [False]),
        ("train", "cpu", "SIGTERM", [False]),
    ],
)
def test_a_training_on_a_cpu_that_is_killed_for_memory_is_tried_once_more_with_half(
    stage: str,
    device: str,
    signal_name: str,
    tries: list[bool],
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel's part is that of tests/runs/test_supervisor.py: here the process has been killed already."""
    halved: list[bool] = []

    def killed(work: Any, file: MetricsFile, **_: object) -> Death:
        halved.append(work.args[-1])
        writer = MetricsWriter(RunDir(tmp_path), {}, file.take)
        writer.add(host=HOST.model_copy(update={"device": device}))
        writer.at(stage)
        return Death(-9, killed="", signal=signal_name, idle_seconds=0, memory_killed=True, tail="")

    monkeypatch.setattr(start, "supervise", killed)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    code = command({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "--env-file", "env/quickstart.env")
    assert (halved, code) == (tries, 75 if signal_name else 68)


@pytest.fixture
def finished(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """A run of two stages in the folder `output`, and a way to start it again: the exit code and metrics.json."""
    stages = (
        Stage("leave", "leave rows", (), lambda settings: {}, leave, Left, long_work=False),
        Stage("count", "count", (), lambda settings: {}, count, Count, long_work=False),
    )
    monkeypatch.setattr(pipeline, "STAGES", stages)
    monkeypatch.setattr(pipeline, "check_host", lambda *_: None)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)

    def again(**variables: str) -> tuple[int, dict[str, Any]]:
        given = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "output"), **variables}
        return command(given, "--env-file", "env/quickstart.env"), metrics_of(tmp_path / "output")

    assert again()[0] == 0
    return again


def test_a_later_stage_without_the_files_of_an_earlier_one_is_refused_and_the_run_stays_as_it_was(
    finished: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    output = tmp_path / "output"
    before = metrics_of(output)
    (output / "rows").unlink()
    assert finished(FINETUNE_STAGES="count") == (64, before)
    refused = json.loads((output / "refused.json").read_text("utf-8"))
    assert "count needs rows of leave, gone or no longer as written" in refused["message"]


def test_a_start_that_is_stopped_early_keeps_the_results_of_finished_stages(
    finished: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = metrics_of(tmp_path / "output")

    def stopped(*_: object, **__: object) -> None:
        raise Stopped("SIGTERM arrived.")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "pin", stopped)
        code, found = finished()
    kept = ("leave", "count", "stage_seconds")
    assert (code, found["status"], [found[name] for name in kept]) == (75, "stopped", [before[name] for name in kept])
    (tmp_path / "output" / "rows").write_text("edited", "utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "STAGES", (replace(pipeline.STAGES[0], run=stopped), pipeline.STAGES[1]))
        code, found = finished()
    assert (code, found.get("leave"), found["count"]) == (75, None, before["count"]), (
        "what is made anew is not there yet"
    )


def test_a_process_that_dies_before_its_first_word_wipes_nothing_out(
    finished: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = metrics_of(tmp_path / "output")
    death = Death(-9, killed="", signal="SIGTERM", idle_seconds=0, memory_killed=False, tail="")
    monkeypatch.setattr(start, "supervise", lambda *_, **__: death)
    code, found = finished()
    assert (code, found["leave"], found["count"]) == (75, before["leave"], before["count"])
