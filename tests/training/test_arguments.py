"""The settings of a run as TRL's arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.settings.fields import TrainSettings
from job.training.arguments import OPTIMIZERS, SCHEDULES, arguments


def test_intervals_are_those_of_the_runs_steps(tmp_path: Path) -> None:
    found = arguments(TrainSettings(batch_size=16, epochs=2, eval_steps=7), tmp_path, "float32", 1000)  # 2 x 63 steps
    assert (found.warmup_steps, found.logging_steps, found.eval_steps, found.save_steps) == (12, 3, 7, 7)


@pytest.mark.parametrize("scheduler", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_setting_is_one_that_trl_takes(scheduler: str, optimizer: str, tmp_path: Path) -> None:
    settings = TrainSettings(lr_scheduler=scheduler, optimizer=optimizer)  # type: ignore[arg-type]
    found = arguments(settings, tmp_path, "float32", 1000)
    assert (found.learning_rate, found.seed, found.num_train_epochs) == (2e-4, 42, settings.epochs)
    assert not found.fp16 and not found.bf16 and not found.gradient_checkpointing
    assert found.dataloader_num_workers == 0, "processes that load rows need shared memory, of which docker gives 64 MB"
