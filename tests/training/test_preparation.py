"""Precision, optimizations and memory plan are chosen by what real steps show: overflow ends in float32, a step that differs on
the reference path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from job.errors import Diverged, JobError, SettingsError
from job.modeling.batching import Row
from job.results import DryRun
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan
from job.training.optimizations.registry import Entry
from tests.conftest import make_base
from tests.training.building import SETTINGS, prepared, random_rows


def _dry_runs(monkeypatch: pytest.MonkeyPatch, *problems: str) -> None:
    """What a card's dry runs would have shown, one after the other."""
    results = iter(
        DryRun(rows=2, tokens=900, loss=2.5, loss_scale=16, largest_activation=61_000, problem=problem)
        for problem in problems
    )
    monkeypatch.setattr(MemoryPlan, "select", lambda *_: next(results))


def test_overflow_on_the_longest_rows_ends_in_float32_with_the_evidence(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update={"precision": "bfloat16"})
    _dry_runs(monkeypatch, "the loss is nan", "")
    enabled: list[str] = []

    def enable(forward: Forward, _: int) -> Callable[[], None]:
        assert not enabled, "the reference path of float32 is nobody else's"
        enabled.append(forward.precision)
        return enabled.clear

    found = prepared(base, random_rows(9), settings, optimizations=[Entry("changes-a-module", "Nothing.", enable)])
    assert enabled == ["float32"]
    assert found.precision.value == "float32"
    assert "bfloat16 failed on the longest rows (900 tokens): the loss is nan" in found.precision.reason
    assert "61,000" in found.precision.reason
    assert found.overflowed is not None and found.overflowed.problem == "the loss is nan"
    assert found.loaded.forward.base.get_decoder().norm.weight.dtype == torch.float32

    _dry_runs(monkeypatch, "the loss is nan", "the loss is nan")
    with pytest.raises(Diverged, match="fails in float32: the loss is nan"):
        prepared(base, random_rows(9), settings)


def test_a_whole_step_that_differs_reverts_every_optimization(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(8, longest=120)
    monkeypatch.setattr(Forward, "cut", _losing_a_row)
    with pytest.raises(JobError, match=r"A training step with micro-batches of .* differs from the reference path"):
        prepared(base, rows)  # the reference path differs too: nothing is left to fall back to
    monkeypatch.setattr(Forward, "cut", lambda self, rows, budget: _losing_a_row(self, rows, budget, only_packed=True))
    found = prepared(base, rows)
    assert not any(optimization.on for optimization in found.step.optimizations)
    assert "the whole step differs" in found.step.optimizations[0].reason
    assert not found.loaded.forward.packed


def test_a_base_whose_rows_depend_on_each_other_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Forward.loss_sum
    monkeypatch.setattr(Forward, "loss_sum", lambda self, rows: real(self, rows) * (1 + 0.01 * len(rows)))
    with pytest.raises(SettingsError, match=r"depends on the rows beside it \(loss by .*choose another model"):
        prepared(base, random_rows(8))


def test_a_base_that_fails_in_its_own_code_is_refused_and_a_card_that_fails_is_not(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(message: str) -> None:
        def loss_sum(self: Forward, rows: Sequence[Row]) -> torch.Tensor:
            raise RuntimeError(message)

        monkeypatch.setattr(Forward, "loss_sum", loss_sum)

    fails("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(
        SettingsError, match=r"FINETUNE_MODEL_BASE: transformers cannot compute .* choose another model"
    ):
        prepared(base, random_rows(8))
    fails("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        prepared(base, random_rows(8))


def _losing_a_row(self: Forward, rows: Sequence[Row], _: int, *, only_packed: bool = False) -> list[list[Row]]:
    return [[row] for row in (rows if only_packed and not self.packed else rows[1:])]


# --- on a card -------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
def test_a_base_that_overflows_in_float16_is_trained_in_float32(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = make_base(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights = {key: tensor.float() for key, tensor in weights.items()}
    weights["model.layers.1.mlp.up_proj.weight"] *= 1e4
    weights["model.layers.1.mlp.down_proj.weight"] *= 1e4
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    found = prepared(base, random_rows(9), SETTINGS.model_copy(update={"precision": "float16"}))
    assert found.precision.value == "float32"
    assert found.step.dry_run is not None and found.step.dry_run.problem == ""
    print(found.precision.reason)
