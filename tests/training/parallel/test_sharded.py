"""Workers that hold a base together compute what one with the whole base does. Real processes, gloo, real NF4."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch.distributed.tensor import DTensor

from job.errors import HostUnfit
from job.modeling.architecture import Architecture
from job.modeling.files import BaseFiles
from job.modeling.memory import Held
from job.parallel.wire import Wire
from job.settings.fields import LoraSettings
from job.training.adapter import attach
from job.training.forward import Forward
from job.training.parallel.computing import gradients_of, losses_of
from job.training.parallel.sharded import Sharing, load_sharded, require_equal
from tests.conftest import make_base
from tests.families import FAMILIES, make_family_base
from tests.training.building import BY_NAME, enable, forward_of, memory_plan_of, random_rows, tokenizer_of

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
    sharing = Sharing.of(wire, hosts or [0] * wire.workers, "sharded")
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


def _loads(wire: Wire, base: Path) -> None:
    assert not sharded_forward(wire, base).base.training


def test_a_family_with_dropout_is_checked_without_it_by_all_workers(tmp_path: Path) -> None:
    """A row that is looked at twice is the same twice, also for who begins with an empty model; dropout would differ."""
    gpt2 = next(family for family in FAMILIES if family.name == "gpt2")
    together(_loads, 2, make_family_base(tmp_path, gpt2))


def test_a_matrix_that_computes_something_else_is_refused() -> None:
    same = [torch.ones(3), torch.arange(3.0)]
    require_equal(same, [one.clone() for one in same], "layer 0")
    with pytest.raises(HostUnfit, match="1 of 2 matrices of layer 0 compute something else"):
        require_equal(same, [same[0], same[1] + torch.tensor([0, 0, 1e-3])], "layer 0")


# --- on cards: `python -m pytest -m gpu -n 0 tests/training/parallel/test_sharded.py` ------------------------------------

LONG = 400
CUBLAS_BYTES = 32 * 2**20
"""Its workspace on a Hopper card, which counts as allocated from the first product on."""
LARGER = {"hidden_size": 1024, "num_hidden_layers": 8, "intermediate_size": 4096, "num_attention_heads": 8}


def _on_cards(_: int, rank: int, workers: int, port: int, base: Path, held: Held, results: Path) -> None:
    wire = Wire(rank, workers, port)
    wire.connect(torch.device("cuda", 0))
    files, tokenizer = BaseFiles(base, str(base), ""), tokenizer_of(base)
    sharing = Sharing.of(wire, [0] * workers, held)
    model, lockstep = load_sharded(files, tokenizer, torch.float32, sharing)
    weights = torch.cuda.memory_allocated()
    attached = attach(model, LoraSettings(targets=("all-linear",), dropout=0), 1, str(base))
    for one in attached.parameters():
        if one.requires_grad:
            one.data = one.data.cuda()
    forward = Forward(attached, precision="float32", pad_token=tokenizer.pad_token_id, lockstep=lockstep)
    enable(forward, *BY_NAME, longest=LONG)
    rows = random_rows(16, longest=LONG)
    loss, gradient = stepped(forward, rows, rows)
    torch.save((loss, gradient.cpu(), weights), results / str(rank))
    dist.destroy_process_group()


def on_cards(base: Path, workers: int, held: Held, results: Path) -> list[tuple[float, torch.Tensor, int]]:
    """(loss, gradients, bytes once loaded) of each worker, all of them with the same rows."""
    results.mkdir()
    server = Wire(0, workers)
    started = []
    for rank in range(workers):  # CUDA reads the variable once, while a library is imported
        os.environ["CUDA_VISIBLE_DEVICES"] = str(rank)
        arguments = (rank, workers, server.port, base, held, results)
        started.append(processes.spawn(_on_cards, arguments, nprocs=1, join=False))
    del os.environ["CUDA_VISIBLE_DEVICES"]
    for one in started:
        while not one.join():
            pass
    return [torch.load(results / str(rank)) for rank in range(workers)]


@pytest.mark.gpu
@pytest.mark.parametrize("workers", [1, 2])
def test_on_cards_it_computes_the_same_in_the_memory_that_is_predicted(workers: int, tmp_path: Path) -> None:
    """With every optimization, by NCCL. Also with one worker, where nothing but the gathering is left to be wrong."""
    if torch.cuda.device_count() < workers:
        pytest.skip(f"{workers} GPUs are needed, and here are {torch.cuda.device_count()}")
    base = make_base(tmp_path / "base", **LARGER)
    whole = forward_of(base)
    enable(whole, *BY_NAME, longest=LONG)
    rows = random_rows(16, longest=LONG)
    known_loss, known = stepped(whole, rows, rows)
    weights = Architecture.read(base, str(base)).weights(4)
    once_loaded = {}
    for held in ("sharded", "offloaded"):
        found = on_cards(base, workers, held, tmp_path / held)
        for loss, gradient, *_ in found:
            assert loss == pytest.approx(known_loss, rel=1e-5)
            assert float((gradient - known.cpu()).norm() / known.norm()) < 1e-5
        once_loaded[held] = found[0][2]
    part = once_loaded["sharded"] - once_loaded["offloaded"]
    print(f"{workers}: {once_loaded}, a part {part / 2**20:.1f} of {weights.shared / 2**20:.1f} MiB")
    assert part == pytest.approx(weights.shared / workers, rel=0.02)
    assert once_loaded["offloaded"] <= weights.on_a_card("offloaded", workers) + CUBLAS_BYTES
