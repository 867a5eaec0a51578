"""CUDA graphs of micro-batches. Without a card nothing is captured: a stand-in computes at once what a replay would, and all
else is as it is on a card. The tests marked gpu capture and replay."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling.batching import Row
from job.modeling.memory import Candidate
from job.training.buckets import Shape, batch_of, shape_of
from job.training.forward import Forward
from job.training.graphs import Graphs, NoRoom
from job.training.memory_plan import release
from job.training.optimizations.comparison import Perturbed, difference, gradients
from job.training.parallel.computing import gradients_of
from tests.conftest import make_base
from tests.training.building import BY_NAME, differences, enable, forward_of, memory_plan_of, random_rows

ALL = ("packed_rows", "sliced_head", "lora4bit", "norm")


class Computed:
    """Stands in for `Captured`: what it would replay, at once."""

    def __init__(self, graphs: Graphs, shape: Shape, numbers: torch.Tensor) -> None:
        self.graphs, self.shape = graphs, shape

    @torch.enable_grad()
    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        self.loss = self.graphs.forward.packed_loss(batch_of(numbers, self.shape))
        return self.loss.detach().clone()

    def backward(self, grad: torch.Tensor) -> None:
        torch._foreach_add_(self.graphs.sums, torch.autograd.grad(self.loss, self.graphs.parameters, grad))


@pytest.fixture
def graphs(
    forward: Forward, with_optimizations: Callable[..., Forward], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Graphs]:
    """Graphs in use, on a card with room, in train mode."""
    monkeypatch.setattr("job.training.graphs.Captured", Computed)
    monkeypatch.setattr("job.training.graphs.spare_bytes", lambda: 1)
    with_optimizations(*ALL)
    forward.graphs = Graphs(forward)
    forward.model.train()
    yield forward.graphs
    forward.model.eval()
    forward.model.zero_grad(set_to_none=True)
    forward.graphs = None


def rows_of(tokens: int) -> list[Row]:
    return [Row.after([7 + place % 90 for place in range(tokens)], 1)]


def test_a_replay_gives_the_loss_and_gradients_of_the_step(graphs: Graphs) -> None:
    rows = random_rows(6)
    found = gradients(graphs.forward, rows)
    assert graphs.captures == 1
    graphs.forward.graphs = None
    assert max(differences(gradients(graphs.forward, rows), found)) < 1e-6


def test_a_step_adds_up_replays_and_what_is_computed_without(graphs: Graphs) -> None:
    """Whatever their order: the optimizer finds one gradient."""
    forward = graphs.forward
    parts = [random_rows(4, seed=seed) for seed in (1, 2, 3)]
    forward.graphs = None
    known = gradients(forward, [], parts)
    for replayed in ({0, 2}, {1}, {0, 1, 2}):
        forward.model.zero_grad(set_to_none=True)
        total = 0.0
        for number, rows in enumerate(parts):
            forward.graphs = graphs if number in replayed else None
            loss = forward.loss_sum(rows)
            (loss / 8).mul(8).backward()  # the gradient of the loss reaches the replay
            total += float(loss.detach())
        flat = torch.cat([p.grad.flatten() for p in forward.model.parameters() if p.grad is not None])
        assert max(differences(known, (total, flat))) < 1e-6


def test_the_gradients_of_a_step_do_not_stay_for_the_next(graphs: Graphs) -> None:
    rows = random_rows(4)
    first, second = gradients(graphs.forward, rows), gradients(graphs.forward, rows)
    assert torch.equal(first[1], second[1])


def test_a_parameter_without_a_gradient_yet_begins_at_zero(graphs: Graphs) -> None:
    rows = random_rows(4)
    known = gradients(graphs.forward, rows)
    graphs.parameters[0].grad = None
    graphs.forward.loss_sum(rows).backward()
    first, second = graphs.parameters[0].grad, graphs.parameters[1].grad
    assert first is not None and second is not None
    size = first.numel()
    torch.testing.assert_close(first.flatten(), known[1][:size] * 1)
    torch.testing.assert_close(second.flatten(), known[1][size : size + second.numel()] * 2)


def test_a_shape_is_captured_once(graphs: Graphs) -> None:
    for tokens in (100, 200, 90, 300, 250):
        graphs.forward.loss_sum(rows_of(tokens))
    assert graphs.captures == len(graphs.captured) == len({shape_of(rows_of(n)) for n in (100, 200, 90, 300, 250)})


def test_nothing_is_captured_for_an_evaluation(graphs: Graphs) -> None:
    forward = graphs.forward
    with torch.no_grad():
        forward.loss_sum(random_rows(3))
    forward.row_sums(random_rows(3))
    forward.model.eval()
    forward.loss_sum(random_rows(3))
    assert graphs.captures == 0


def test_the_least_recently_used_leaves_where_memory_is_short(graphs: Graphs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for two."""
    monkeypatch.setattr("job.training.graphs.spare_bytes", lambda: 1 - len(graphs.captured))
    small, middle, large = (rows_of(tokens) for tokens in (100, 400, 900))
    for rows in (small, middle, small, large):
        graphs.forward.loss_sum(rows)
    assert list(graphs.captured) == [shape_of(small), shape_of(large)]
    graphs.forward.loss_sum(middle)
    assert list(graphs.captured) == [shape_of(large), shape_of(middle)]
    assert graphs.captures == 4
    assert graphs.forward.graphs is graphs


