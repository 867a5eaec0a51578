"""What a host or a card may lack, and a row that no table was made for, cost speed and one warning that names what was lost;
never the run. Each is the real thing on a card: `python -m pytest -m gpu -n 0 -k hindrance`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from job.modeling.batching import Row
from job.training.buckets import batch_of, filled, shape_of
from job.training.graphs import Captured, Graphs
from job.training.optimizations import nvrtc
from tests.conftest import make_base
from tests.training.building import SETTINGS, forget_kernels, prepared, random_rows, trainer_of

LONG_ROW = 131_072
T4_BYTES = 14.5 * 2**30
KERNELS = ["activation", "rotary", "heads", "residual", "dropout", "loss"]
Hindrance = Callable[[pytest.MonkeyPatch, Path], None]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No kernel is loaded or kept yet, and none of this test stays."""
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget_kernels()
    yield
    forget_kernels()


def without_nvrtc(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(torch.version, "cuda", "99.0")


def with_a_file_in_place_of_the_cache(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "cache").write_text("in the way")


def with_a_kernel_that_does_not_compile(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    whole = nvrtc.source_of
    monkeypatch.setattr(nvrtc, "source_of", lambda name: "undefined = 1;" if name == "rotary" else whole(name))


def with_a_driver_that_refuses_kernels(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(nvrtc, "compiled", lambda *_: b"\x7fELF of another card" + bytes(1000))


def with_a_driver_that_refuses_graphs(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: operation not supported")

    monkeypatch.setattr(torch.cuda.CUDAGraph, "capture_begin", refused)


HINDRANCES: list[tuple[Hindrance, list[str], str]] = [
    (without_nvrtc, KERNELS, "optimizations_off=activation,rotary,heads,residual,dropout,loss reason='Unavailable: "),
    (with_a_file_in_place_of_the_cache, [], "kernels=not_kept"),
    (with_a_kernel_that_does_not_compile, ["rotary"], "optimizations_off=rotary reason='Unavailable: "),
    (
        with_a_driver_that_refuses_kernels,
        KERNELS,
        "optimizations_off=activation,rotary,heads,residual,dropout,loss reason=",
    ),
    (with_a_driver_that_refuses_graphs, ["graphs"], "optimization=graphs on=false reason='RuntimeError: CUDA error"),
]


@pytest.mark.gpu
@pytest.mark.parametrize(("hinder", "off", "warning"), HINDRANCES, ids=[one[0].__name__ for one in HINDRANCES])
def test_a_hindrance_costs_one_warning(
    hinder: Hindrance,
    off: list[str],
    warning: str,
    fresh: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    base = make_base(tmp_path / "base", hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
    rows = random_rows(24, longest=150)
    hinder(monkeypatch, tmp_path)
    made = prepared(base, rows, SETTINGS.model_copy(update={"epochs": 200}))
    (record,) = warnings_in(caplog)
    assert warning in record
    assert [one.name for one in made.step.optimizations if not one.on] == off
    trainer = trainer_of(made.loaded.forward, rows, tmp_path)
    trainer.train()
    assert trainer.state.global_step == 3 and all(map(math.isfinite, trainer.watch.log.losses))
    assert warnings_in(caplog) == [record]
    made.loaded.forward.revert_optimizations()


@pytest.mark.gpu
def test_a_hindrance_in_mid_run_costs_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A backward replay that fails in the second step."""
    base = make_base(tmp_path / "base", hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
    rows = random_rows(24, longest=150)
    forward = prepared(base, rows).loaded.forward
    forward.graphs, calls = forward.graphs or Graphs(forward), []
    replay = Captured.backward

    def failing(self: Captured, grad: torch.Tensor) -> None:
        calls.append(grad)
        if len(calls) == 2:
            raise RuntimeError("CUDA error: unspecified launch failure")
        replay(self, grad)

    monkeypatch.setattr(Captured, "backward", failing)
    trainer = trainer_of(forward, rows, tmp_path)
    trainer.train()
    assert trainer.state.global_step == 3 and all(map(math.isfinite, trainer.watch.log.losses))
    assert forward.graphs is None and len(calls) == 2
    (record,) = warnings_in(caplog)
    assert "graphs=off" in record
    forward.revert_optimizations()


@pytest.mark.gpu
def test_a_hindrance_of_a_single_row(fresh: None, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The reference path takes a mask of tokens x tokens for rows beside each other, so on the memory of a T4 it is compared on
    less of the row; the step itself packs all of it."""
    shape = {
        "hidden_size": 128,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": LONG_ROW,
    }
    base = make_base(tmp_path / "base", **shape)
    rows = [*random_rows(20, longest=150), long_row(), *random_rows(3, longest=150)]
    torch.cuda.set_per_process_memory_fraction(T4_BYTES / torch.cuda.get_device_properties(0).total_memory)
    try:
        made = prepared(base, rows, SETTINGS.model_copy(update={"epochs": 200}))
        print(
            [(one.name, one.reason) for one in made.step.optimizations if not one.on], made.step.memory_plan.candidate
        )
        (record,) = warnings_in(caplog)
        assert record.startswith("stage=train self_test=shortened")
        trainer = trainer_of(made.loaded.forward, rows, tmp_path)
        trainer.memory_plan = made.step.memory_plan
        trainer.train()
        assert trainer.state.global_step == 3 and all(map(math.isfinite, trainer.watch.log.losses))
        assert warnings_in(caplog) == [record]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_row_of_131_072_tokens_has_a_shape_and_fills_it() -> None:
    rows = [*random_rows(15), long_row()]
    shape = shape_of(rows)
    batch = batch_of(filled(rows, shape, torch.device("cpu")), shape)
    assert shape.longest == LONG_ROW and batch.ids.shape == (1, shape.tokens)
    assert shape.tokens - sum(len(row.ids) for row in rows) < 256
    assert int(batch.starts[-1]) == shape.tokens


def long_row() -> Row:
    return Row.after([7 + place % 90 for place in range(LONG_ROW)], LONG_ROW - 50)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The job's own: transformers warns of file times once in a process."""
    ours = [record for record in caplog.records if record.name.startswith("job.")]
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]
