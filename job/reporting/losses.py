"""The losses of a run: from its result once training is done, from the log until then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    """Step and loss of the adapter that is kept, or would be if training ended now."""

    @classmethod
    def of(cls, metrics: Metrics, log: Sequence[LogEntry]) -> Losses:
        training = [(e.step, e.loss) for e in log if e.loss is not None and math.isfinite(e.loss)]
        evaluations = [(e.step, e.eval_loss) for e in log if e.eval_loss is not None and math.isfinite(e.eval_loss)]
        if metrics.train:
            best = metrics.train.best_step, metrics.train.best_eval_loss
            return cls(training, evaluations, metrics.train.base_eval_loss, best)
        base = next((loss for step, loss in evaluations if step == 0), None)
        tuned = [point for point in evaluations if point[0] > 0]
        return cls(training, evaluations, base, min(tuned, key=lambda point: point[1], default=None))
