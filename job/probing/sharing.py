"""The leader's side of a probe on several cards: whether others are worth their start, who does which batch, what they found.

The leader begins alone, and starts a worker for each other card once it has measured that they will have loaded the base before
it would begin its last batch itself. From then on everybody takes the next batch when it is free (job/parallel/pile.py), so
whoever is late takes less, and nobody waits for a worker that still loads.

Batches are cut as one process cuts them, and stay whole. In float32 the answers are the same text for text, whatever the
batches are. In 16 bits a greedy answer can change with the rest of its batch: the number of rows and the longest one decide
which kernels compute it, and in which order they add. So no batch is split between workers, and on cards of one kind each
answer is computed as one process computes it. A card with less room cuts its batches further, and so does one whose memory
runs out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from job.parallel.pile import Pile
from job.parallel.team import LOOK_SECONDS, Team
from job.runs.progress import advance

log = logging.getLogger("job.probe")
IMPORT_SECONDS = 20.0
"""A new process imports the libraries first (12 s on two cores), and then loads as the leader did."""
Kind = Literal["answers", "losses"]
Timed = Callable[[float], None]
"""Takes the seconds of a batch, once they are known."""
Compute = Callable[[Sequence[int], Timed], Sequence[Any]]
"""What is found of each item of a batch, as JSON; takes the numbers of the items."""
Share = Callable[[Callable[[int], Any], Sequence[Sequence[int]], Compute], list[Sequence[Any]]]
"""What was found of each batch, empty where there was no time for it. Takes what an item is by its number, as JSON, the
batches, and what computes the leader's."""


@dataclass(frozen=True)
class Work:
    """What workers get: the batches of a pile, and which models do what with them."""

    kind: Kind
    pile: str
    batches: list[list[int]]
    adapters: dict[str, str]
    """Name -> file."""
    until: float
    """On the clock of `time.monotonic`, which is the same for all processes of a machine."""


class Sharing:
    """`cards`: CUDA_VISIBLE_DEVICES of each worker, the leader's first. `request`: what a worker needs to load what the leader
    has loaded in `load_seconds`. `look`: raises what is to end the probe."""

    def __init__(
        self, cards: Sequence[str], request: dict[str, Any], load_seconds: float, look: Callable[[], None]
    ) -> None:
        self.cards, self.request, self.start_seconds = cards, request, IMPORT_SECONDS + load_seconds
        self.team: Team | None = None
        self._look = look
        self._piles = self._tokens = 0

    def look(self) -> None:
        """Raises also what a worker ended of."""
        self._look()
        if self.team:
            self.team.require_all()

    def share(
        self,
        kind: Kind,
        adapters: Mapping[str, Path],
        until: float,
        item: Callable[[int], Any],
        batches: Sequence[Sequence[int]],
        compute: Compute,
    ) -> list[Sequence[Any]]:
        """As `Share`, with what the stage knows before it."""
        self._piles += 1
        pile = Pile(f"pile/{self._piles}", batches)
        names = {name: str(path) for name, path in adapters.items()}
        work = Work(kind, pile.name, [list(batch) for batch in batches], names, until)

        def start_if_worth(seconds: float) -> None:
            """`seconds`: in which the leader alone would begin its last batch."""
            ready_too_late = self.start_seconds >= min(seconds, until - time.monotonic())
            if self.team is None and pile.left and not ready_too_late:
                self.team = Team(self.request, self.cards[: pile.left + 1])
                log.info(
                    "stage=probe workers=%d %s_batches=%d left=%d", self.team.workers, kind, len(batches), pile.left
                )
                self._open(self.team, pile, work, item)

        if self.team and len(batches) > 1:
            self._open(self.team, pile, work, item)
        found: dict[int, Sequence[Any]] = {}
        try:
            while time.monotonic() < until and (number := pile.take()) is not None:
                began = time.monotonic()
                found[number] = compute(batches[number], lambda seconds: start_if_worth(pile.left * seconds))
                start_if_worth((pile.left - 1) * (time.monotonic() - began))
        finally:
            taken = pile.close()
        if pile.wire:
            log.info("stage=probe %s_batches=%d own=%d", kind, len(batches), len(found))
        return [found[n] if n in found else self._awaited(pile, n) if n < taken else [] for n in range(len(batches))]

    def _open(self, team: Team, pile: Pile, work: Work, item: Callable[[int], Any]) -> None:
        pile.open(team.wire, item)
        team.wire.give(work)

    def _awaited(self, pile: Pile, batch: int) -> Sequence[Any]:
        """What a worker finds: it has taken that batch."""
        while (found := pile.brought(batch)) is None:
            self.look()
            self._note_tokens()
            time.sleep(LOOK_SECONDS)
        return found

    def _note_tokens(self) -> None:
        """What workers do is progress, too; if one hangs, nothing moves any more."""
        assert self.team
        told = [self.team.wire.told("tokens", rank) or 0 for rank in range(1, self.team.workers)]
        advance("tokens", sum(told) - self._tokens)
        self._tokens = sum(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The workers keep nothing, so they end at once, also one that still loads."""
        if self.team:
            self.team.dismiss()
