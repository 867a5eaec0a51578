"""The start of one of several processes: who is refused, who hears of it, who follows, and who is alone after all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from job import pipeline, stages
from job.hosts.places import Place
from job.runs.folder import RunDir
from job.runs.metrics import MetricsFile
from job.settings.fields import Settings

pytestmark = pytest.mark.light


def test_a_place_that_does_not_add_up_is_refused_and_nobody_writes(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows who leads."""
    variables = {
        "FINETUNE_OUTPUT_DIR": str(tmp_path / "output"),
        "NNODES": "2",
        "NODE_RANK": "2",
        "MASTER_ADDR": "host",
    }
    assert command(variables, "--env-file", "env/quickstart.env") == 64
    assert "NODE_RANK: 2 is no rank among the 2 of NNODES" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_more_workers_than_rows_of_a_step_are_refused_by_every_process(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(stages, "tell", lambda place, code, message, late: told.append(code))
    variables = {
        "FINETUNE_OUTPUT_DIR": str(tmp_path / "output"),
        "FINETUNE_TRAIN_DEVICES": "9",
        "NNODES": "2",
        "NODE_RANK": "1",
        "MASTER_ADDR": "host",
    }
    assert command(variables, "--env-file", "env/quickstart.env") == 64
    assert "FINETUNE_TRAIN_BATCH_SIZE=16" in capsys.readouterr().err
    assert told == [64]
    assert list(tmp_path.iterdir()) == []


def test_rank_1_follows_and_writes_nothing(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[tuple[Place, str, str]] = []

    def follow(place: Place, settings: Settings, token: str) -> int:
        followed.append((place, settings.model.base, token))
        return 75

    monkeypatch.setattr(stages, "follow", follow)
    place = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "host"}
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "output"), "HF_TOKEN": "hf_x", **place}
    assert command(variables, "--env-file", "env/quickstart.env") == 75
    assert followed == [(Place(1, 2, None, "host", 29500, "plain variables"), "quickstart", "hf_x")]
    assert list(tmp_path.iterdir()) == []


def test_two_that_lead_hear_that_both_may_be_rank_0(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one is this process, which holds the folder. One that is alone hears of no rank."""
    monkeypatch.setattr(stages, "tell", lambda place, code, message, late: None)
    run_dir = RunDir(tmp_path / "output")
    run_dir.open()
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "output")}
    place = {"NNODES": "2", "NODE_RANK": "0", "MASTER_ADDR": "host"}
    assert command(variables | place, "--env-file", "env/quickstart.env") == 72
    assert "both were started as rank 0" in capsys.readouterr().err
    assert command(variables, "--env-file", "env/quickstart.env") == 72
    assert "rank 0" not in capsys.readouterr().err
    run_dir.close()


def test_a_run_of_one_host_that_was_told_of_others_warns(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "run", lambda *_, **options: None)
    monkeypatch.setattr(MetricsFile, "write_report", lambda self: None)
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path), "NNODES": "2"}
    assert command(variables, "--env-file", "env/quickstart.env") == 0
    assert capsys.readouterr().err.count("but NODE_RANK and MASTER_ADDR are not: this run trains alone") == 1


def test_a_start_of_rank_0_that_is_refused_tells_the_others(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, str]] = []
    monkeypatch.setattr(stages, "tell", lambda place, code, message, late: told.append((code, message)))
    place = {"NNODES": "2", "NODE_RANK": "0", "MASTER_ADDR": "host"}
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "output"), "FINETUNE_TRAIN_EPOCHS": "many", **place}
    assert command(variables, "--env-file", "env/quickstart.env") == 64
    assert [(code, "FINETUNE_TRAIN_EPOCHS" in message) for code, message in told] == [(64, True)]
