"""A training that is asked to stop between two epochs goes on and ends in the same adapter, wherever it noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import Stopped
from job.runs.signals import StopRequest
from job.settings.fields import TrainSettings
from job.training.best import BestAdapter
from job.training.forward import Forward
from tests.conftest import differing_tensors
from tests.training.test_stage import trained

pytestmark = pytest.mark.slow
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


@pytest.fixture
def two_micro_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Forward, "cut", lambda _, rows, __: [half for half in (rows[:8], rows[8:]) if half])


def best_adapter(root: Path) -> Path:
    best = BestAdapter(root / "train/best")
    _, step = best.found()
    return best.path(step)


@pytest.fixture
def uninterrupted(base: Path, tmp_path: Path, two_micro_batches: None) -> Path:
    root = tmp_path / "uninterrupted"
    root.mkdir()
    trained(root, base, train_settings=SETTINGS)
    return best_adapter(root)


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
        assert not differing_tensors(best_adapter(root), uninterrupted), place
