"""A loss that cannot be right ends the run, with the cause that its step points at."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import Diverged
from job.results import LogEntry
from job.runs.signals import StopRequest
from job.training.callbacks import Watch


def test_a_base_that_is_worse_than_chance_is_named_before_training(tmp_path: Path) -> None:
    """At step 0 no learning rate is to blame."""
    watch = Watch(tmp_path, worst_loss=9.0, stop=StopRequest())
    with pytest.raises(Diverged) as raised:
        watch.require_convergence(9.5, 0, "eval_loss")
    assert "Before any training" in str(raised.value)
    assert "FINETUNE_MODEL_BASE" in raised.value.remedy
    with pytest.raises(Diverged) as raised:
        watch.require_convergence(9.5, 3, "eval_loss")
    assert "FINETUNE_TRAIN_LEARNING_RATE" in raised.value.remedy


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_has_diverged(loss: float, tmp_path: Path) -> None:
    watch = Watch(tmp_path, worst_loss=9.0, stop=StopRequest())
    with pytest.raises(Diverged, match="the base model's own loss is"):
        watch.require_convergence(loss, 0, "eval_loss")
    with pytest.raises(Diverged, match=r"Training diverged: loss is .* at step 3"):
        watch.require_convergence(loss, 3, "loss")
    watch.require_convergence(8.9, 3, "loss")


def test_a_run_that_goes_on_knows_from_its_log_that_there_were_gradients(tmp_path: Path) -> None:
    for norms, saw in (([None, 0.0], False), ([None, 0.0, 0.4], True)):
        watch = Watch(tmp_path, worst_loss=9.0, stop=StopRequest())
        for step, norm in enumerate(norms):
            watch.log.append(LogEntry(step=step, loss=1.0, grad_norm=norm, seconds=1))
        again = Watch(tmp_path, worst_loss=9.0, stop=StopRequest())
        again.restore(5)
        assert again.saw_gradient == saw
