"""What all workers must have in common."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
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
