"""Copies of 4-bit weights: they change nothing, fill the room that is left, and leave before anything else does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling.memory import GIB
from job.modeling.nf4 import four_bit_layers
from job.results import Attempt
from job.training import copies as module
from job.training.copies import Copies, choose
from job.training.dry_run import dry_run_step
from job.training.forward import Forward
from job.training.graphs import Graphs
from job.training.memory_plan import MemoryPlan
from job.training.optimizations.comparison import InFloat32, Perturbed, gradients
from job.training.optimizations.lora4bit import COPY, dequantized
from job.training.parallel.computing import gradients_of
from tests.conftest import make_base
from tests.training.building import BY_NAME, SETTINGS, differences, enable, forward_of, memory_plan_of, random_rows
from tests.training.test_graphs import Computed, rows_of

ALL = ("packed_rows", "sliced_head", "lora4bit", "norm")
ROWS = random_rows(20)


@pytest.fixture
def fused(
    forward: Forward, with_optimizations: Callable[..., Forward], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Forward]:
    """On a card with room."""
    monkeypatch.setattr("job.training.graphs.Captured", Computed)
    monkeypatch.setattr("job.training.graphs.spare_bytes", lambda: 1)
    yield with_optimizations(*ALL)
    forward.model.eval()
    forward.model.zero_grad(set_to_none=True)
    forward.graphs = None


def kept(forward: Forward) -> list[bool]:
    return [hasattr(layer.weight, COPY) for layer in four_bit_layers(forward.base)]


def showing(peak: int) -> Attempt:
    """A dry run that fitted."""
    return Attempt(step=0, micro_batch_tokens=1, checkpointing="none", predicted_bytes=None, peak_bytes=peak, fits=True)


def all_copies(forward: Forward) -> Copies:
    copies = Copies(forward, GIB)
    forward.reverts.append(copies.close)
    copies.keep()
    return copies


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_copies_change_nothing_to_the_bit(dropout: float, base: Path) -> None:
    forward = enable(forward_of(base, dropout=dropout), *ALL)
    with Perturbed(forward.model):
        forward.model.train()
        torch.manual_seed(5)
        known = gradients(forward, ROWS)
        copies = all_copies(forward)
        assert all(kept(forward))
        torch.manual_seed(5)
        found = gradients(forward, ROWS)
        assert known[0] == found[0] and torch.equal(known[1], found[1])
        copies.close()
        torch.manual_seed(5)
        again = gradients(forward, ROWS)
        assert known[0] == again[0] and torch.equal(known[1], again[1])


def test_a_layer_with_a_copy_is_not_dequantized(fused: Forward) -> None:
    weight = next(four_bit_layers(fused.base)).weight
    assert dequantized(weight, torch.float32) is not dequantized(weight, torch.float32)
    all_copies(fused)
    assert dequantized(weight, torch.float32) is dequantized(weight, torch.float32)


def test_a_wrong_copy_shows_in_the_gradients(fused: Forward) -> None:
    """So the copies are what both passes read."""
    known = gradients(fused, ROWS)
    for weight in all_copies(fused).weights:
        getattr(weight, COPY).mul_(1.01)
    found = gradients(fused, ROWS)
    assert known[0] != found[0] and not torch.equal(known[1], found[1])


def test_a_comparison_in_float32_does_not_read_copies_in_16_bits(base: Path) -> None:
    forward = enable(forward_of(base, "bfloat16"), *ALL)
    with Perturbed(forward.model), InFloat32(forward):
        known = gradients(forward, ROWS)
    all_copies(forward)
    with Perturbed(forward.model), InFloat32(forward):
        found = gradients(forward, ROWS)
    assert known[0] == found[0] and torch.equal(known[1], found[1])


def test_copies_fill_the_room_in_the_order_of_the_layers(fused: Forward) -> None:
    whole = Copies(fused, GIB)
    sizes = [weight.quant_state.shape.numel() * 4 for weight in whole.weights]
    assert whole.bytes == sum(sizes) and len(whole.weights) == whole.of == len(kept(fused))
    room = sum(sizes[:3]) + min(sizes)
    some = Copies(fused, room)
    assert some.weights[:3] == whole.weights[:3]
    assert some.bytes <= room < some.bytes + min(sizes)
    assert str(some) == f"{len(some.weights)} of {whole.of} layers, 0.00 GiB"
    assert not Copies(fused, min(sizes) - 1).weights
    assert not Copies(fused, -5).weights


# --- leaving ---------------------------------------------------------------------------------------------------------


def test_where_memory_runs_out_copies_leave_first_then_graphs_then_the_plan_changes(
    fused: Forward, caplog: pytest.LogCaptureFixture
) -> None:
    plan = memory_plan_of(fused, ROWS)
    fused.graphs = Graphs(fused)
    all_copies(fused)
    plan.fall_back(step=3, peak=5)
    assert fused.copies is None and not any(kept(fused)) and fused.graphs is not None
    assert "copies=off" in caplog.text and "are dequantized in each pass again: memory ran out" in caplog.text
    plan.fall_back(step=3, peak=5)
    assert fused.graphs is None and plan.place == 0
    plan.fall_back(step=3, peak=5)
    assert plan.place == 1


def test_a_step_whose_memory_runs_out_begins_again_without_copies(fused: Forward) -> None:
    plan = memory_plan_of(fused, ROWS)
    known = gradients(fused, ROWS)
    fused.model.zero_grad(set_to_none=True)
    all_copies(fused)

    def full(loss: torch.Tensor) -> None:
        loss.backward()
        if fused.copies:
            raise torch.OutOfMemoryError("CUDA out of memory")

    loss = gradients_of(fused, plan, ROWS, 1, backward=full)
    flat = torch.cat([p.grad.flatten() for p in fused.model.parameters() if p.grad is not None])
    assert max(differences(known, (float(loss), flat))) < 1e-6
    assert fused.copies is None and plan.place == 0


def test_a_backward_pass_needs_no_copy_that_the_forward_pass_read(fused: Forward) -> None:
    known = gradients(fused, ROWS)
    fused.model.zero_grad(set_to_none=True)
    copies = all_copies(fused)
    loss = fused.loss_sum(ROWS)
    copies.close()
    loss.backward()
    flat = torch.cat([p.grad.flatten() for p in fused.model.parameters() if p.grad is not None])
    assert torch.equal(known[1], flat)


def test_graphs_are_captured_again_where_copies_come_or_go(fused: Forward) -> None:
    graphs = fused.graphs = Graphs(fused)
    fused.model.train()
    fused.loss_sum(rows_of(100))
    copies = all_copies(fused)
    assert not graphs.captured
    fused.loss_sum(rows_of(100))
    copies.close()
    assert not graphs.captured
    fused.loss_sum(rows_of(100))
    assert graphs.captures == 3 and fused.graphs is graphs


def test_copies_leave_before_a_graph_does(fused: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for two graphs without copies, for one with them."""
    graphs = fused.graphs = Graphs(fused)
    all_copies(fused)
    monkeypatch.setattr("job.training.graphs.spare_bytes", lambda: 1 - len(graphs.captured) - bool(fused.copies))
    fused.model.train()
    fused.loss_sum(rows_of(100))
    assert fused.copies is not None and graphs.captures == 1
    fused.loss_sum(rows_of(400))
    assert fused.copies is None and fused.graphs is graphs
    fused.loss_sum(rows_of(100))
    assert len(graphs.captured) == 2


