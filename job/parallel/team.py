"""The leader's side of a team: has the other workers started, gives them their shares, and hears of their end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import torch
import torch.distributed as dist

from job.errors import HostUnfit, JobError, Stopped
from job.hosts.sockets import connections, cut
from job.modeling.batching import Row
from job.parallel.children import Children
from job.parallel.failures import error_of, is_broken
from job.parallel.others import Others
from job.parallel.shares import shares
from job.parallel.slowest import card, mixed
from job.parallel.wire import Order, Wire, add_gradients
from job.runs.deaths import Death, cause_of
from job.runs.logs import LineFormatter
from job.runs.progress import advance, stir

log = logging.getLogger("job.parallel")
T = TypeVar("T")
LOOK_SECONDS = 0.2
NOTICE_SECONDS = 15.0
"""How long after a broken connection the end of a worker, or of its host, may still be unknown."""
END_SECONDS = 10.0
SETTLE_SECONDS = 1.0
"""In which the end of one worker breaks the connections of the others."""


class Team:
    """A leader and the other workers, each a process of its own: `len(cards) - 1` on this host, and those of other hosts.

    `cards`: what CUDA_VISIBLE_DEVICES is for each worker of this host, the leader's first; all empty on a CPU. `request`: what
    a worker needs to load what the leader does, and `module`, which is the worker. `counts`: how many workers each process of
    the run starts, this one first, where there are `others`.
    """

    def __init__(
        self,
        request: dict[str, Any],
        cards: Sequence[str],
        others: Others | None = None,
        counts: Sequence[int] = (),
    ) -> None:
        self.others = others
        counts = counts or [len(cards)]
        self.hosts = [process for process, count in enumerate(counts) for _ in range(count)]
        workers = len(self.hosts)
        request = request | {"workers": workers, "hosts": self.hosts}
        if others:
            prefix = others.begin(request, counts)
            self.wire = Wire(0, workers, others.place.port, others.board.address, prefix)
        else:
            self.wire = Wire(0, workers)
        self.lost: JobError | None = None
        self.mixed = ""
        """A sentence on the slowest GPU, where they are of several kinds."""
        self._connected, self._ending = False, False
        self._older: Container[int] = ()
        """Connections that are not the group's: they are older."""
        self._theirs = 0
        """Tokens of a step that other workers compute: those of this one count themselves."""
        place = {"address": self.wire.address, "port": self.wire.port, "prefix": self.wire.prefix}
        mine = dict(enumerate(cards[: counts[0]]))
        mine.pop(0)
        self._children = Children(request | place, mine, share=counts[0])
        self._watching = threading.Thread(target=self._watch, name="workers", daemon=True)
        self._watching.start()

    @property
    def workers(self) -> int:
        return self.wire.workers

    def name(self, rank: int) -> str:
        """With its host, where there are several."""
        host = f" on {self.others.name(self.hosts[rank])}" if self.others and self.hosts[rank] else ""
        return f"Worker {rank} of {self.workers}{host}"

    # --- the end of a worker --------------------------------------------------------------------------------------

    def _ended(self) -> list[dict[str, Any]]:
        return [*self._children.ended(), *(self.others.ended() if self.others else ())]

    def _watch(self) -> None:
        """In a thread: a leader that waits for a card's sum hears of nothing else."""
        while not self._ending:
            if (self._ended() or (self.others and (self.others.gone or self.others.error))) and not self._ending:
                time.sleep(SETTLE_SECONDS)
                if self._ending:
                    return
                if ended := self._ended():
                    self.lost = self._cause(ended)
                if self._connected:
                    self._break()
                return
            time.sleep(LOOK_SECONDS)

    def _break(self) -> None:
        """End the collective in which the leader waits: a host without power or network sends nothing that would. gloo waits on
        through an abort of its own (torch 2.14)."""
        if dist.get_backend() == "nccl":
            dist.distributed_c10d._abort_process_group()
        else:
            cut(self._older)

    def _cause(self, ended: Sequence[dict[str, Any]]) -> JobError:
        """Of the worker that ended first: the others' connections broke, and they say so."""
        told_by = {one["rank"]: self.wire.told("failed", one["rank"]) for one in ended}
        first = min(ended, key=lambda one: bool((told_by[one["rank"]] or {}).get("broken")))
        told, name = told_by[first["rank"]], self.name(first["rank"])
        if told:
            return error_of(name, told)
        death = Death(
            status=first["status"],
            killed="",
            signal="",
            idle_seconds=0.0,
            memory_killed=first["memory_killed"],
            tail=first["tail"],
        )
        cause = cause_of(death, LineFormatter.stage)
        assert isinstance(cause, JobError)
        return type(cause)(f"{name}: {cause}", remedy=cause.remedy)

    def require_all(self) -> None:
        """Raises what a worker ended of."""
        if self.lost is not None:
            raise self.lost

    def together(self, work: Callable[[], T]) -> T:
        """A collective, or several. Raises what a worker ended of if it breaks."""
        self.require_all()
        try:
            found = work()
            if torch.cuda.is_initialized():
                torch.cuda.current_stream().synchronize()  # a sum that was aborted must not become a step
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, JobError) as error:
            if isinstance(error, JobError) and not is_broken(error):
                raise
            until = time.monotonic() + NOTICE_SECONDS
            gone = ""
            while self.lost is None and not gone and time.monotonic() < until:
                time.sleep(LOOK_SECONDS / 4)
                gone = self.others.suspect() if self.others else ""
            self.require_all()
            if gone:
                raise Stopped(f"The connection to other workers broke: {gone}") from error
            raise JobError(f"The connection to the other workers broke: {error}") from error
        self.require_all()
        return found

    # --- work -----------------------------------------------------------------------------------------------------

    def join(self, facts: dict[str, Any], device: torch.device) -> None:
        """Wait until all are ready, and connect. Raises HostUnfit (68) if one has come to other facts than the leader."""
        cards = [card()]
        for rank, theirs in self._all("ready"):
            require_same(facts, theirs, self.name(rank))
            cards.append(theirs["card"])
        if not self._connected:
            self._connect(device)
        self.mixed = mixed(cards)
        if self.mixed:
            log.warning("mixed=true: %s", self.mixed)

    def meet(self, device: torch.device) -> None:
        """Connect before anything is loaded: for workers that load a base together."""
        for _ in self._all("here"):
            pass
        self._connect(device)

    def _all(self, key: str) -> Iterator[tuple[int, Any]]:
        """(rank, what it told), as soon as it has."""
        seen: Any = None
        for rank in range(1, self.workers):
            while (theirs := self.wire.told(key, rank)) is None:
                self.require_all()
                now = (self._children.ticks(), self.others.moved() if self.others else None)
                if now != seen:  # they import, load or test
                    seen = now
                    stir()
                time.sleep(LOOK_SECONDS)
            yield rank, theirs

    def _connect(self, device: torch.device) -> None:
        self._older = connections().keys()
        self.together(lambda: self.wire.connect(device))
        self._connected = True
        log.info("workers=%d backend=%s", self.workers, dist.get_backend())

    def begin_gradients(
        self, parameters: Sequence[torch.nn.Parameter], rows: Sequence[Row], numbers: Sequence[int], order: Order
    ) -> list[Row]:
        """Give each worker its share of a step; returns the leader's."""
        found = shares([len(row.ids) for row in rows], self.workers)
        self._begin(parameters, order, [[numbers[place] for place in some] for some in found])
        own = [rows[place] for place in found[0]]
        self._theirs = _tokens(rows) - _tokens(own)
        return own

    def finish_gradients(self, parameters: Sequence[torch.nn.Parameter], loss: torch.Tensor) -> torch.Tensor:
        """The sums over all workers take the place of the leader's gradients; returns that of the losses."""
        total: torch.Tensor = self.together(lambda: add_gradients(self.wire, parameters, loss))
        advance("tokens", self._theirs)
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
        mine = [rows[number] for number in found[0]]
        own = self.together(lambda: compute(mine))
        sums[found[0]] = torch.tensor(own, dtype=torch.float64).to(sums.device)
        self.together(lambda: self.wire.add(sums))
        advance("tokens", _tokens(rows) - _tokens(mine))
        return [float(total) for total in sums.tolist()]

    def passes(self, parameters: Sequence[torch.nn.Parameter], count: int, work: Callable[[], T]) -> T:
        """Do work that passes so many times through a base that all hold together."""
        self._begin(parameters, Order("passes", learned=count), [[] for _ in range(self.workers)])
        return self.together(work)

    def _begin(self, parameters: Sequence[torch.nn.Parameter], order: Order, rows: list[list[int]]) -> None:
        self.require_all()
        self.wire.give(Order(order.kind, rows, order.learned, order.scale, order.seed))
        self.wire.forget()  # a sum came back for it
        self.together(lambda: self.wire.spread(parameters))

    # --- the end --------------------------------------------------------------------------------------------------

    def dismiss(self) -> None:
        """End all others at once."""
        self._ending = True
        if self.others:
            self.others.dismiss()
        self._children.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All workers end: at their own pace after a training, at once where it broke off, whatever they do."""
        self._ending = True
        if kind is not None:
            self.dismiss()
        with suppress(RuntimeError):  # a store that is not ours may be gone
            self.wire.give(None)
        self._children.wait(END_SECONDS)
        if self.others:
            self.others.dismiss()
        if self._connected and kind is None:
            dist.destroy_process_group()


def _tokens(rows: Sequence[Row]) -> int:
    return sum(len(row.ids) for row in rows)


def require_same(facts: dict[str, Any], theirs: dict[str, Any], name: str) -> None:
    """Raises HostUnfit (68) with what differs."""
    other = [
        f"{key}={theirs.get(key)!r} instead of {value!r}" for key, value in facts.items() if theirs.get(key) != value
    ]
    if other:
        remedy = "Use the same libraries, files and kind of GPU for all workers, or set FINETUNE_TRAIN_DEVICES=1."
        if facts.get("precision") != theirs.get("precision"):  # each card's own choice
            both = "float32" if "float32" in (facts.get("precision"), theirs.get("precision")) else "float16"
            remedy = f"Set FINETUNE_TRAIN_PRECISION={both}, in which GPUs of every kind compute. {remedy}"
        raise HostUnfit(
            f"{name} would train something else than the others: {', '.join(other)}.",
            remedy=remedy,
        )