@pytest.mark.parametrize("error", [NoRoom("no room"), torch.OutOfMemoryError("CUDA"), RuntimeError("illegal\nmore")])
def test_a_capture_that_fails_is_said_once_and_the_step_goes_on(
    error: RuntimeError, graphs: Graphs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forward, rows = graphs.forward, random_rows(5)
    known = gradients(forward, rows)

    def failing(*_: object) -> Computed:
        raise error

    monkeypatch.setattr("job.training.graphs.Captured", failing)
    other = rows_of(900)
    forward.loss_sum(other).backward()
    assert forward.graphs is None and not graphs.captured
    found = gradients(forward, rows)
    assert max(differences(known, found)) < 1e-6
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage().startswith("stage=train graphs=off")
    assert record.getMessage().endswith(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


def test_no_room_for_a_single_graph_is_no_room(graphs: Graphs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.training.graphs.spare_bytes", lambda: -(3 * 2**20))
    with pytest.raises(NoRoom, match="a graph of 120 tokens takes 3 MiB of the reserve"):
        graphs.replayed(rows_of(100))


def test_a_tensor_that_has_moved_is_captured_again(graphs: Graphs) -> None:
    graphs.forward.loss_sum(rows_of(100))
    graphs.parameters[0].data = graphs.parameters[0].data.clone()
    graphs.forward.loss_sum(rows_of(100))
    assert graphs.captures == 2 and len(graphs.captured) == 1


def test_a_backward_pass_after_another_replay_is_refused(graphs: Graphs) -> None:
    first, _ = graphs.forward.loss_sum(rows_of(100)), graphs.forward.loss_sum(rows_of(90))
    with pytest.raises(AssertionError, match="overwritten"):
        first.backward()


def test_where_memory_runs_out_graphs_leave_before_the_plan_changes(graphs: Graphs) -> None:
    forward, rows = graphs.forward, random_rows(12)
    plan = memory_plan_of(forward, rows)
    plan.fall_back(step=3, peak=5)
    assert forward.graphs is None
    assert plan.place == 0 and not plan.tried
    plan.fall_back(step=3, peak=5)
    assert plan.place == 1


def test_a_step_whose_memory_runs_out_begins_again_without_graphs(
    graphs: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, rows = graphs.forward, random_rows(8)
    plan = memory_plan_of(forward, rows)
    known = gradients(forward, rows)
    forward.model.zero_grad(set_to_none=True)

    def full(loss: torch.Tensor) -> None:
        loss.backward()
        if forward.graphs:
            raise torch.OutOfMemoryError("CUDA out of memory")

    loss = gradients_of(forward, plan, rows, 1, backward=full)
    flat = torch.cat([p.grad.flatten() for p in graphs.parameters if p.grad is not None])
    assert max(differences(known, (float(loss), flat))) < 1e-6
    assert plan.place == 0


@pytest.mark.parametrize("fails_at", [1, 3])
def test_a_backward_replay_that_fails_takes_the_step_back(
    fails_at: int, graphs: Graphs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first micro-batch of a step, or a later one: the same gradients and the same random numbers, without graphs."""
    forward, rows = graphs.forward, random_rows(24)
    plan = memory_plan_of(forward, rows)
    plan.candidates = [Candidate(128, "none")]
    assert len(forward.cut(rows, 128)) > 3
    known = gradients(forward, rows)
    forward.model.zero_grad(set_to_none=True)
    calls: list[float] = []

    def failing(self: Computed, grad: torch.Tensor) -> None:
        calls.append(float(grad))
        torch.rand(3)  # dropout has drawn by then
        if len(calls) == fails_at:
            raise RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")
        backward(self, grad)

    backward = Computed.backward
    monkeypatch.setattr(Computed, "backward", failing)
    state = torch.get_rng_state()
    loss = gradients_of(forward, plan, rows, 1, backward=torch.Tensor.backward)
    assert torch.equal(torch.get_rng_state(), state)
    flat = torch.cat([p.grad.flatten() for p in graphs.parameters if p.grad is not None])
    assert max(differences(known, (float(loss), flat))) < 1e-6
    assert len(calls) == fails_at and forward.graphs is None and not plan.tried
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage().startswith("stage=train graphs=off")
    assert record.getMessage().endswith("RuntimeError: CUDA error: unspecified launch failure")


# --- on a card -------------------------------------------------------------------------------------------------------


def on_a_card(folder: Path, precision: str, dropout: float) -> Forward:
    base = make_base(folder / "base", hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
    forward = forward_of(base, precision, dropout=dropout)
    enable(forward, *BY_NAME, longest=120)
    forward.model.train()
    return forward


def seeded(seed: int, path: Callable[[Sequence[Row]], torch.Tensor], graphs: Graphs, rows: Sequence[Row]) -> Any:
    graphs.forward.model.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    loss = path(rows)
    (loss * 4).backward()
    flat = torch.cat([p.grad.flatten() for p in graphs.parameters if p.grad is not None])
    return float(loss.detach()), flat.cpu()


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("kernel", ["flash", "memory efficient"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_replays_give_what_the_step_gives(precision: str, kernel: str, dropout: float, tmp_path: Path) -> None:
    """Several shapes in turn, so that one uses the memory of another; other rows and draws than those of the capture."""
    forward = on_a_card(tmp_path, precision, dropout)
    try:
        torch.backends.cuda.enable_flash_sdp(kernel == "flash")
        with Perturbed(forward.model):
            forward.model.train()
            graphs = Graphs(forward)
            micro_batches = [random_rows(count, longest=120, seed=count) for count in (3, 9, 4, 20, 8)]
            for rows in micro_batches:
                seeded(1, graphs.uncaptured, graphs, rows)
            for seed in (5, 6):
                for rows in micro_batches:
                    known = seeded(seed, graphs.uncaptured, graphs, rows)
                    found = difference(known, seeded(seed, graphs.replayed, graphs, rows))
                    print(precision, kernel, dropout, len(rows), found)
                    assert found.loss < 1e-5 and found.gradient < (1e-5 if precision == "float32" else 2e-2)
            assert graphs.captures == len({shape_of(rows) for rows in micro_batches}) < 2 * len(micro_batches)
    finally:
        torch.backends.cuda.enable_flash_sdp(True)
        forward.revert_optimizations()


@pytest.mark.gpu
def test_dropout_is_drawn_anew_for_each_replay(tmp_path: Path) -> None:
    forward = on_a_card(tmp_path, "bfloat16", 0.3)
    with Perturbed(forward.model):
        forward.model.train()
        graphs, rows = Graphs(forward), random_rows(5)
        seeded(1, graphs.uncaptured, graphs, rows)
        first, again, other = (seeded(seed, graphs.replayed, graphs, rows)[1] for seed in (5, 5, 6))
        state = torch.cuda.get_rng_state()
        following = [float(graphs.replayed(rows).detach()) for _ in range(2)]
        torch.cuda.set_rng_state(state)
        assert following == [float(graphs.replayed(rows).detach()) for _ in range(2)]
        assert following[0] != following[1]
        assert float((first - again).norm() / first.norm()) < 1e-2 < float((first - other).norm() / first.norm())


@pytest.mark.gpu
def test_a_capture_that_waits_for_the_card_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A layer that reads a value in main memory cannot be captured. The step goes on without graphs, on the same stream, with
    dropout as before and with all of the memory."""
    forward = on_a_card(tmp_path, "bfloat16", 0.3)
    rows = random_rows(5)
    with Perturbed(forward.model):
        forward.model.train()
        graphs = Graphs(forward)
        seeded(1, graphs.uncaptured, graphs, rows)
        known = seeded(1, forward.loss_sum, graphs, rows)
        forward.model.zero_grad(set_to_none=True)
        release()
        reserved, stream = torch.cuda.memory_reserved(), torch.cuda.current_stream()
        norm = forward.base.get_decoder().norm
        hook = norm.register_forward_hook(lambda _, __, output: output * float(output.isfinite().all()))
        assert graphs.loss_sum(rows) is None
        assert caplog.text.count("graphs=off") == 1
        hook.remove()
        assert torch.cuda.memory_reserved() == reserved
        assert torch.cuda.current_stream() == stream
        assert difference(known, seeded(1, forward.loss_sum, graphs, rows)).gradient < 2e-2


@pytest.mark.gpu
def test_graphs_leave_a_card_that_is_full(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=8, intermediate_size=4096)
    rows = [row for row in random_rows(400, longest=500) if len(row.ids) > 400][:8]
    forward = forward_of(base, "bfloat16")
    enable(forward, *BY_NAME, longest=500)
    total = torch.cuda.get_device_properties(0).total_memory
    with Perturbed(forward.model):
        forward.model.train()
        known = gradients(forward, rows)
        graphs = forward.graphs = Graphs(forward)
        forward.model.zero_grad(set_to_none=True)
        release()
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 150 * 2**20) / total)
        try:
            assert graphs.loss_sum(rows) is None and forward.graphs is None
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        assert difference(known, gradients(forward, rows)).gradient < 2e-2