def test_reverting_all_optimizations_frees_the_copies(fused: Forward) -> None:
    all_copies(fused)
    fused.revert_optimizations()
    assert fused.copies is None and not any(kept(fused))


# --- choosing --------------------------------------------------------------------------------------------------------


@pytest.fixture
def chosen(fused: Forward, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """With so much room on the card, and dequantizing that takes so many seconds beside a micro-batch's 0.1."""

    def choose_with(room: int = GIB, seconds: float = 0.004) -> Any:
        monkeypatch.setattr(module, "room_beside", lambda *_: room)
        monkeypatch.setattr(
            module, "seconds_of", lambda work: seconds if getattr(work, "__name__", "") == "dequantize" else 0.1
        )
        plan = memory_plan_of(fused, ROWS)
        plan.tried.append(showing(0))
        return choose(fused, plan, ROWS[: SETTINGS.batch_size])

    return choose_with


def test_copies_are_kept_where_they_pay(
    chosen: Callable[..., Any], fused: Forward, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    state = torch.get_rng_state()
    found = chosen()
    count = len(kept(fused))
    assert found.on and found.reason == ""
    assert found.facts == f"{count} of {count} layers, 0.00 GiB, 8.0 % of the time"
    assert all(kept(fused)) and fused.copies is not None
    assert torch.equal(torch.get_rng_state(), state) and not fused.model.training
    assert f"stage=train optimization=copies on=true facts='{found.facts}'" in caplog.text


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"seconds": 0.0004}, "0.00 GiB, 0.8 % of the time"),
        ({"room": 0, "seconds": 0.0}, "0 of {count} layers, 0.00 GiB, 0.0 % of the time"),
    ],
)
def test_they_are_not_where_they_do_not(
    shown: dict[str, Any], reason: str, chosen: Callable[..., Any], fused: Forward, caplog: pytest.LogCaptureFixture
) -> None:
    found = chosen(**shown)
    assert not found.on and found.facts == ""
    assert found.reason.startswith("not worth it: ") and found.reason.endswith(reason.format(count=len(kept(fused))))
    assert fused.copies is None and not any(kept(fused))
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING], "nothing is lost"


