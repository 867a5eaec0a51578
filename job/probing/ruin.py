"""A loss so much higher that it takes no test: a handful of rows is enough."""

from __future__ import annotations

import math
from collections.abc import Sequence

from job.results import RowLoss

TIMES = 2.0
NATS = 0.5
"""A model that had each answer nearly by heart may double its loss by chance."""


def is_ruined(losses: Sequence[RowLoss]) -> bool:
    """Whether the mean loss is at least twice the base's, and no row's is lower. A training that only fails to help moves a
    row's loss by a tenth."""
    rows = [row for row in losses if math.isfinite(row.base) and math.isfinite(row.tuned)]
    base, tuned = (sum(values) for values in ([row.base for row in rows], [row.tuned for row in rows]))
    far = tuned >= TIMES * base and tuned - base >= NATS * len(rows)
    return bool(rows) and far and all(row.tuned > row.base for row in rows)
