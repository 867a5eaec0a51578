"""Rank 0's side where a run has several processes: who is there, what they say, and what it tells them at the end.

What another process ends of, or is asked to stop by, stops the run as a signal would: between two micro-batches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from job.errors import HostUnfit, JobError
from job.hosts.places import Place
from job.parallel.board import SILENT_SECONDS, Board
from job.parallel.failures import error_of
from job.runs.lock import word_in
from job.runs.progress import stir
from job.runs.signals import StopRequest

log = logging.getLogger("job")
LOOK_SECONDS = 0.2
SUSPECT_SECONDS = 8.0
"""Of silence, once a connection to a worker broke: then it is gone."""
LEAVE_SECONDS = 3.0
"""In which those who are there hear of the end. A run that a signal ends has seven."""


class Others:
    """`settings`: those that all must have, by section; `root`: the folder that all must see."""

    def __init__(
        self,
        place: Place,
        *,
        seconds: float,
        settings: dict[str, Any] | None = None,
        root: Path | None = None,
        stop: StopRequest | None = None,
    ) -> None:
        self.place, self.seconds = place, seconds
        self.error: JobError | None = None
        """What another process could not go on for."""
        self.gone = ""
        """A sentence on a process that ended without a word."""
        self._stop, self._asked = stop, False
        self._given_up = False
        """Whether those who never came have had their time."""
        self._words: dict[int, str] = {}
        self._teams = 0
        self.board = Board(place, seconds=seconds)
        self.board.look = self._look
        if root:
            self.board.put("run", {"settings": settings, "word": word_in(root), "processes": place.processes})
            self.board.tell(run=True)
        log.info(
            "stage=start processes=%d launcher=%r address=%s port=%d",
            place.processes,
            place.launcher,
            self.board.address,
            place.port,
        )

    def name(self, rank: int) -> str:
        text = self.board.of(rank) if rank else self.board.mine
        return f"host {text.get('host', '?')} (process {rank} of {self.place.processes})"

    # --- what they say -------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """In the board's thread."""
        if not self._stop or self._asked:
            return
        for rank in self.board.others:
            text, reason = self.board.of(rank), ""
            if not text:
                continue
            if self._words.setdefault(rank, text["word"]) != text["word"]:
                self.gone = reason = f"{self.name(rank)} was started a second time."
            elif told := text.get("failed"):
                self.error = error_of(self.name(rank), told)
                reason = f"{self.name(rank)} failed."
            elif text.get("stopped"):
                reason = f"{text['stopped'].rstrip('.')} on {self.name(rank)}."
            elif self.board.silent(rank) > SILENT_SECONDS:
                self.gone = reason = self._silence(rank)
            if reason:
                self._asked = True
                log.warning("stage=hosts stopping=true: %s", reason)
                self._stop.ask(reason)
                return

    def _silence(self, rank: int) -> str:
        return (
            f"{self.name(rank)} gave no sign for {self.board.silent(rank):.0f} seconds: it was killed or taken away, or the "
            "network between the hosts failed."
        )

    def suspect(self) -> str:
        """Once a connection broke: the sentence on the process that is gone, empty where all give signs of life."""
        silent = [rank for rank in self.board.others if self.board.silent(rank) > SUSPECT_SECONDS]
        return self.gone or (self._silence(silent[0]) if silent else "")

    def ended(self) -> list[dict[str, Any]]:
        """The workers of other processes that have ended, of those that this team has."""
        texts = [self.board.of(rank) for rank in self.board.others]
        return [one for text in texts if text.get("team") == self._teams for one in text["ended"]]

    def moved(self) -> Any:
        """Changes while the others import, load or test."""
        return [self.board.of(rank).get("moved") for rank in self.board.others]

    # --- a team --------------------------------------------------------------------------------------------------

    def counts(self, own: int, most: int | None) -> list[int]:
        """How many workers each process starts, this one first; `most`: in all, None without a limit.

        Waits until all are there. Raises HostUnfit (68) if one does not come.
        """
        until = time.monotonic() + self.seconds
        while missing := [rank for rank in self.board.others if "cards" not in self.board.of(rank)]:
            if time.monotonic() > until:
                self._given_up = True
                raise HostUnfit(
                    f"Of {self.place.processes} processes {', '.join(map(str, missing))} did not come within "
                    f"{self.seconds / 60:g} minutes to {self.place.address}, port {self.place.port}.",
                    remedy=f"Look at their logs, whether they have started and reach that address (launcher: "
                    f"{self.place.launcher}). FINETUNE_WATCHDOG_MINUTES sets how long they are waited for.",
                )
            stir()
            time.sleep(LOOK_SECONDS)
        found: list[int] = []
        for count in (own, *(self.board.of(rank)["cards"] for rank in self.board.others)):
            found.append(count if most is None else min(count, most - sum(found)))
        return found

    def weakest(self, own: tuple[int, int] | None, counts: Sequence[int]) -> tuple[int, int] | None:
        """The compute capability of the weakest GPU among the processes that start workers, once `counts` has come; None where
        all compute on CPUs. They share each step, so all compute in what that one can.

        Raises HostUnfit (68) if some have GPUs and others none.
        """
        told = {rank: self.board.of(rank)["capability"] for rank in self.board.others}
        found = {0: own} | {rank: tuple(one) if one else None for rank, one in told.items() if counts[rank]}
        known = {rank: one for rank, one in found.items() if one is not None}
        if not known:
            return None
        if without := [self.name(rank) for rank in found if rank not in known]:
            raise HostUnfit(
                f"{', '.join(without)} sees no GPU, and {self.name(min(known))} does; GPUs and CPUs do not train together.",
                remedy="Start the container with --gpus all on each host (`nvidia-smi` must work inside it), or leave that "
                "host out. On CPUs alone set CUDA_VISIBLE_DEVICES= (empty) on all.",
            )
        weakest = min(known.values())
        if weakest != max(known.values()):
            names = ", ".join(self.name(rank) for rank, one in known.items() if one == weakest)
            log.warning(
                "stage=hosts weakest=%d.%d: the GPUs of the hosts are of several kinds, and all compute in what that compute "
                "capability allows, which is that of %s",
                *weakest,
                names,
            )
        return weakest

    def begin(self, request: dict[str, Any], counts: Sequence[int]) -> str:
        """Have them start their workers. Returns what sets the keys of this team apart."""
        self._teams += 1
        prefix = f"{self.place.store}/team/{self._teams}"
        self.board.put(f"team/{self._teams}", {"request": request, "counts": list(counts), "prefix": prefix})
        self.board.tell(team=self._teams)
        return prefix

    def dismiss(self) -> None:
        """They end their workers, and wait for another team or the end."""
        self.board.tell(team=0)

    # --- the end -------------------------------------------------------------------------------------------------

    def end(self, code: int, message: str = "", *, late: float) -> None:
        """Tell all how the run ended, and wait until they have heard it. `late`: how long for those who are not there yet."""
        self.board.tell(end={"code": code, "message": message}, team=0)
        late = 0 if self._given_up else late
        began = time.monotonic()
        while True:
            waited = time.monotonic() - began
            left = [rank for rank in self.board.others if not self.board.of(rank).get("left")]
            known = [rank for rank in left if self.board.of(rank)]
            if not left or (waited > LEAVE_SECONDS and len(known) == len(left)) or waited > max(late, LEAVE_SECONDS):
                break
            stir()  # a watchdog of a minute is no judge of this
            time.sleep(LOOK_SECONDS)
        self.board.close()
