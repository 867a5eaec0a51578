"""What all workers must have in common."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from job.parallel.wire import Wire, add_gradients
from job.training.parallel.computing import _weights, facts, gradients_of, losses_of
from tests.training.building import BY_NAME, enable, forward_of, memory_plan_of, prepared, random_rows


def test_other_rows_are_other_facts(base: Path) -> None:
    rows = random_rows(8)
    made = prepared(base, rows)
    assert facts(made, rows, rows) == facts(made, rows, rows)
    differing = facts(made, rows[:7], rows)
    assert {name for name, value in facts(made, rows, rows).items() if differing[name] != value} == {
        "rows",
        "tokens",
        "ids",
        "learned",
    }


def test_as_many_other_tokens_are_other_facts(base: Path) -> None:
    """As another tokenizer makes them of the same rows."""
    rows = random_rows(8)
    made = prepared(base, rows)
    others = [replace(rows[0], ids=rows[0].ids[::-1]), *rows[1:]]
    assert facts(made, others, rows) | {"ids": ""} == facts(made, rows, rows) | {"ids": ""}
    assert facts(made, others, rows)["ids"] != facts(made, rows, rows)["ids"]


def test_a_base_with_another_config_is_another_fact(base: Path, tmp_path: Path) -> None:
    """The same weights compute something else with another epsilon or rotary base."""
    rows = random_rows(8)
    made = prepared(base, rows)
    folder = shutil.copytree(base, tmp_path / "base")
    made = replace(made, loaded=replace(made.loaded, files=replace(made.loaded.files, folder=folder)))
    mine = facts(made, rows, rows)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}), "utf-8")
    assert facts(made, rows, rows) | {"config.json": ""} == mine | {"config.json": ""}
    assert facts(made, rows, rows)["config.json"] != mine["config.json"]


def test_a_base_of_other_values_is_another_fact(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "base")
    assert _weights(folder) == _weights(base) != ""
    (path,) = folder.glob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert _weights(folder) != _weights(base)


def test_a_worker_without_rows_adds_nothing(base: Path) -> None:
    forward = forward_of(base)
    plan = memory_plan_of(forward, random_rows(4))
    assert float(gradients_of(forward, plan, [], 9, backward=lambda loss: loss.backward())) == 0
    assert losses_of(forward, plan, []) == []
    assert all(parameter.grad is None for parameter in forward.model.parameters())


# --- on a card: `python -m pytest -m gpu -n 0 tests/training/parallel/test_computing.py` -----------------------------


def _half(rank: int, base: Path, port: int, results: Path) -> None:
    wire = Wire(rank, 2, port)
    wire.connect(torch.device("cpu"))  # gloo: NCCL takes no card twice
    forward = enable(forward_of(base), *BY_NAME)
    rows = random_rows(8)
    plan = memory_plan_of(forward, rows)
    loss = gradients_of(forward, plan, rows[: 3 + 5 * rank][3 * rank :], 100, backward=lambda loss: loss.backward())
    learned = [one for one in forward.model.parameters() if one.requires_grad]
    loss = add_gradients(wire, learned, loss)
    if rank == 0:
        torch.save(
            (float(loss), torch.cat([one.grad.flatten().cpu() for one in learned if one.grad is not None])), results
        )
    dist.destroy_process_group()


@pytest.mark.gpu
def test_two_workers_that_share_a_card_sum_up_to_what_one_computes(base: Path, tmp_path: Path) -> None:
    server = Wire(0, 2)
    processes.spawn(_half, (base, server.port, tmp_path / "sum"), nprocs=2)
    loss, gradient = torch.load(tmp_path / "sum")
    forward = enable(forward_of(base), *BY_NAME)
    rows = random_rows(8)
    expected = gradients_of(forward, memory_plan_of(forward, rows), rows, 100, backward=lambda loss: loss.backward())
    known = torch.cat([one.grad.flatten().cpu() for one in forward.model.parameters() if one.grad is not None])
    assert loss == pytest.approx(float(expected), rel=1e-6)
    assert float((gradient - known).norm() / known.norm()) < 1e-5
