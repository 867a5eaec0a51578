"""What leader and workers say to each other.

Orders go through a key-value store (torch's TCPStore), on which a worker waits as long as it takes: while the leader saves a
checkpoint, nobody stands in a collective whose time runs out. Tensors go through one process group, NCCL between cards and gloo
between CPUs: the adapter from the leader to all, and one sum back.

That is the traffic of one all-reduce (a ring is a reduce-scatter and an all-gather), and no worker has an optimizer, a scaler
or a schedule that could differ from the leader's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore

HOST = "127.0.0.1"
FOREVER = timedelta(days=365)
"""The supervisor's watchdog ends a run in which nothing moves, and a worker ends with its leader."""
Kind = Literal["gradients", "losses"]


@dataclass(frozen=True)
class Order:
    """One piece of work. `rows`: numbers of each worker's rows, of the training or of the evaluation rows."""

    kind: Kind
    rows: list[list[int]] = field(default_factory=list)
    learned: int = 1
    """Targets of the whole step: what the sum of the losses is divided by."""
    scale: float = 1.0
    """The leader's loss scale."""
    seed: int = 0
    """Of the step; each worker draws its dropout from that and its rank."""


class Wire:
    """`port`: of the leader's store; 0 makes one, as the leader does."""

    def __init__(self, rank: int, workers: int, port: int = 0) -> None:
        self.rank, self.workers = rank, workers
        self.store = dist.TCPStore(  # type: ignore[attr-defined]
            HOST, port, is_master=rank == 0, wait_for_workers=False, timeout=timedelta(minutes=5), use_libuv=True
        )
        self.port = int(self.store.port)
        self._orders = 0

    def tell(self, key: str, value: Any) -> None:
        self.store.set(f"{key}/{self.rank}", json.dumps(value))

    def told(self, key: str, rank: int) -> Any | None:
        """What that worker told; None if it has not yet."""
        name = f"{key}/{rank}"
        return json.loads(self.store.get(name)) if self.store.check([name]) else None

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
