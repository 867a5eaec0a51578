"""A training that runs out of memory loses no step and changes no result; the evaluation does not depend on its batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from job.modeling.memory import Candidate
from job.training.graphs import Graphs
from job.training.trainer import Float32AdapterTrainer
from tests.conftest import make_base
from tests.training.building import BY_NAME, adapter, enable, forward_of, out_of_memory_at, random_rows, trainer_of


def test_out_of_memory_in_mid_run_loses_no_step_and_changes_no_result(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same adapter as a run that never ran out, up to the order of a sum; the step began again with the next candidate."""
    rows = [row for row in random_rows(200, longest=250) if len(row.ids) > 200][:24]
    quiet = forward_of(base)
    trainer_of(quiet, rows, tmp_path / "quiet").train()

    forward = forward_of(base)
    trainer = trainer_of(forward, rows, tmp_path / "full")
    assert trainer.memory_plan.candidate.checkpointing == "none"
    first = trainer.memory_plan.candidate.tokens
    seen = out_of_memory_at({2}, forward, monkeypatch)
    trainer.train()
    assert trainer.state.global_step == 3
    assert [attempt.fits for attempt in trainer.memory_plan.tried] == [False]
    assert trainer.memory_plan.candidate.tokens < first
    assert max(seen[2:]) <= trainer.memory_plan.candidate.tokens < max(seen[:2])
    # 3 steps of a learning rate of 0.01: a lost or doubled step would move the adapter by a few percent
    assert float((adapter(forward) - adapter(quiet)).norm() / adapter(quiet).norm()) < 1e-4


def test_random_numbers_are_drawn_once_when_a_step_begins_again(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = random_rows(8, longest=30)
    forward = forward_of(base, dropout=0.2)
    trainer = trainer_of(forward, rows, tmp_path)
    trainer.memory_plan.candidates = [Candidate(10**6, "none")] * 2  # the same cut again
    trainer.create_optimizer()
    torch.manual_seed(4)
    loss = trainer.training_step(trainer.model, {"rows": rows})
    after = torch.get_rng_state()
    trainer.model.zero_grad()
    torch.manual_seed(4)
    out_of_memory_at({1}, forward, monkeypatch)
    again = trainer.training_step(trainer.model, {"rows": rows})
    assert torch.equal(loss, again)
    assert torch.equal(after, torch.get_rng_state())


def test_an_evaluation_that_runs_out_begins_again_smaller(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = random_rows(12)
    forward = forward_of(base)
    trainer = trainer_of(forward, rows, tmp_path)
    before = trainer.evaluate()["eval_loss"]
    out_of_memory_at({1}, forward, monkeypatch)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(before, rel=1e-6)
    assert len(trainer.memory_plan.tried) == 1


def test_the_evaluation_loss_is_the_mean_over_tokens_whatever_the_batches(base: Path, tmp_path: Path) -> None:
    rows = random_rows(12)
    forward = forward_of(base)
    trainer = trainer_of(forward, rows, tmp_path)
    trainer.eval_rows = rows
    with torch.no_grad():
        known = sum(float(forward.loss_sum([row])) for row in rows) / sum(row.targets for row in rows)
    for tokens in (60, 200, 10**6):
        trainer.memory_plan.candidates = [Candidate(tokens, "none")]
        assert trainer.evaluate()["eval_loss"] == pytest.approx(known, rel=1e-5)


def test_the_methods_of_the_trainer_that_are_overridden_exist() -> None:
    stock = Float32AdapterTrainer.__mro__[1]
    assert all(hasattr(stock, name) for name in ("_save", "_save_checkpoint", "training_step", "floating_point_ops"))


def test_the_adapter_stays_where_it_was(base: Path, tmp_path: Path) -> None:
    """In float32, and at the addresses that a CUDA graph has recorded."""
    forward = forward_of(base)
    parameters = [parameter for parameter in forward.model.parameters() if parameter.requires_grad]
    addresses, values = [parameter.data_ptr() for parameter in parameters], adapter(forward)
    trainer_of(forward, random_rows(12), tmp_path).train()
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert [parameter.data_ptr() for parameter in parameters] == addresses
    assert not torch.equal(adapter(forward), values)


# --- on a card -------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
def test_a_full_card_falls_back_in_mid_run(tmp_path: Path) -> None:
    """The limit of what PyTorch may take is lowered before the second step; the run goes on with a later candidate."""
    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=8, intermediate_size=4096)
    rows = [row for row in random_rows(3000, longest=500) if len(row.ids) > 400][:48]
    forward = forward_of(base, "bfloat16")
    enable(forward, *BY_NAME, longest=500)
    trainer = trainer_of(forward, rows, tmp_path)
    total = torch.cuda.get_device_properties(0).total_memory

    class Squeeze(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 1:
                torch.cuda.empty_cache()
                torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 150 * 2**20) / total)

    try:
        trainer.add_callback(Squeeze())
        trainer.train()
        assert trainer.state.global_step == 6
        assert trainer.memory_plan.tried and not any(attempt.fits for attempt in trainer.memory_plan.tried)
        print(*trainer.memory_plan.tried, sep="\n")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_training_with_graphs_comes_to_the_losses_of_one_without(precision: str, tmp_path: Path) -> None:
    """float16: with a loss scale, and steps that it skips."""
    base = make_base(tmp_path / "base", hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
    rows = random_rows(48, longest=150)
    losses = []
    for name in ("with", "without"):
        forward = forward_of(base, precision)
        enable(forward, *BY_NAME, longest=150)
        graphs = Graphs(forward)
        if name == "with":
            forward.graphs = graphs
        trainer = trainer_of(forward, rows, tmp_path / name)
        trainer.train()
        losses.append(trainer.watch.log.losses)
        assert trainer.state.global_step == 6
        assert (0 < graphs.captures <= 6 and forward.graphs is graphs) == (name == "with")
        graphs.close()
        forward.revert_optimizations()
    print(precision, losses)
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)
