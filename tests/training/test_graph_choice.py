"""Graphs are used where they are worth it, and nowhere else. What a card would show is given here: seconds, and a stand-in that
computes what a graph would replay."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

from job.modeling.batching import Row
from job.modeling.memory import Candidate
from job.parallel.shares import ALONE, Member
from job.results import Optimization
from job.training import graph_choice
from job.training.forward import Forward
from job.training.graphs import Graphs
from job.training.optimizations.comparison import Difference
from tests.training.building import SETTINGS, memory_plan_of, random_rows
from tests.training.test_graphs import ALL, Computed

MOST = Difference(1e-5, 1e-5, 1e-5)
ROWS = random_rows(400, longest=60)
LONG = SETTINGS.model_copy(update={"epochs": 10})
Choose = Callable[..., Optimization]


def tokens(rows: Sequence[Row]) -> int:
    return sum(len(row.ids) for row in rows)


@pytest.fixture
def choose(
    forward: Forward, with_optimizations: Callable[..., Forward], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Choose]:
    """With a host that takes 0.1 s for whatever it launches, and 0.018 s for the rest of a step. The kernels of a step take
    `kernels` seconds."""
    with_optimizations(*ALL)
    monkeypatch.setattr("job.training.graphs.Captured", Computed)
    monkeypatch.setattr("job.training.graphs.spare_bytes", lambda: 1)

    def chosen(
        kernels: float = 0.05, capture: float = 0.4, settings: Any = LONG, member: Member = ALONE
    ) -> Optimization:
        def seconds(measured: graph_choice.Measurement, path: object, rows: Sequence[Row]) -> float:
            measured.graphs.capture_seconds = capture * measured.graphs.captures
            busy = kernels * tokens(rows) / tokens(ROWS[: settings.batch_size])
            return busy if path == measured.graphs.replayed else max(busy, 0.1)

        monkeypatch.setattr(graph_choice.Measurement, "_seconds_of", seconds)
        return graph_choice.choose(forward, memory_plan_of(forward, ROWS), ROWS, settings, MOST, member)

    yield chosen
    forward.graphs = None


def test_graphs_are_used_where_launching_sets_the_pace(
    choose: Choose, forward: Forward, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    state = torch.get_rng_state()
    found = choose()
    assert found.on and found.reason == "" and "gradients by" in found.differs
    assert forward.graphs is not None
    assert torch.equal(torch.get_rng_state(), state)
    assert not forward.model.training and all(parameter.grad is None for parameter in forward.graphs.parameters)
    assert "stage=train optimization=graphs on=true differs=" in caplog.text and "replay_seconds=0.050" in caplog.text
    forward.reverts.pop()()
    assert forward.graphs is None


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"kernels": 0.25}, "kernels set the pace: a short row takes 0.100 s, 8 rows 0.250 s"),
        ({"kernels": 0.15}, "kernels set the pace: a replay takes 0.150 s, the same without 0.150 s"),
        ({"kernels": 0.115}, "kernels set the pace: a replay takes 0.115 s, the same without 0.118 s"),
        ({"settings": SETTINGS.model_copy(update={"epochs": 0.1})}, "captures take 1 s, and would save 0 s in 5 steps"),
        ({"capture": 50.0}, "captures take 150 s, and would save 34 s in 500 steps"),
    ],
)
def test_they_are_not_where_nothing_is_gained(
    shown: dict[str, Any], reason: str, choose: Choose, forward: Forward, caplog: pytest.LogCaptureFixture
) -> None:
    found = choose(**shown)
    assert not found.on
    assert found.reason.endswith(reason)
    assert forward.graphs is None
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING], "nothing is lost"


@pytest.mark.parametrize("rank", range(4))
def test_each_of_several_workers_decides_on_its_own_share(rank: int, choose: Choose, forward: Forward) -> None:
    """The kernels of a whole step set the pace, those of a quarter do not."""
    assert choose(kernels=0.3).reason.startswith("kernels set the pace: a short row takes 0.100 s, 8 rows 0.300 s")
    found = choose(kernels=0.3, member=Member(rank, 4))
    assert found.on, found.reason


def test_the_workers_together_look_at_each_row_once(
    forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    with_optimizations(*ALL)
    plan, seen = memory_plan_of(forward, ROWS), []
    for rank in range(3):
        measured = graph_choice.Measurement(forward, plan, ROWS, LONG, Member(rank, 3))
        seen += measured.typical
        assert tokens(measured.typical) <= tokens(measured.largest) < tokens(plan.largest()) / 2
        assert measured.micro_batches == measured.steps == 500
    assert sorted(ROWS.index(row) for row in seen) == list(range(LONG.batch_size))


def test_a_worker_with_a_row_in_less_than_every_step_decides_too(
    forward: Forward, with_optimizations: Callable[..., Forward], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_optimizations(*ALL)
    rows, once = ROWS[:9], SETTINGS.model_copy(update={"epochs": 0.5})
    measured = graph_choice.Measurement(forward, memory_plan_of(forward, rows), rows, once, Member(7, 8))
    assert (measured.steps, measured.micro_batches) == (1, 0)
    monkeypatch.setattr(graph_choice.Measurement, "_seconds_of", lambda *_: 0.1)
    assert measured.pace() == ""
    assert measured.seconds == pytest.approx(0.1 + graph_choice.REST_SECONDS)


@pytest.mark.parametrize(("first", "times"), [(0.5, 2), (1.5, 1)])
def test_what_sets_libraries_up_is_not_what_counts(
    first: float,
    times: int,
    forward: Forward,
    with_optimizations: Callable[..., Forward],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_optimizations(*ALL)
    measured = graph_choice.Measurement(forward, memory_plan_of(forward, ROWS), ROWS, LONG, ALONE)
    taken = {id(measured.shortest): iter([0.1]), id(measured.typical): iter([first, 0.4])}
    asked = []

    def seconds(_: object, __: object, rows: Sequence[Row]) -> float:
        asked.append(rows)
        return next(taken[id(rows)])

    monkeypatch.setattr(graph_choice.Measurement, "_seconds_of", seconds)
    reason = measured.pace()
    assert asked == [measured.typical, measured.shortest, *(times - 1) * [measured.typical]]
    assert reason == f"kernels set the pace: a short row takes 0.100 s, 8 rows {0.4 if times == 2 else first:.3f} s"


def test_a_worker_without_rows_captures_nothing(choose: Choose, forward: Forward) -> None:
    found = choose(member=Member(8, 9))
    assert not found.on and found.reason == "there are fewer rows in a step than workers, and none for this one"
    assert forward.graphs is None


def test_a_replay_that_differs_is_not_used(
    choose: Choose, forward: Forward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backward = Computed.backward
    monkeypatch.setattr(Computed, "backward", lambda self, grad: backward(self, grad * 1.001))
    found = choose()
    assert found.reason.startswith("differs from the step without: loss by ")
    assert "gradients by 1.0e-03, their scale by 1.0e-03" in found.reason
    assert forward.graphs is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING


def test_padding_that_differs_is_not_used(choose: Choose, forward: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    uncaptured = Graphs.uncaptured
    monkeypatch.setattr(Graphs, "uncaptured", lambda self, rows: uncaptured(self, rows[1:]))
    assert choose().reason.startswith("differs from the step without")


def test_a_driver_that_refuses_graphs_costs_a_warning(
    choose: Choose, forward: Forward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> Computed:
        raise RuntimeError("CUDA error: operation not supported. Search for `...' in ...\nCompile with ...")

    monkeypatch.setattr("job.training.graphs.Captured", refused)
    found = choose()
    assert found.reason == "RuntimeError: CUDA error: operation not supported"
    assert forward.graphs is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING and "optimization=graphs on=false" in record.getMessage()


def test_what_cannot_be_captured_is_not_tried(
    forward: Forward, with_optimizations: Callable[..., Forward], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = memory_plan_of(forward, ROWS)
    assert graph_choice.unfit(forward, plan) == "needs packed_rows"
    with_optimizations(*ALL)
    assert graph_choice.unfit(forward, plan) == ""
    hook = forward.base.get_decoder().register_forward_pre_hook(lambda *_: None)
    assert "hooks" in graph_choice.unfit(forward, plan)
    hook.remove()
    forward.lockstep = object()  # type: ignore[assignment]
    assert "workers share the layers" in graph_choice.unfit(forward, plan)
    forward.lockstep = None
    plan.candidates = [Candidate(1024, "half")]
    assert "layers are recomputed" in graph_choice.unfit(forward, plan)
    monkeypatch.setattr(
        graph_choice, "Measurement", None
    )  # nothing is measured, and no memory taken, for a known answer
    assert "layers are recomputed" in graph_choice.choose(forward, plan, ROWS, SETTINGS, Difference(0, 0, 0)).reason
