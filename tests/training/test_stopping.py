"""A training that is asked to stop, is killed, or meets its deadline goes on and ends in the same adapter, wherever it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from job.errors import Stopped
from job.results import LogEntry
from job.runs.deadline import Deadline
from job.runs.files import read_lines
from job.runs.signals import StopRequest
from job.settings.fields import TrainSettings
from job.training import stage
from job.training.checkpoints import newest_whole, step_of
from job.training.forecast import Forecast, Measured
from job.training.forward import Forward
from tests.training.test_stage import trained

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("round_trip_here")]
SETTINGS = TrainSettings(epochs=2, batch_size=16, warmup_steps=1, eval_steps=3, log_steps=1, learning_rate=0.01)
"""Two epochs of four steps. No checkpoint is due at the end of the first: a stop there saves its own."""


class StopAtLook(StopRequest):
    """The signal arrives just before the training looks for the n-th time."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def __getattribute__(self, name: str) -> object:
        if name == "requested":
            self.left -= 1
            return self.left <= 0
        return super().__getattribute__(name)


@pytest.fixture(scope="module")
def two_micro_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Forward, "cut", lambda _, rows, __: [half for half in (rows[:8], rows[8:]) if half])
        yield


def adapters(root: Path) -> dict[str, bytes]:
    """All candidates, and the facts of them."""
    return {path.name: path.read_bytes() for path in (root / "train/candidates").iterdir()}


@pytest.fixture(scope="module")
def uninterrupted(
    base: Path, tmp_path_factory: pytest.TempPathFactory, two_micro_batches: None, round_trip_here: None
) -> Path:
    root = tmp_path_factory.mktemp("uninterrupted")
    result = trained(root, base, train_settings=SETTINGS)
    assert [one.step for one in result.candidates] == [6, 8]
    return root


def test_wherever_training_notices_a_stop_between_two_epochs(
    base: Path, tmp_path: Path, uninterrupted: Path, two_micro_batches: None
) -> None:
    """The second epoch's data loader draws a random number, and so does dropout: those that go on must draw them again."""
    places = {"the end of the first epoch": 13, "the next step's second micro-batch": 15}
    for place, look in places.items():
        root = tmp_path / place
        root.mkdir()
        with pytest.raises(Stopped, match="at step 4"):
            trained(root, base, train_settings=SETTINGS, stop=StopAtLook(look))
        assert trained(root, base, train_settings=SETTINGS).resumed_from_step == 4
        assert adapters(root) == adapters(uninterrupted), place


def test_the_loss_of_the_very_last_step_is_in_the_log_of_a_training_that_stops_after_it(
    base: Path, tmp_path: Path, uninterrupted: Path, two_micro_batches: None
) -> None:
    """It is a result of the run."""
    known = [entry.loss for entry in losses(uninterrupted)]
    with pytest.raises(Stopped, match="at step 8"):
        trained(tmp_path, base, train_settings=SETTINGS, stop=StopAtLook(25))
    assert [entry.step for entry in losses(tmp_path)] == list(range(1, 9))
    assert trained(tmp_path, base, train_settings=SETTINGS).final_train_loss == known[-1]
    assert [entry.loss for entry in losses(tmp_path)] == known


def losses(root: Path) -> list[LogEntry]:
    return [entry for entry in read_lines(root / "train/log.jsonl", LogEntry) if entry.loss is not None]


@pytest.mark.parametrize("look", [1, 2])
def test_a_stop_before_the_first_step_has_nothing_saved_and_says_so(look: int, base: Path, tmp_path: Path) -> None:
    """In the evaluation before training, and in the first step."""
    with pytest.raises(Stopped) as stopped:
        trained(tmp_path, base, train_settings=SETTINGS, stop=StopAtLook(look))
    assert "No training step was finished yet: the next start begins training anew." in str(stopped.value)
    assert newest_whole(tmp_path / "train" / "checkpoints") is None


# --- killed ----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing in the job knows it, so nothing is saved because of it."""


class KillAtLook(StopAtLook):
    def __getattribute__(self, name: str) -> object:
        if super().__getattribute__(name) is True:
            raise Killed
        return False if name == "requested" else super().__getattribute__(name)


def test_a_killed_training_repeats_no_more_than_its_checkpoint_minutes(
    base: Path, tmp_path: Path, uninterrupted: Path, two_micro_batches: None
) -> None:
    """Here less than a step: each one is saved, before an evaluation too. Where the checkpoints fall changes no byte."""
    each_step = SETTINGS.model_copy(update={"checkpoint_minutes": 1e-9})
    kills = (("in the second step", 6, 1), ("in an evaluation", 7, 3), ("in the second epoch's first step", 5, 4))
    for place, look, saved in kills:
        with pytest.raises(Killed):
            trained(tmp_path, base, train_settings=each_step, stop=KillAtLook(look))
        newest = newest_whole(tmp_path / "train" / "checkpoints")
        assert newest and step_of(newest) == saved, place
    result = trained(tmp_path, base, train_settings=each_step)
    assert result.resumed_from_step == 4
    saving = [entry.checkpoint_seconds or 0 for entry in read_lines(tmp_path / "train/log.jsonl", LogEntry)]
    assert saving == sorted(saving), "over all starts"
    assert 0 < saving[-1] <= result.checkpoint_seconds < result.train_seconds
    evaluated = [entry.step for entry in read_lines(tmp_path / "train/log.jsonl", LogEntry) if entry.eval_loss]
    assert evaluated == [0, 3, 6, 8]
    newest = newest_whole(tmp_path / "train" / "checkpoints")
    assert newest and read_lines(newest / "log.jsonl", LogEntry)[-1].eval_loss, (
        "it is sealed again after its evaluation"
    )
    assert adapters(tmp_path) == adapters(uninterrupted)


# --- the deadline ----------------------------------------------------------------------------------------------------


class AfterSteps(Forecast):
    """The forecast of a clock on which the time is up after so many steps of this start."""

    steps = 3

    def must_end(self, measured: Measured, *, evaluation: bool) -> bool:
        assert measured.step_seconds > 0 and measured.evaluation_seconds >= 0
        self.steps -= 1
        return self.steps == 0


def deadline(action: Literal["continue", "finish"]) -> Deadline:
    return Deadline(minutes=60, action=action, at=time.monotonic() + 3600)


def test_a_run_that_will_not_fit_is_continued_by_the_next_start(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "Forecast", AfterSteps)
    with pytest.raises(Stopped) as stopped:
        trained(tmp_path, base, train_settings=SETTINGS, deadline=deadline("continue"))
    assert str(stopped.value) == "The deadline of 60 minutes is near. Stopped at step 3; its checkpoint is saved."
    newest = newest_whole(tmp_path / "train" / "checkpoints")
    assert newest and step_of(newest) == 3


def test_a_run_that_will_not_fit_may_finish_with_what_it_has(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stage, "Forecast", AfterSteps)
    monkeypatch.setattr(AfterSteps, "steps", 2)
    result = trained(tmp_path, base, train_settings=SETTINGS, deadline=deadline("finish"))
    assert (result.steps, result.planned_steps, result.stopped_early) == (2, 8, True)
    assert (result.epochs, result.best_step) == (0.5, 2)  # it was evaluated
    assert "step=2 of=8 stopped_early=true" in caplog.text
    assert (tmp_path / "train/adapter/adapter_model.safetensors").exists()
