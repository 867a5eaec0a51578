"""What all workers must have in common."""

from __future__ import annotations

import shutil
from pathlib import Path

from job.training.parallel.computing import _weights, facts, gradients_of, losses_of
from tests.training.building import forward_of, memory_plan_of, prepared, random_rows


def test_other_rows_are_other_facts(base: Path) -> None:
    rows = random_rows(8)
    made = prepared(base, rows)
    assert facts(made, rows, rows) == facts(made, rows, rows)
    differing = facts(made, rows[:7], rows)
    assert {name for name, value in facts(made, rows, rows).items() if differing[name] != value} == {
        "rows",
        "tokens",
        "learned",
    }


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
