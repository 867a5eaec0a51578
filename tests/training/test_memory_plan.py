"""How a step is cut: falling back changes no result, and past the last candidate the error says what was tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from job.errors import MemoryExhausted
from job.modeling.architecture import Architecture
from job.modeling.batching import Row
from job.modeling.memory import Candidate, Checkpointing
from job.settings.fields import LoraSettings
from job.training.dry_run import dry_run_step
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan, largest_step
from job.training.optimizations.comparison import Perturbed, gradients
from tests.conftest import make_base
from tests.training.building import (
    BY_NAME,
    differences,
    enable,
    forward_of,
    memory_plan_of,
    out_of_memory_at,
    random_rows,
    rows_up_to,
    trainer_of,
)


@pytest.mark.parametrize("checkpointing", ["half", "all"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_recomputed_layers_give_the_same_gradients(checkpointing: Checkpointing, dropout: float, base: Path) -> None:
    """Dropout draws the same numbers again when a layer is computed again."""
    forward = forward_of(base, dropout=dropout)
    rows = random_rows(4)
    memory_plan = memory_plan_of(forward, rows)
    enable(forward, "packed_rows", "sliced_head", "lora4bit")
    with Perturbed(forward.model):
        forward.model.train()
        torch.manual_seed(1)
        reference = gradients(forward, rows)
        memory_plan.candidates = [Candidate(1000, checkpointing)]
        memory_plan.set_checkpointing()
        flags = [layer.gradient_checkpointing for layer in forward.base.get_decoder().layers]
        assert flags == [checkpointing == "all", True]
        torch.manual_seed(1)
        again = gradients(forward, rows)
        memory_plan.candidates = [Candidate(1000, "none")]
        memory_plan.set_checkpointing()
        assert not any(layer.gradient_checkpointing for layer in forward.base.get_decoder().layers)
    assert max(differences(reference, again)) < 1e-6


def test_past_the_last_candidate_is_exit_62_with_what_was_tried(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = random_rows(8)
    forward = forward_of(base)
    trainer = trainer_of(forward, rows, tmp_path)
    monkeypatch.setattr("job.training.memory_plan.usable_bytes", lambda: 2**30)
    out_of_memory_at(set(range(100)), forward, monkeypatch)
    with pytest.raises(MemoryExhausted) as raised:
        trainer.train()
    assert raised.value.exit_code == 62
    text = str(raised.value)
    assert text.count("fits=false") == len(trainer.memory_plan.candidates)
    assert "checkpointing=all" in text and "1.0 GiB are usable" in text
    assert "FINETUNE_TRAIN_MAX_TOKENS" in raised.value.remedy


def test_a_budget_that_would_cut_the_step_as_before_is_not_tried(base: Path) -> None:
    memory_plan = memory_plan_of(forward_of(base), rows_up_to(300, 8))
    memory_plan.candidates = [Candidate(tokens, how) for how in ("none", "all") for tokens in (2000, 1500, 1000)]
    memory_plan.fall_back(step=1, peak=1, largest=1200)
    assert memory_plan.candidate == Candidate(1000, "none")
    memory_plan.fall_back(step=1, peak=1, largest=900)
    assert memory_plan.candidate == Candidate(2000, "all"), "with its layers recomputed, as many tokens take less"


def test_the_longest_rows_never_come_together() -> None:
    """A hundredth of the rows is 20 times as long as the others."""
    lengths = [2000] * 10 + [100] * 990
    assert 16 * 100 < largest_step(lengths, 16) < 16 * 2000 / 2
    assert largest_step(lengths[:3], 16) == 6000


def lengths_of(rows: list[Row]) -> list[int]:
    return [len(row.ids) for row in rows]


def plan_for(forward: Forward, lengths: list[int], size: int, budget: int) -> MemoryPlan:
    rows = [Row.after([7] * tokens, 1) for tokens in lengths]
    memory_plan = MemoryPlan(forward, rows, batch_size=size, architecture=None, lora=LoraSettings())
    memory_plan.candidates = [Candidate(budget, "none")]
    return memory_plan


MEASURED = [
    ([1400] * 200 + [2048], 4, 2816, [[2048], [1400, 1400]]),
    ([1000] * 400 + [1100], 16, 2048, [[1100], [1000, 1000]]),
    ([2048] * 2 + [1500, 500] + [100] * 12, 16, 5632, [[2048, 2048, 1500]]),
    ([300, 200, 50], 3, 310, [[300]]),
    ([300, 299, 100, 20], 4, 719, [[300, 299, 100, 20]]),
]
"""Lengths, rows of a step, budget, and the lengths of what is measured of packed rows."""


@pytest.mark.parametrize(("lengths", "size", "budget", "measured"), MEASURED)
def test_a_candidate_is_measured_on_the_longest_row_and_on_its_largest_micro_batch(
    lengths: list[int],
    size: int,
    budget: int,
    measured: list[list[int]],
    with_optimizations: Callable[..., Forward],
) -> None:
    memory_plan = plan_for(with_optimizations("packed_rows"), lengths, size, budget)
    assert [lengths_of(part) for part in memory_plan.micro_batches()] == measured


@pytest.mark.parametrize(
    ("lengths", "budget", "measured"),
    [
        ([500] + [255] * 50, 512, [[500], [255, 255]]),  # attention in the reference path takes a row's square
        ([300, 200, 200, 200], 599, [[300], [200, 200]]),
        ([300, 300, 200], 600, [[300, 300]]),
    ],
)
def test_of_padded_rows_the_padding_counts(
    lengths: list[int], budget: int, measured: list[list[int]], forward: Forward
) -> None:
    memory_plan = plan_for(forward, lengths, 4, budget)
    assert [lengths_of(part) for part in memory_plan.micro_batches()] == measured


def test_predictions_are_part_of_the_record(base: Path) -> None:
    forward = forward_of(base)
    architecture = Architecture.read(base, str(base))
    memory_plan = MemoryPlan(forward, random_rows(9), batch_size=8, architecture=architecture, lora=LoraSettings())
    memory_plan.fall_back(step=3, peak=123)
    assert memory_plan.tried[0].step == 3
    assert memory_plan.tried[0].predicted_bytes is not None
    assert "step=3" in str(memory_plan.tried[0])


def test_a_run_that_was_killed_for_memory_begins_with_half(base: Path) -> None:
    forward, rows = forward_of(base), random_rows(16, longest=400)
    whole, half = (
        MemoryPlan(forward, rows, batch_size=16, architecture=None, lora=LoraSettings(), halved=halved)
        for halved in (False, True)
    )
    assert whole.candidate == whole.candidates[0]
    assert half.candidate.tokens <= whole.candidate.tokens // 2
    assert half.candidates[half.place - 1].tokens > whole.candidate.tokens // 2, "the largest of them"


# --- on a card -------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
def test_the_memory_plan_takes_the_fastest_candidate_that_fits(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=8, intermediate_size=4096)
    rows = [row for row in random_rows(3000, longest=500) if len(row.ids) > 400][:48]
    total = torch.cuda.get_device_properties(0).total_memory
    others = torch.cuda.memory_reserved()  # what earlier tests hold
    chosen = []
    for gib in (0.0, 0.8, 0.4):
        forward = forward_of(base, "float16")
        enable(forward, *BY_NAME, longest=500)
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction((gib * 2**30 + others) / total if gib else 1.0)
        try:
            memory_plan = memory_plan_of(forward, rows)
            dry_run = memory_plan.select(lambda some, forward=forward: dry_run_step(forward, some, 1e-3))
            assert dry_run is not None and dry_run.problem == ""
            assert memory_plan.tried[-1].fits and not any(attempt.fits for attempt in memory_plan.tried[:-1])
            chosen.append(memory_plan.candidates.index(memory_plan.candidate))
            print(gib, *memory_plan.tried, sep="\n")
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            del forward, memory_plan
    assert chosen[0] == 0 < chosen[1] < chosen[2]
