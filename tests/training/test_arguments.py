"""The settings of a run as TRL's arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.settings.fields import TrainSettings
from job.training.arguments import OPTIMIZERS, SCHEDULES, arguments


def test_a_warm_up_longer_than_the_run_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = TrainSettings(batch_size=16, epochs=2, warmup_steps=8)
    arguments(settings, tmp_path, "float32", 60)  # 2 x 4 steps
    assert "stage=train warmup_steps=8 steps=8: the learning rate never reaches its peak" in caplog.text
    caplog.clear()
    arguments(settings, tmp_path, "float32", 65)
    assert not caplog.text


@pytest.mark.parametrize("scheduler", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_setting_is_one_that_trl_takes(scheduler: str, optimizer: str, tmp_path: Path) -> None:
    settings = TrainSettings(lr_scheduler=scheduler, optimizer=optimizer)  # type: ignore[arg-type]
    found = arguments(settings, tmp_path, "float32", 1000)
    assert (found.learning_rate, found.seed, found.num_train_epochs) == (2e-4, 42, settings.epochs)
    assert not found.fp16 and not found.bf16 and not found.gradient_checkpointing
