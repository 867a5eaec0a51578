"""Who passes through a base together agrees on it, and does not go on alone where memory runs out."""

from __future__ import annotations

import pytest
import torch

from job.errors import MemoryExhausted
from job.parallel.wire import Wire
from job.training.parallel.lockstep import FILLER, Lockstep, out_of_memory
from tests.training.parallel.test_sharded import together


def _agree(wire: Wire) -> None:
    lockstep = Lockstep(torch.distributed.group.WORLD, torch.device("cpu"), torch.nn.Linear(1, 1))  # type: ignore[arg-type]
    assert lockstep.most(3 + wire.rank) == 4
    assert lockstep.all_say(True)
    assert not lockstep.all_say(wire.rank == 0)
    lockstep.recover()


def test_the_most_counts_and_one_no_is_a_no() -> None:
    together(_agree, 2)


def test_memory_that_runs_out_is_the_end_where_others_wait() -> None:
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    out_of_memory(full, None)  # alone: the next candidate is tried
    with pytest.raises(MemoryExhausted, match="while the GPUs shared the layers of the base: CUDA out of memory"):
        out_of_memory(full, object())  # type: ignore[arg-type]


def test_a_filler_has_something_to_learn_and_is_short() -> None:
    assert FILLER.targets > 0
    assert len(FILLER.ids) <= 8
