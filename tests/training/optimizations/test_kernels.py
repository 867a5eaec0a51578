"""Our kernels compute what PyTorch's operators do, to one rounding; where they cannot run, a run goes on without. That they give
the reference gradients of a model is in test_registry.py."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from job.training.forward import Forward
from job.training.optimizations import kernels, nvrtc
from job.training.optimizations.comparison import gradients
from job.training.optimizations.registry import OPTIMIZATIONS, Entry
from job.training.optimizations.self_test import SelfTest
from tests.bench.kernels import CASES, Case, error, inputs_of
from tests.conftest import make_base
from tests.training.building import BY_NAME, differences, forward_of, random_rows

OURS = tuple(entry for entry in OPTIMIZATIONS if entry.needs_gpu)
BY_CASE = {case.name: case for case in CASES}


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_without_a_gpu_they_are_refused(entry: Entry, forward: Forward) -> None:
    with pytest.raises(NotImplementedError, match="need a GPU"):
        entry.enable(forward, 100)
    assert not any("forward" in vars(module) for module in forward.base.modules())


def test_there_is_a_case_for_each() -> None:
    assert list(BY_CASE) == [entry.name for entry in OURS]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("source", "NVRTC does not compile them (--gpu-architecture=sm_75)"),
        ("library", "this build of PyTorch brings no NVRTC"),
    ],
)
@pytest.mark.skipif(torch.version.cuda is None, reason="torch's builds for CPUs bring no NVRTC")
def test_where_they_cannot_be_compiled_a_run_goes_on_with_one_warning(
    broken: str,
    reason: str,
    forward: Forward,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = random_rows(4)
    test = SelfTest(forward, rows)
    reference = gradients(forward, rows)
    caplog.set_level(logging.INFO, "job")
    with monkeypatch.context() as patch:  # everything of a T4 but the card
        patch.setattr(forward, "device", torch.device("cuda"))
        patch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
        patch.setattr(nvrtc, "cache_folder", lambda: tmp_path)
        patch.setattr(nvrtc, "_driver", lambda: None)
        if broken == "source":
            patch.setattr(nvrtc, "source_of", lambda _: "no CUDA")
        else:
            patch.setattr(torch.version, "cuda", None)
        nvrtc._nvrtc.cache_clear()
        results = test.enable(OURS)
        nvrtc._nvrtc.cache_clear()
    assert all(not result.on and reason in result.reason for result in results), results
    assert len({result.reason for result in results}) == 1
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "no kernels of our own" in warning.getMessage()
    assert not list(tmp_path.iterdir())
    assert differences(reference, gradients(forward, rows)) == (0, 0)


def test_several_optimizations_with_reasons_of_their_own_are_warnings_of_their_own(
    forward: Forward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(reason: str) -> Callable[..., Any]:
        def enable(*_: object) -> Any:
            raise NotImplementedError(reason)

        return enable

    test = SelfTest(forward, random_rows(4))
    monkeypatch.setattr(forward, "device", torch.device("cuda"))
    test.enable([Entry(reason, "Nothing.", refused(reason)) for reason in ("one", "two", "one")])
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 2


# --- on a card -------------------------------------------------------------------------------------------------------


SHAPES = {
    "activation": ((1, 1), (7, 13), (33, 257), (64, 8192)),
    "rotary": ((1, 6), (37, 64), (37, 80), (130, 128), (5, 256)),
    "residual": ((1, 13), (37, 64), (33, 2050), (130, 3072), (3, 16384)),
}
"""Tokens and width: packs with and without a rest, rows of one warp and of the largest block."""
ALL_SHAPES = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize(("name", "shape"), ALL_SHAPES)
def test_a_kernel_is_right_to_one_rounding(name: str, shape: tuple[int, int], dtype: torch.dtype) -> None:
    case = BY_CASE[name]
    found = error(case, case.ours, inputs_of(case, *shape, dtype))
    print(name, shape, dtype, f"{found:.2f}")
    assert found <= 1


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_kernel_reads_what_does_not_begin_at_16_bytes(case: Case, dtype: torch.dtype) -> None:
    inputs = []
    for one in inputs_of(case, 37, 64, dtype):
        longer = torch.empty(one.numel() + 1, dtype=dtype, device="cuda")
        moved = longer[1:].view(one.shape).copy_(one.detach())
        inputs.append(moved.detach().requires_grad_(one.requires_grad))
    assert any(one.data_ptr() % 16 for one in inputs)
    assert error(case, case.ours, inputs) <= 1


def _gelu(gate: torch.Tensor, up: torch.Tensor) -> tuple[torch.Tensor]:
    return (torch.nn.functional.gelu(gate) * up,)


def _wrong_half(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return BY_CASE["rotary"].plain(q, k, cos, -sin)


def _wrong_epsilon(residual: torch.Tensor, branch: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
    total = residual + branch
    return total, torch.nn.functional.rms_norm(total, weight.shape, weight, 1e-2)


WRONG = {"activation": _gelu, "rotary": _wrong_half, "residual": _wrong_epsilon}


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_the_bound_rejects_what_is_nearly_the_same(name: str, dtype: torch.dtype) -> None:
    case = BY_CASE[name]
    assert error(replace(case, plain=WRONG[name]), case.ours, inputs_of(case, 130, 64, dtype)) > 1


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_cuda_graph_records_a_kernel(case: Case) -> None:
    inputs = inputs_of(case, 130, case.width, torch.float16)

    def work() -> tuple[torch.Tensor, ...]:
        outputs = case.ours(*inputs)
        return *outputs, *torch.autograd.grad(outputs, inputs[: case.learned], [one.detach() for one in outputs])

    known = [one.detach().clone() for one in work()]
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = work()
    for one in found:
        one.detach().fill_(float("nan"))
    graph.replay()
    assert all(torch.equal(one, other) for one, other in zip(known, found, strict=True))


@pytest.mark.gpu
def test_a_second_run_takes_the_kept_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "cache_folder", lambda: tmp_path)
    nvrtc._module.cache_clear()
    nvrtc._module("activation", torch.float16)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    nvrtc._module.cache_clear()
    monkeypatch.setattr(nvrtc, "compiled", None)
    nvrtc._module("activation", torch.float16)
    assert path.stat().st_mtime_ns == written


WRONG_SOURCE = {
    "activation": ("1.f + x * (1.f - s)", "1.f - x * (1.f - s)"),
    "rotary": ("y * (back ? t : -s)", "y * (back ? -t : -s)"),
    "residual": ("scale * (g - n * mean)", "scale * g"),
}


@pytest.mark.gpu
@pytest.mark.parametrize("name", WRONG_SOURCE)
def test_the_self_test_rejects_a_kernel_with_a_mistake(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One source with one wrong sign or number, compiled and run."""
    right = nvrtc.source_of(name)
    wrong = WRONG_SOURCE[name]
    assert wrong[0] in right
    forward = forward_of(make_base(tmp_path, hidden_size=256, num_attention_heads=4, num_key_value_heads=2), "float16")
    monkeypatch.setattr(nvrtc, "source_of", lambda _: right.replace(*wrong))
    for cached in (nvrtc._module, nvrtc.load):
        cached.cache_clear()
    (result,) = SelfTest(forward, random_rows(3)).enable([BY_NAME[name]])
    for cached in (nvrtc._module, nvrtc.load):
        cached.cache_clear()
    assert not result.on and "differs from the reference path" in result.reason


@pytest.mark.gpu
def test_a_rotary_embedding_of_another_form_is_left_alone() -> None:
    q, k, cos, sin = inputs_of(BY_CASE["rotary"], 5, 64, torch.float16)
    with pytest.raises(NotImplementedError, match="another form"):
        kernels.rotate(q.transpose(1, 2), k.transpose(1, 2), cos[..., :32], sin[..., :32])
