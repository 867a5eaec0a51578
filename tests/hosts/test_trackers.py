"""The packages of trackers, before any work."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from job.hosts import trackers
from job.hosts.trackers import TRACKERS, prepare_tracker
from job.runs import redaction
from job.runs.redaction import STARS, hide_secrets, redact, without_secrets
from job.settings.fields import TrainSettings
from tests.conftest import PROJECT

pytestmark = pytest.mark.light


@pytest.mark.parametrize("words", [[], ["plan"]], ids=["run", "plan"])
def test_a_tracker_without_its_package_ends_the_start_with_64_and_says_what_to_install(
    words: list[str],
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "out"), "FINETUNE_TRAIN_REPORT_TO": "mlflow"}
    assert command(variables, *words, "--env-file", "env/quickstart.env") == 64
    said = capsys.readouterr().err
    assert "FINETUNE_TRAIN_REPORT_TO: mlflow is not installed; install it (pip install 'mlflow-skinny>=3.5,<4')" in said
    assert not (tmp_path / "out" / "clean").exists()


def test_each_tracker_is_a_value_of_the_setting_and_an_extra() -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert get_args(TrainSettings.model_fields["report_to"].annotation) == (
        "none",
        *(tracker.name for tracker in TRACKERS),
    )
    for tracker in TRACKERS:
        assert extras[tracker.name] == [tracker.package]


@pytest.mark.parametrize("tracker", TRACKERS, ids=lambda tracker: tracker.name)
def test_a_tracker_writes_into_the_run_folder_unless_its_own_variables_say_otherwise(
    tracker: trackers.Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a run" / "tracking"
    for name in (*tracker.variables, *tracker.fixed):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    first = next(iter(tracker.variables))
    prepare_tracker(tracker, folder, "")
    assert os.environ[first].removeprefix("file://").replace("%20", " ").startswith(str(folder))
    assert not [name for name in tracker.variables if os.environ.get(name) == ""]
    monkeypatch.setenv(first, "elsewhere")
    prepare_tracker(tracker, folder, "a1b2")
    assert os.environ[first] == "elsewhere"
    assert [name for name in tracker.variables if os.environ[name] == "a1b2"] == (
        [name for name in tracker.variables if name.endswith("RUN_ID")]
    )


def test_the_keys_of_trackers_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())
    environ = {"WANDB_API_KEY": "0123456789abcdef", "MLFLOW_TRACKING_PASSWORD": "correct-horse", "HOME": "/root"}
    hide_secrets(environ)
    assert redact("0123456789abcdef correct-horse") == f"{STARS} {STARS}"
    assert without_secrets(environ) == {"HOME": "/root"}
