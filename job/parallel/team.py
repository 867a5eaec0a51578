"""The leader's side: starts the other workers, gives them their shares, and hears of their end."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import torch
import torch.distributed as dist

from job.errors import HostUnfit, JobError, SettingsError, causes
from job.hosts.libraries import usable_cpus
from job.modeling.batching import Row
from job.modeling.fresh import environment
from job.parallel.shares import shares
from job.parallel.wire import Order, Wire, add_gradients
from job.runs.deaths import Death, by_last_words, cause_of, memory_kills
from job.runs.logs import LineFormatter
from job.runs.progress import cpu_ticks, stir

log = logging.getLogger("job.parallel")
LOOK_SECONDS = 0.2
NOTICE_SECONDS = 10.0
"""How long after a broken connection the end of a worker may still be unknown."""
END_SECONDS = 10.0
SETTLE_SECONDS = 1.0
"""In which the end of one worker breaks the connections of the others."""


class Team:
    """A leader and `len(cards) - 1` others, each a process of its own on this machine.

    `cards`: what CUDA_VISIBLE_DEVICES is for each worker, the leader's first; all empty on a CPU. `request`: what a worker
    needs to load what the leader does, and `module`, which is the worker.
    """

    def __init__(self, request: dict[str, Any], cards: Sequence[str]) -> None:
        self.wire = Wire(0, len(cards))
        self.lost: JobError | None = None
        self._connected, self._ending = False, False
        self._kills = memory_kills()
        self._children = [self._start(request, rank, card, len(cards)) for rank, card in enumerate(cards) if rank]
        self._watching = threading.Thread(target=self._watch, name="workers", daemon=True)
        self._watching.start()

    @property
    def workers(self) -> int:
        return self.wire.workers

    def _start(self, request: dict[str, Any], rank: int, card: str, workers: int) -> subprocess.Popen[str]:
        threads = {} if card else {"OMP_NUM_THREADS": str(max(usable_cpus() // workers, 1))}
        child = subprocess.Popen(
            [sys.executable, "-m", request["module"]],
            stdin=subprocess.PIPE,
            text=True,
            env={**environment(), **threads, "CUDA_VISIBLE_DEVICES": card},
        )
        assert child.stdin
        with suppress(BrokenPipeError):  # it has ended already: `_watch` says how
            json.dump(request | {"rank": rank, "workers": workers, "port": self.wire.port}, child.stdin)
            child.stdin.close()
        return child

    # --- the end of a worker --------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """In a thread: a leader that waits for a card's sum hears of nothing else."""
        while not self._ending:
            if any(child.poll() is not None for child in self._children) and not self._ending:
                time.sleep(SETTLE_SECONDS)
                if self._ending:
                    return
                self.lost = self._cause()
                if self._connected and dist.get_backend() == "nccl":
                    dist.distributed_c10d._abort_process_group()
                return
            time.sleep(LOOK_SECONDS)

    def _cause(self) -> JobError:
        """Of the worker that ended first: the others' connections broke, and they say so."""
        ended = [(rank, child.returncode) for rank, child in enumerate(self._children, 1) if child.poll() is not None]
        told_by = {rank: self.wire.told("failed", rank) for rank, _ in ended}
        rank, status = min(ended, key=lambda one: bool((told_by[one[0]] or {}).get("broken")))
        told = told_by[rank]
        name = f"Worker {rank} of {self.workers}"
        if told:
            return error_of(told["code"], f"{name}: {told['message']}", told["remedy"])
        death = Death(
            status=status,
            killed="",
            signal="",
            idle_seconds=0.0,
            memory_killed=status == -9 and memory_kills() > self._kills,
            tail="",
        )
        cause = cause_of(death, LineFormatter.stage)
        assert isinstance(cause, JobError)
        return type(cause)(f"{name}: {cause}", remedy=cause.remedy)

    def require_all(self) -> None:
        """Raises what a worker ended of."""
        if self.lost is not None:
            raise self.lost

    def _together(self, work: Callable[[], Any]) -> Any:
        """A collective. Raises what a worker ended of if it breaks."""
        self.require_all()
        try:
            found = work()
            if torch.cuda.is_initialized():
                torch.cuda.current_stream().synchronize()  # a sum that was aborted must not become a step
        except RuntimeError as error:
            until = time.monotonic() + NOTICE_SECONDS
            while self.lost is None and time.monotonic() < until:
                time.sleep(LOOK_SECONDS / 4)
            self.require_all()
            raise JobError(f"The connection to the other workers broke: {error}") from error
        self.require_all()
        return found

    # --- work -----------------------------------------------------------------------------------------------------

    def join(self, facts: dict[str, Any], device: torch.device) -> None:
        """Wait until all are ready, and connect. Raises HostUnfit (68) if one has come to other facts than the leader."""
        for rank in range(1, self.workers):
            seen = 0
            while (theirs := self.wire.told("ready", rank)) is None:
                self.require_all()
                if (now := cpu_ticks(self._children[rank - 1].pid)) != seen:  # it imports, loads or tests
                    seen = now
                    stir()
                time.sleep(LOOK_SECONDS)
            require_same(facts, theirs, f"Worker {rank} of {self.workers}")
        self._together(lambda: self.wire.connect(device))
        self._connected = True
        log.info("workers=%d backend=%s", self.workers, dist.get_backend())

    def begin_gradients(
        self, parameters: Sequence[torch.nn.Parameter], rows: Sequence[Row], numbers: Sequence[int], order: Order
    ) -> list[Row]:
        """Give each worker its share of a step; returns the leader's."""
        found = shares([len(row.ids) for row in rows], self.workers)
        self._begin(parameters, order, [[numbers[place] for place in some] for some in found])
        return [rows[place] for place in found[0]]

    def finish_gradients(self, parameters: Sequence[torch.nn.Parameter], loss: torch.Tensor) -> torch.Tensor:
        """The sums over all workers take the place of the leader's gradients; returns that of the losses."""
        total: torch.Tensor = self._together(lambda: add_gradients(self.wire, parameters, loss))
        return total

    def losses(
        self,
        parameters: Sequence[torch.nn.Parameter],
        rows: Sequence[Row],
        compute: Callable[[Sequence[Row]], list[float]],
    ) -> list[float]:
        """The summed loss of each row, each computed by one worker. `compute`: does the leader's share."""
        found = shares([len(row.ids) for row in rows], self.workers)
        self._begin(parameters, Order("losses"), found)
        sums = torch.zeros(len(rows), dtype=torch.float64, device=parameters[0].device)
        sums[found[0]] = torch.tensor(compute([rows[number] for number in found[0]]), dtype=torch.float64).to(
            sums.device
        )
        self._together(lambda: self.wire.add(sums))
        return [float(total) for total in sums.tolist()]

    def _begin(self, parameters: Sequence[torch.nn.Parameter], order: Order, rows: list[list[int]]) -> None:
        self.require_all()
        self.wire.give(Order(order.kind, rows, order.learned, order.scale, order.seed))
        self.wire.forget()  # a sum came back for it
        self._together(lambda: self.wire.spread(parameters))

    # --- the end --------------------------------------------------------------------------------------------------

    def dismiss(self) -> None:
        """End all others at once."""
        self._ending = True
        for child in self._children:
            child.kill()
            child.wait()
        self._children = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All workers end: at their own pace after a training, at once where it broke off, whatever they do."""
        self._ending = True
        if kind is not None:
            self.dismiss()
        self.wire.give(None)
        for child in self._children:
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._connected and kind is None:
            dist.destroy_process_group()


def require_same(facts: dict[str, Any], theirs: dict[str, Any], name: str) -> None:
    """Raises HostUnfit (68) with what differs."""
    other = [
        f"{key}={theirs.get(key)!r} instead of {value!r}" for key, value in facts.items() if theirs.get(key) != value
    ]
    if other:
        raise HostUnfit(
            f"{name} would train something else than the others: {', '.join(other)}.",
            remedy="Use the same libraries, files and kind of GPU for all workers, or set FINETUNE_TRAIN_DEVICES=1.",
        )


def error_of(code: int, message: str, remedy: str) -> JobError:
    """The error with that exit code, as another process has told it."""
    kinds = [JobError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((kind for kind in kinds if kind.exit_code == code), JobError)
    if kind is SettingsError:
        return SettingsError([message])
    return kind(message, remedy=remedy)


BROKEN = ("Connection reset by peer", "Connection closed by peer", "Broken pipe", "NCCL communicator was aborted")
"""What a worker hears where another one, or the leader, is gone."""


def told_of(error: BaseException) -> dict[str, Any]:
    """What a worker tells of its end."""
    broken = not isinstance(error, JobError) and any(words in str(error) for words in BROKEN)
    if not isinstance(error, JobError):
        text = "\n".join(f"{type(cause).__name__}: {cause}" for cause in causes(error))
        error = by_last_words(text, LineFormatter.stage) or JobError(text)
    return {"code": error.exit_code, "message": str(error), "remedy": error.remedy, "broken": broken}
