"""Where the seconds of a start go until its first optimizer step: each moment belongs to one part, so the parts add up.

Knows no stage. Parts are timed in the thread that runs the stages; what other threads do beside it costs no second of its own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from job import BEGAN

Part = Literal["imports", "checks", "cleaning", "loading", "self_test", "memory_plan", "first_step", "others"]


class Parts:
    """What every part has taken since `began`."""

    def __init__(self, began: float) -> None:
        self._seconds: Counter[Part] = Counter()
        self._now: Part = "others"
        self._since = began

    @contextmanager
    def of(self, part: Part) -> Iterator[None]:
        """Inside, time counts for `part`, and no longer for the one around it."""
        outer = self._switch(part)
        try:
            yield
        finally:
            self._switch(outer)

    def _switch(self, part: Part) -> Part:
        moment, before = time.monotonic(), self._now
        self._seconds[before] += moment - self._since  # type: ignore[assignment]  # typeshed: a Counter counts in integers
        self._now, self._since = part, moment
        return before

    def seconds(self) -> dict[Part, float]:
        """Of each part so far."""
        self._switch(self._now)
        return dict(self._seconds)


PARTS = Parts(BEGAN)
"""Of this start. A forked process goes on with what its parent has counted."""
