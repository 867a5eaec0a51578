"""Workers that hold a base together compute what one with the whole base does. Real processes, gloo, real NF4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch.distributed.tensor import DTensor

from job.errors import HostUnfit
from job.modeling.files import BaseFiles
from job.parallel.wire import Wire
from job.settings.fields import LoraSettings
from job.training.adapter import attach
from job.training.forward import Forward
from job.training.parallel.computing import gradients_of, losses_of
from job.training.parallel.sharded import Sharing, load_sharded, require_equal
from tests.training.building import enable, forward_of, memory_plan_of, random_rows, tokenizer_of

LONGEST = 60


def together(work: Callable[..., Any], workers: int, *arguments: Any) -> None:
    """`work(wire, *arguments)` in so many processes, which are connected."""
    server = Wire(0, workers)
    processes.spawn(_one, (workers, server.port, work, arguments), nprocs=workers)


def _one(rank: int, workers: int, port: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    wire = Wire(rank, workers, port)
    wire.connect(torch.device("cpu"))
    work(wire, *arguments)


def sharded_forward(wire: Wire, base: Path, hosts: list[int] | None = None) -> Forward:
    sharing = Sharing.of(wire, hosts or [0] * wire.workers, offloaded=False)
    files, tokenizer = BaseFiles(base, str(base), ""), tokenizer_of(base)
    model, lockstep = load_sharded(files, tokenizer, torch.float32, sharing)
    lora = LoraSettings(targets=("all-linear",), dropout=0)
    attached = attach(model, lora, 1, str(base))
    return Forward(attached, precision="float32", pad_token=tokenizer.pad_token_id, lockstep=lockstep)


def stepped(forward: Forward, rows: list[Any], own: list[Any]) -> tuple[float, torch.Tensor]:
    """(loss, gradients) of this worker's own rows of a step; B is not zero, or A would get no gradient."""
    generator = torch.Generator().manual_seed(5)
    learned = [one for one in forward.model.parameters() if one.requires_grad]
    with torch.no_grad():
        for one in learned:
            one.copy_(torch.randn(one.shape, generator=generator) * 0.02)
    forward.model.zero_grad()
    plan = memory_plan_of(forward, rows)
    loss = gradients_of(forward, plan, own, 100, backward=lambda loss: loss.backward())
    return float(loss), torch.cat(
        [one.new_zeros(one.numel()) if one.grad is None else one.grad.flatten() for one in learned]
    )


# --- equal -----------------------------------------------------------------------------------------------------------


def _same_as_whole(wire: Wire, base: Path, known: dict[str, Any], hosts: list[int] | None) -> None:
    forward = sharded_forward(wire, base, hosts)
    parts = [one for one in forward.base.parameters() if isinstance(one.data, DTensor)]
    share = sum(one.to_local().numel() for one in parts) / sum(one.numel() for one in parts)
    assert share == pytest.approx(1 / dist.get_world_size(forward.lockstep.group), rel=0.02)
    rows = random_rows(9)
    mine = rows[: 9 - 3 * wire.rank]  # another number of rows for each
    for names in ((), ("packed_rows", "sliced_head", "lora4bit", "norm")):
        enable(forward, *names, longest=LONGEST)
        loss, gradient = stepped(forward, rows, mine)
        expected_loss, expected = known[names, len(mine)]
        assert loss == pytest.approx(expected_loss, rel=1e-6)
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-7)
        assert losses_of(forward, memory_plan_of(forward, rows), mine) == pytest.approx(
            known[names, "losses"][: len(mine)], rel=1e-5
        )


@pytest.mark.parametrize(("workers", "hosts"), [(2, None), (3, None), (4, [0, 0, 1, 1])])
def test_a_sharded_base_computes_what_the_whole_one_does(base: Path, workers: int, hosts: list[int] | None) -> None:
    """Loss, gradients and evaluation of each worker's own rows, on the reference path and with every optimization; also where
    one has no rows at all."""
    forward = forward_of(base)
    rows = random_rows(9)
    known: dict[Any, Any] = {}
    for names in ((), ("packed_rows", "sliced_head", "lora4bit", "norm")):
        enable(forward, *names, longest=LONGEST)
        for count in {9 - 3 * rank for rank in range(workers)}:
            known[names, count] = stepped(forward, rows, rows[:count])
        known[names, "losses"] = losses_of(forward, memory_plan_of(forward, rows), rows)
    together(_same_as_whole, workers, base, known, hosts)


def test_a_matrix_that_computes_something_else_is_refused() -> None:
    same = [torch.ones(3), torch.arange(3.0)]
    require_equal(same, [one.clone() for one in same], "layer 0")
    with pytest.raises(HostUnfit, match="1 of 2 matrices of layer 0 compute something else"):
        require_equal(same, [same[0], same[1] + torch.tensor([0, 0, 1e-3])], "layer 0")
