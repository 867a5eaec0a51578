"""The losses of a run: from its result once training is done, from the log until then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from job.results import LogEntry, Metrics

Point = tuple[int, float]
"""(optimizer step, loss)"""


@dataclass(frozen=True)
class Losses:
    training: list[Point]
    evaluations: list[Point]
    """Finite ones alone, as in `training`."""
    base: float | None
    """Evaluation loss of the base model."""
    best: Point | None
    """Step and loss of the adapter with the lowest evaluation loss so far."""
    exported: Point | None = None
    """Of the one that the probe chose."""
    pace: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, tokens a second)"""
    memory: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, bytes that PyTorch held of the GPU's memory)"""

    @classmethod
    def of(cls, metrics: Metrics, log: Sequence[LogEntry]) -> Losses:
        training = [(e.step, e.loss) for e in log if e.loss is not None and math.isfinite(e.loss)]
        evaluations = [(e.step, e.eval_loss) for e in log if e.eval_loss is not None and math.isfinite(e.eval_loss)]
        pace = [
            (e.seconds, e.tokens_per_second) for e in log if e.tokens_per_second and math.isfinite(e.tokens_per_second)
        ]
        memory = [(e.seconds, float(e.gpu_reserved_bytes)) for e in log if e.gpu_reserved_bytes]
        if metrics.train:
            best = metrics.train.best_step, metrics.train.best_eval_loss
            exported = _exported(metrics)
            return cls(training, evaluations, metrics.train.base_eval_loss, best, exported, pace, memory)
        base = next((loss for step, loss in evaluations if step == 0), None)
        tuned = [point for point in evaluations if point[0] > 0]
        best_yet = min(tuned, key=lambda point: point[1], default=None)
        return cls(training, evaluations, base, best_yet, None, pace, memory)


def _exported(metrics: Metrics) -> Point | None:
    candidates = metrics.probe.candidates if metrics.probe else []
    return next(((one.step, one.eval_loss) for one in candidates if one.chosen), None)
