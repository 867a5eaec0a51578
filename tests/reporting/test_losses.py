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
    first = LogEntry(step=1, eval_loss=2.5, seconds=1)
    assert Losses.of(metrics(), [*LOG[:1], first]).best == (1, 2.5)
    assert Losses.of(metrics(), []) == Losses([], [], None, None)


def test_losses_that_are_not_finite_are_left_out() -> None:
    log = [LogEntry(step=1, loss=float("nan"), seconds=1), LogEntry(step=1, eval_loss=float("inf"), seconds=1)]
    assert Losses.of(metrics(), log) == Losses([], [], None, None)


def test_the_exported_adapter_is_the_one_that_the_probe_chose() -> None:
    assert Losses.of(DONE, LOG).exported == (20, 1.42)
    assert Losses.of(DONE.model_copy(update={"probe": None}), LOG).exported is None


def test_speed_and_memory_are_those_of_the_log() -> None:
    log = [
        LogEntry(step=1, loss=2.0, tokens_per_second=900.0, gpu_reserved_bytes=5, seconds=3),
        LogEntry(step=2, loss=2.0, tokens_per_second=float("inf"), seconds=4),
        LogEntry(step=2, eval_loss=2.0, seconds=5),
    ]
    found = Losses.of(metrics(), log)
    assert (found.pace, found.memory) == ([(3, 900.0)], [(3, 5.0)])
