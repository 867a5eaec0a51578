"""What leader and workers say to each other.

Orders go through a key-value store (torch's TCPStore), on which a worker waits as long as it takes: while the leader saves a
checkpoint, nobody stands in a collective whose time runs out. Tensors go through one process group, NCCL between cards and gloo
between CPUs: the adapter from the leader to all, and one sum back.

That is the traffic of one all-reduce (a ring is a reduce-scatter and an all-gather), and no worker has an optimizer, a scaler
or a schedule that could differ from the leader's.
"""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore

HOST, ANYWHERE = "127.0.0.1", ""
FOREVER = timedelta(days=365)
"""The supervisor's watchdog ends a run in which nothing moves, and a worker ends with its leader."""
ANSWER = timedelta(minutes=5)
"""The longest that a store may take to answer."""
GREETING_SECONDS = 20.0
"""The longest that one may take to greet who connects. A thread of torch's own does, also while its process computes."""
Kind = Literal["gradients", "losses", "passes"]


@dataclass(frozen=True)
class Order:
    """One piece of work. `rows`: numbers of each worker's rows, of the training or of the evaluation rows."""

    kind: Kind
    rows: list[list[int]] = field(default_factory=list)
    learned: int = 1
    """Targets of the whole step: what the sum of the losses is divided by. Of passes, which have no rows: how many."""
    scale: float = 1.0
    """The leader's loss scale."""
    seed: int = 0
    """Of the step; each worker draws its dropout from that and its rank."""


def keep_store(address: str, port: int = 0) -> Any:
    """A store that listens there; port 0 takes a free one. Raises OSError.

    torch's own socket would listen on all of a host's addresses, whoever is to come.
    """
    server = _listening(address, port)
    return dist.TCPStore(  # type: ignore[attr-defined]
        HOST,
        server.getsockname()[1],
        is_master=True,
        wait_for_workers=False,
        master_listen_fd=server.detach(),
        use_libuv=True,
    )


def _listening(address: str, port: int) -> socket.socket:
    """On both kinds of addresses where the host has both."""
    if address == ANYWHERE and socket.has_dualstack_ipv6():
        try:
            return socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # switched off in this container
                raise
    return socket.create_server((address, port))


def reach_store(address: str, port: int, prefix: str = "") -> Any:
    """A connection of its own to that store: who waits on one holds it. Raises RuntimeError, also where nobody greets: for that
    torch (2.14) waits without an end and hears no signal, so a thread does."""
    found: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_connect, args=(address, port, found), name="store", daemon=True).start()
    try:
        store = found.get(timeout=GREETING_SECONDS)
    except Empty:
        raise RuntimeError("what listens there gives no answer of a store") from None
    if isinstance(store, RuntimeError):
        raise store
    return PrefixStore(prefix, store) if prefix else store


def _connect(address: str, port: int, found: SimpleQueue[Any]) -> None:
    try:
        store = dist.TCPStore(  # type: ignore[attr-defined]
            address, port, is_master=False, wait_for_workers=False, timeout=ANSWER, use_libuv=True
        )
        found.put(store)
    except RuntimeError as error:
        found.put(error)


class Wire:
    """`port`, `address`: of the store; without a port the leader makes one that this host alone can reach. `prefix`: sets the
    keys of this team apart."""

    def __init__(self, rank: int, workers: int, port: int = 0, address: str = HOST, prefix: str = "") -> None:
        self.rank, self.workers = rank, workers
        self._server = None if port else keep_store(HOST)
        self.address, self.port, self.prefix = address, port or int(self._server.port), prefix  # type: ignore[union-attr]
        self.store = reach_store(address, self.port, prefix)
        self._news = reach_store(address, self.port, prefix)
        self._orders = 0

    def tell(self, key: str, value: Any) -> None:
        """Returns once the store has it: a set has no answer, and what another connection asks next may come before it. Raises
        RuntimeError where there is no store any more."""
        name = f"{key}/{self.rank}"
        self._news.set(name, json.dumps(value))
        self._news.check([name])

    def told(self, key: str, rank: int) -> Any | None:
        """What that worker told; None if it has not yet."""
        name = f"{key}/{rank}"
        return json.loads(self._news.get(name)) if self._news.check([name]) else None

    def connect(self, device: torch.device) -> None:
        """Join the process group: returns once all have joined it."""
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=PrefixStore("group", self.store),
            rank=self.rank,
            world_size=self.workers,
            timeout=FOREVER,
        )

    # --- orders --------------------------------------------------------------------------------------------------

    def give(self, order: Any) -> None:
        """`order`: a dataclass of the stage's own, or None for the end."""
        self.store.set(f"order/{self._orders}", json.dumps(order and asdict(order)))
        self._orders += 1

    def forget(self) -> None:
        """The order before the last, which everybody has read."""
        if self._orders > 1:
            self.store.delete_key(f"order/{self._orders - 2}")

    def take(self) -> dict[str, Any] | None:
        """The next order's fields; None for the end."""
        name = f"order/{self._orders}"
        self.store.wait([name], FOREVER)
        self._orders += 1
        found: dict[str, Any] | None = json.loads(self.store.get(name))
        return found

    # --- tensors -------------------------------------------------------------------------------------------------

    def spread(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """The leader's values for everybody."""
        flat = flattened([parameter.detach() for parameter in parameters])
        dist.broadcast(flat, 0)
        if self.rank:
            place = 0
            with torch.no_grad():
                for parameter in parameters:
                    parameter.copy_(flat[place : place + parameter.numel()].view_as(parameter))
                    place += parameter.numel()

    def add(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all workers, for the leader."""
        dist.reduce(values, 0)
        return values


def flattened(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """(P,) float32."""
    return torch.cat([tensor.flatten().float() for tensor in tensors])


def add_gradients(wire: Wire, parameters: Sequence[torch.nn.Parameter], loss: torch.Tensor) -> torch.Tensor:
    """The leader's gradients and loss become the sums over all workers. Returns the loss."""
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
    total = wire.add(torch.cat([flattened(gradients), loss.detach().float().view(1)]))
    if wire.rank == 0:
        place = 0
        for parameter in parameters:
            parameter.grad = total[place : place + parameter.numel()].view_as(parameter)
            place += parameter.numel()
    return total[-1]
