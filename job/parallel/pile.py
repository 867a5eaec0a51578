"""Batches of which everybody takes the next one when it is free, in the leader's store.

For work whose length nobody knows beforehand, on cards that may differ. A batch stays whole, whoever takes it. The leader may
begin alone, and open the pile to others later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from job.parallel.wire import Wire


class Pile:
    """`name`: unlike that of any other pile of the same store. `batches`: the numbers of the items of each."""

    def __init__(self, name: str, batches: Sequence[Sequence[int]], wire: Wire | None = None) -> None:
        self.name, self.batches, self.wire = name, batches, wire
        self._taken = 0

    def open(self, wire: Wire, item: Callable[[int], Any]) -> None:
        """To the other workers. `item`: what they need to know of the one with that number, as JSON.

        A key for each: a value of the store must not be larger than 8 MB.
        """
        for number in (number for batch in self.batches[self._taken :] for number in batch):
            wire.store.set(f"{self.name}/item/{number}", json.dumps(item(number)))
        wire.store.add(f"{self.name}/taken", self._taken)
        self.wire = wire

    @property
    def left(self) -> int:
        """Batches that nobody has taken, as far as is known here."""
        return max(len(self.batches) - self._taken, 0)

    def take(self) -> int | None:
        """The number of a batch that is now for the caller to do; None where none is left."""
        self._taken = self._add(1)
        return self._taken - 1 if self._taken <= len(self.batches) else None

    def close(self) -> int:
        """Nobody takes any more. Returns how many were taken."""
        return min(self._add(len(self.batches)) - len(self.batches), len(self.batches))

    def _add(self, count: int) -> int:
        return int(self.wire.store.add(f"{self.name}/taken", count)) if self.wire else self._taken + count

    def items(self, batch: int) -> list[Any]:
        return [self._get(f"item/{number}") for number in self.batches[batch]]

    def bring(self, batch: int, found: Sequence[Any]) -> None:
        """What was found of each item of a batch, as JSON."""
        assert self.wire
        for number, one in zip(self.batches[batch], found, strict=True):
            self.wire.store.set(f"{self.name}/found/{number}", json.dumps(one))
        self.wire.store.set(f"{self.name}/done/{batch}", "")

    def brought(self, batch: int) -> list[Any] | None:
        """None as long as it has not been."""
        assert self.wire
        if not self.wire.store.check([f"{self.name}/done/{batch}"]):
            return None
        return [self._get(f"found/{number}") for number in self.batches[batch]]

    def _get(self, key: str) -> Any:
        assert self.wire
        return json.loads(self.wire.store.get(f"{self.name}/{key}"))