def test_memory_that_runs_out_among_the_copies_leaves_none(
    chosen: Callable[..., Any], fused: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = module.dequantized, []

    def failing(*arguments: Any) -> torch.Tensor:
        if len(made) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        made.append(real(*arguments))
        return made[-1]

    monkeypatch.setattr(module, "dequantized", failing)
    found = chosen()
    assert found.reason == "OutOfMemoryError: CUDA out of memory"
    assert fused.copies is None and not any(kept(fused))


def test_a_graph_that_finds_no_room_beside_them_leaves_none(
    chosen: Callable[..., Any], fused: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused.graphs = graphs = Graphs(fused)
    monkeypatch.setattr("job.training.graphs.spare_bytes", lambda: -GIB if fused.copies else 1)
    found = chosen()
    assert found.reason.startswith("NoRoom: a graph of ") and found.reason.endswith("MiB of the reserve")
    assert fused.copies is None and fused.graphs is graphs and not any(kept(fused))


def test_what_cannot_have_copies_has_none(forward: Forward, with_optimizations: Callable[..., Forward]) -> None:
    plan = memory_plan_of(forward, ROWS)
    assert choose(forward, plan, ROWS[:8]).reason == "needs lora4bit"
    with_optimizations(*ALL)
    assert choose(forward, plan, ROWS[:8]).reason == "no dry run has shown what memory is left"
    forward.lockstep = object()  # type: ignore[assignment]
    try:
        assert choose(forward, plan, ROWS[:8]).reason == "workers share the layers of the base"
    finally:
        forward.lockstep = None


def test_seconds_are_those_of_the_fastest_of_three_or_of_one_that_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.5, 1.0, 1.2, 2.0, 2.3, 10.0, 14.8])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    assert module.seconds_of(lambda: None) == pytest.approx(0.2)
    assert module.seconds_of(lambda: None) == pytest.approx(4.8)


# --- on a card -------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float32"])
def test_on_a_card_copies_with_graphs_change_nothing_to_the_bit(precision: str, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
    forward = enable(forward_of(base, precision, dropout=0.3), *BY_NAME, longest=120)
    rows = random_rows(8, longest=120)
    with Perturbed(forward.model):
        forward.model.train()
        graphs = Graphs(forward)
        graphs.uncaptured(rows).backward()
        forward.graphs = graphs
        found = []
        for copied in (False, True, False):
            copies = Copies(forward, GIB if copied else 0)
            copies.keep()
            torch.manual_seed(5)
            found.append(gradients(forward, rows)[0])
            copies.close()
    print(precision, found)
    assert found[0] == found[1] == found[2]
    forward.revert_optimizations()


@pytest.mark.gpu
def test_on_a_card_copies_take_what_the_dry_run_left(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=8, intermediate_size=4096)
    forward = enable(forward_of(base, "bfloat16"), *BY_NAME, longest=60)
    plan: MemoryPlan = memory_plan_of(forward, ROWS)
    used = torch.cuda.memory_reserved()
    plan.tried.append(showing(used + 50 * 2**20))
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((used + 80 * 2**20) / 0.92 / total)
    try:
        room = module.room_beside(forward, plan)
        copies = Copies(forward, room)
        print(room / 2**20, copies)
        assert 20 * 2**20 < room < 40 * 2**20
        assert 0 < len(copies.weights) < copies.of
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        forward.revert_optimizations()


@pytest.mark.gpu
def test_on_a_card_copies_are_chosen_beside_graphs_and_leave_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: dry run, graphs, copies, a step of the same loss, memory that runs out, the same loss again."""
    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=4, intermediate_size=2048)
    forward = enable(forward_of(base, "bfloat16", dropout=0.3), *BY_NAME, longest=120)
    rows = random_rows(24, longest=120)
    plan = memory_plan_of(forward, rows)
    plan.select(lambda some: dry_run_step(forward, some, 1e-3))
    with Perturbed(forward.model):
        forward.model.train()
        graphs = Graphs(forward)
        graphs.uncaptured(rows[:8]).backward()
        forward.graphs = graphs
        monkeypatch.setattr(module, "WORTH", 0.0)  # launches set the pace of so small a base
        losses = []
        for _ in range(3):
            forward.model.train()
            torch.manual_seed(5)
            losses.append(gradients(forward, rows[:8])[0])
            if len(losses) == 1:
                forward.model.eval()
                found = choose(forward, plan, rows[: SETTINGS.batch_size])
                print(found, module.room_beside(forward, plan) / GIB)
                assert found.on and all(kept(forward)) and len(graphs.captured) == 1
            elif len(losses) == 2:
                assert forward.copies is not None and forward.graphs is graphs
                plan.fall_back(step=1, peak=0)
                assert forward.copies is None and not any(kept(forward)) and forward.graphs is graphs
    assert losses[0] == losses[1] == losses[2]
    forward.revert_optimizations()
