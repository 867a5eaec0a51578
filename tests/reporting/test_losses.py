"""From the result once there is one, from the log until then."""

from __future__ import annotations

from job.reporting.losses import Losses
from job.results import LogEntry
from tests.sample_results import DONE, LOG, metrics


def test_a_finished_training_tells_its_own_losses() -> None:
    losses = Losses.of(DONE, [])
    assert (losses.base, losses.best) == (2.31, (20, 1.42))
    assert not losses.evaluations


def test_the_log_tells_them_before() -> None:
    losses = Losses.of(metrics(), [*LOG, LogEntry(step=30, eval_loss=1.6, seconds=15)])
    assert losses.training == [(10, 1.9), (20, 1.5)]
    assert losses.evaluations == [(0, 2.31), (20, 1.42), (30, 1.6)]
    assert (losses.base, losses.best) == (2.31, (20, 1.42))


def test_the_base_model_is_not_the_best_adapter() -> None:
    losses = Losses.of(metrics(), LOG[:1])
    assert (losses.base, losses.best) == (2.31, None)
    assert Losses.of(metrics(), []) == Losses([], [], None, None)


def test_losses_that_are_not_finite_are_left_out() -> None:
    log = [LogEntry(step=1, loss=float("nan"), seconds=1), LogEntry(step=1, eval_loss=float("inf"), seconds=1)]
    assert Losses.of(metrics(), log) == Losses([], [], None, None)
