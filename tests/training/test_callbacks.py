"""A loss that cannot be right ends the run, with the cause that its step points at."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import TrainerState

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


def test_the_first_step_of_a_start_says_where_the_seconds_went(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(tmp_path, worst_loss=9.0, stop=StopRequest())
    with caplog.at_level("INFO"):
        watch._note_start()
    found = watch.start_seconds
    assert found
    assert found.total > 0
    assert found.total == pytest.approx(sum(vars(found).values()) - found.total)
    assert f"first_step=done imports={found.imports}" in caplog.text


def test_the_log_holds_the_memory_of_a_gpu_and_none_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(tmp_path, worst_loss=9.0, stop=StopRequest())
    watch.trainer = SimpleNamespace(tokens_seen=100, team=None)  # type: ignore[assignment]
    for step, uses_gpu in enumerate((False, True), 1):
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda found=uses_gpu: found)
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 5_000_000)
        watch._note_loss({"loss": 1.0}, TrainerState(global_step=step, max_steps=9))
    assert [entry.gpu_reserved_bytes for entry in watch.log.entries] == [None, 5_000_000]
