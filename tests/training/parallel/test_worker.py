"""A worker's random numbers are its own, and the same in a run that goes on. What it computes is tested with its leader."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from job.parallel.shares import Member
from job.parallel.wire import Order
from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
from job.training.parallel import worker
from job.training.parallel.worker import seed_of


def test_each_step_and_each_worker_draws_other_numbers_every_time_the_same() -> None:
    seeds = [seed_of(Order("gradients", seed=step), rank) for step in range(50) for rank in range(1, 9)]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [seed_of(Order("gradients", seed=step), rank) for step in range(50) for rank in range(1, 9)]
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_worker_prepares_for_its_own_share(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does the leader (job/training/stage.py); what comes of it is tested with the choice of graphs."""

    class Prepared(Exception):
        pass

    def prepare(*_: Any, member: Member, **__: Any) -> None:
        raise Prepared(member)

    monkeypatch.setattr(worker, "prepare", prepare)
    (tmp_path / "rows.jsonl").touch()
    request = {
        "folder": str(base),
        "name": str(base),
        "revision": "",
        "root": str(tmp_path),
        "halved": False,
        "held": "whole",
        "capability": None,
        "rows": "rows.jsonl",
        "eval_rows": "rows.jsonl",
        "model": ModelSettings(base=str(base)).model_dump(mode="json"),
        "lora": LoraSettings().model_dump(mode="json"),
        "train": TrainSettings().model_dump(mode="json"),
    }
    with pytest.raises(Prepared) as raised:
        worker._work(request, SimpleNamespace(rank=2, workers=5))  # type: ignore[arg-type]
    assert raised.value.args == (Member(2, 5),)
