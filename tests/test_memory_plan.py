"""Memory and precision: stepping down changes no result, the last candidate says what was tried, overflow ends in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from job.errors import Diverged, MemoryExhausted
from job.modeling.architecture import Architecture
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.memory import Candidate
from job.modeling.precision import choose_precision
from job.modeling.tokenizer import load_tokenizer
from job.probing.stage import answer_all
from job.results import DryRun
from job.runs.signals import StopRequest
from job.settings.fields import LoraSettings, ModelSettings, ProbeSettings, TrainSettings
from job.training.batching import Row
from job.training.callbacks import Watch
from job.training.dry_run import dry_run_step
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan
from job.training.optimizations.comparison import Perturbed, gradients
from job.training.optimizations.registry import OPTIMIZATIONS
from job.training.preparation import prepare
from job.training.stage import arguments
from job.training.trainer import Float32AdapterTrainer
from tests.test_optimizations import LONGEST, differences, forward_of, make_rows

SETTINGS = TrainSettings(batch_size=8, warmup_steps=1, log_steps=1, eval_steps=2, learning_rate=0.01)


def memory_plan_of(forward: Forward, rows: list[Row]) -> MemoryPlan:
    return MemoryPlan(forward, rows, batch_size=SETTINGS.batch_size, architecture=None, lora=LoraSettings())


def trainer_of(forward: Forward, rows: list[Row], folder: Path) -> Float32AdapterTrainer:
    return Float32AdapterTrainer(
        forward=forward,
        memory_plan=memory_plan_of(forward, rows),
        rows=rows,
        eval_rows=rows[:5],
        watch=Watch(folder, worst_loss=100, stop=StopRequest()),
        args=arguments(SETTINGS, folder / "checkpoints", forward.precision, len(rows)),
        processing_class=load_tokenizer_of(forward),
    )


def load_tokenizer_of(forward: Forward) -> Any:
    model = ModelSettings(base=forward.base.config._name_or_path)
    return load_tokenizer(fetch_files(model, "", weights=False), model)


def adapter(forward: Forward) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in forward.model.parameters() if p.requires_grad])


def out_of_memory_at(calls: set[int], forward: Forward, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A CPU has no card to fill, so the failure is put where CUDA raises it: inside a micro-batch. Returns tokens a call."""
    real, seen = forward.loss_sum, []

    def loss_sum(rows: Sequence[Row]) -> torch.Tensor:
        seen.append(sum(len(row.ids) for row in rows))
        loss = real(rows)
        if len(seen) in calls:
            torch.rand(7)  # dropout has drawn by then
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return loss

    monkeypatch.setattr(forward, "loss_sum", loss_sum)
    return seen


