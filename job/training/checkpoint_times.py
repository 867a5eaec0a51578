"""When a checkpoint is saved: with each evaluation, and whenever FINETUNE_TRAIN_CHECKPOINT_MINUTES have passed since the last.

Saving may take 2 % of the training time. Where a volume is so slow that it would take more, checkpoints are spaced.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from job.runs import progress

log = logging.getLogger("job.train")
MOST_SHARE = 0.02
"""Of the training time."""
FREE_SECONDS = 5.0
"""Saving that is not counted: the share of a run that has just begun is no measure."""


class CheckpointTimes:
    """`minutes`: the most training that may be lost. `clock`: seconds."""

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.minutes, self.clock = minutes, clock
        self.began = self.last = clock()
        self.spent = 0.0
        """Seconds that the checkpoints of this start took."""
        self.longest = 0.0
        self.spaced = False

    def begin(self) -> None:
        """Training begins, from a checkpoint or anew."""
        self.began = self.last = self.clock()

    def due(self, *, evaluation: bool) -> bool:
        """Whether to save now. `evaluation`: one follows, or it is the last step's."""
        now = self.clock()
        if not evaluation and now - self.last < 60 * self.minutes:
            return False
        if self.spent + self.longest <= FREE_SECONDS + MOST_SHARE * (now - self.began):
            return True
        if not self.spaced:
            self.spaced = True
            log.warning(
                "stage=train checkpoint_seconds=%.1f spaced_minutes=%.1f: saving takes long, so checkpoints are spaced to take "
                "%.0f %% of the time; a killed run may repeat that much training",
                self.longest,
                max(self.longest / MOST_SHARE / 60, self.minutes),
                100 * MOST_SHARE,
            )
        return False

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measures what a checkpoint takes, and says meanwhile that one is being saved: a signal leaves it more time."""
        began = self.clock()
        with progress.saving():
            yield
        self.last = self.clock()
        self.spent += self.last - began
        self.longest = max(self.longest, self.last - began)