@pytest.mark.parametrize("checkpointing", ["half", "all"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_recomputed_layers_give_the_same_gradients(checkpointing: str, dropout: float, base: Path) -> None:
    """Dropout draws the same numbers again when a layer is computed again."""
    forward = forward_of(base, dropout=dropout)
    rows = make_rows(4)
    memory_plan = memory_plan_of(forward, rows)
    for name in ("packed_rows", "sliced_head", "lora4bit"):
        forward.undo.append(OPTIMIZATIONS[name](forward, LONGEST))
    with Perturbed(forward.model):
        forward.model.train()
        torch.manual_seed(1)
        plain = gradients(forward, rows)
        memory_plan.candidates = [Candidate(1000, checkpointing)]  # type: ignore[arg-type]
        memory_plan.set_checkpointing()
        flags = [layer.gradient_checkpointing for layer in forward.base.get_decoder().layers]
        assert flags == [checkpointing == "all", True]
        torch.manual_seed(1)
        again = gradients(forward, rows)
        memory_plan.candidates = [Candidate(1000, "none")]
        memory_plan.set_checkpointing()
        assert not any(layer.gradient_checkpointing for layer in forward.base.get_decoder().layers)
    assert max(differences(plain, again)) < 1e-6


def test_out_of_memory_in_mid_run_loses_no_step_and_changes_no_result(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same adapter as a run that never ran out, up to the order of a sum; the step began again with the next candidate."""
    rows = [row for row in make_rows(200, longest=250) if len(row.ids) > 200][:24]
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
    rows = make_rows(8, longest=30)
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


def test_below_the_last_rung_is_exit_62_with_what_was_tried(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows(8)
    forward = forward_of(base)
    trainer = trainer_of(forward, rows, tmp_path)
    monkeypatch.setattr("job.training.memory_plan.usable_bytes", lambda: 2**30)
    out_of_memory_at(set(range(100)), forward, monkeypatch)
    with pytest.raises(MemoryExhausted) as raised:
        trainer.train()
    assert raised.value.exit_code == 62
    text = str(raised.value)
    assert text.count("fits=false") == len(trainer.memory_plan.candidates)
    assert "checkpointing=all" in text and "1.0 GiB usable" in text
    assert "FINETUNE_TRAIN_MAX_TOKENS" in raised.value.remedy


def test_an_evaluation_that_runs_out_begins_again_smaller(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows(12)
    forward = forward_of(base)
    trainer = trainer_of(forward, rows, tmp_path)
    before = trainer.evaluate()["eval_loss"]
    out_of_memory_at({1}, forward, monkeypatch)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(before, rel=1e-6)
    assert len(trainer.memory_plan.tried) == 1


def test_the_evaluation_loss_is_the_mean_over_tokens_whatever_the_batches(base: Path, tmp_path: Path) -> None:
    rows = make_rows(12)
    forward = forward_of(base)
    trainer = trainer_of(forward, rows, tmp_path)
    trainer.eval_rows = rows
    with torch.no_grad():
        known = sum(float(forward.loss_sum([row])) for row in rows) / sum(row.targets for row in rows)
    for tokens in (60, 200, 10**6):
        trainer.memory_plan.candidates = [Candidate(tokens, "none")]
        assert trainer.evaluate()["eval_loss"] == pytest.approx(known, rel=1e-5)


def test_answers_are_asked_fewer_at_a_time_where_memory_runs_out(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = forward_of(base)
    chat = Chat(load_tokenizer_of(forward))
    prompts = [row.ids for row in make_rows(10, longest=20)]
    settings = ProbeSettings(max_new_tokens=4)
    forward.base.eval()
    known = answer_all(forward.base, chat, prompts, settings)
    real = forward.base.generate

    def generate(**options: Any) -> Any:
        if len(options["input_ids"]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(**options)

    monkeypatch.setattr(forward.base, "generate", generate)
    assert answer_all(forward.base, chat, prompts, settings) == known


def test_predictions_are_part_of_the_record(base: Path) -> None:
    forward = forward_of(base)
    architecture = Architecture.read(base, str(base))
    memory_plan = MemoryPlan(forward, make_rows(9), batch_size=8, architecture=architecture, lora=LoraSettings())
    memory_plan.fall_back(step=3, peak=123)
    assert memory_plan.tried[0].step == 3
    assert memory_plan.tried[0].predicted_bytes is not None
    assert "step=3" in str(memory_plan.tried[0])


# --- precision -------------------------------------------------------------------------------------------------------


def test_a_trial_step_leaves_no_trace(base: Path) -> None:
    forward = forward_of(base, dropout=0.1)
    before, random_state = adapter(forward).clone(), torch.get_rng_state()
    dry_run = dry_run_step(forward, make_rows(5), learning_rate=0.5)
    assert dry_run.problem == ""
    assert 3 < dry_run.loss < 12
    assert 0 < dry_run.largest_activation < 65504
    assert torch.equal(before, adapter(forward))
    assert torch.equal(random_state, torch.get_rng_state())
    assert all(p.grad is None for p in forward.model.parameters())


def test_a_trial_tells_what_was_not_finite(base: Path) -> None:
    forward = forward_of(base)
    forward.base.get_decoder().norm.weight.data[3] = float("inf")
    dry_run = dry_run_step(forward, make_rows(5), learning_rate=0.01)
    assert dry_run.problem == "the loss is nan"


def _proofs(monkeypatch: pytest.MonkeyPatch, *problems: str) -> None:
    """What a card's trials would have said, one after the other."""
    proofs = iter(
        DryRun(rows=2, tokens=900, loss=2.5, loss_scale=16, largest_activation=61_000, problem=problem)
        for problem in problems
    )
    monkeypatch.setattr(MemoryPlan, "select", lambda *_: next(proofs))


def test_overflow_on_the_longest_rows_ends_in_float32_with_the_evidence(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelSettings(base=str(base))
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    _proofs(monkeypatch, "the loss is nan", "")
    settings = SETTINGS.model_copy(update={"precision": "bfloat16"})
    ready = prepare(files, tokenizer, LoraSettings(), settings, make_rows(9))
    assert ready.precision.value == "float32"
    assert "bfloat16 failed on the longest rows (900 tokens): the loss is nan" in ready.precision.reason
    assert "61,000" in ready.precision.reason
    assert ready.overflowed is not None and ready.overflowed.problem == "the loss is nan"
    assert ready.forward.base.get_decoder().norm.weight.dtype == torch.float32

    _proofs(monkeypatch, "the loss is nan", "the loss is nan")
    with pytest.raises(Diverged, match="fails in float32: the loss is nan"):
        prepare(files, tokenizer, LoraSettings(), settings, make_rows(9))


def test_families_that_overflow_in_float16_start_in_float32_below_compute_capability_8() -> None:
    choice = choose_precision("auto", "gemma3", (7, 5))
    assert choice.value == "float32"
    assert "unsloth" in choice.reason
    assert choose_precision("auto", "llama", (7, 5)).value == "float16"
    assert choose_precision("auto", "gemma3", (8, 6)).value == "bfloat16"


# --- on a card -------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
def test_a_full_card_steps_down_in_mid_run(tmp_path: Path) -> None:
    """The limit of what PyTorch may take is lowered before the second step; the run goes on one or more candidates lower."""
    from tests.conftest import make_base

    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=8, intermediate_size=4096)
    rows = [row for row in make_rows(3000, longest=500) if len(row.ids) > 400][:48]
    forward = forward_of(base, "bfloat16")
    forward.undo += [OPTIMIZATIONS[name](forward, 500) for name in OPTIMIZATIONS]
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
def test_the_memory_plan_takes_the_fastest_candidate_that_fits(tmp_path: Path) -> None:
    from tests.conftest import make_base

    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=8, intermediate_size=4096)
    rows = [row for row in make_rows(3000, longest=500) if len(row.ids) > 400][:48]
    total = torch.cuda.get_device_properties(0).total_memory
    chosen = []
    for gib in (0.0, 0.8, 0.4):
        forward = forward_of(base, "float16")
        forward.undo += [OPTIMIZATIONS[name](forward, 500) for name in OPTIMIZATIONS]
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(gib * 2**30 / total if gib else 1.0)
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


@pytest.mark.gpu
def test_a_base_that_overflows_in_float16_is_trained_in_float32(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from tests.conftest import make_base

    base = make_base(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    weights = {key: tensor.float() for key, tensor in weights.items()}
    weights[name] *= 1e4
    weights["model.layers.1.mlp.down_proj.weight"] *= 1e4
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    model = ModelSettings(base=str(base))
    files = fetch_files(model, "", weights=True)
    settings = SETTINGS.model_copy(update={"precision": "float16"})
    ready = prepare(files, load_tokenizer(files, model), LoraSettings(), settings, make_rows(9))
    assert ready.precision.value == "float32"
    assert ready.dry_run is not None and ready.dry_run.problem == ""
    print(ready.precision.reason)
