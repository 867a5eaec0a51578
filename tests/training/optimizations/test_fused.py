"""Our kernels in a model: where they cannot run a run goes on without them, and a wrong one is rejected. That they give the
reference gradients is in test_registry.py."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling.batching import Row
from job.training.forward import Forward
from job.training.optimizations import nvrtc
from job.training.optimizations.comparison import gradients
from job.training.optimizations.registry import OPTIMIZATIONS, Entry
from job.training.optimizations.self_test import SelfTest
from tests.bench.kernels import CASES
from tests.conftest import make_base
from tests.training.building import BY_NAME, ON_A_CPU, differences, enable, forget_kernels, forward_of, random_rows

OURS = tuple(entry for entry in OPTIMIZATIONS if entry.needs_gpu)


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_without_a_gpu_they_are_refused(entry: Entry, forward: Forward) -> None:
    with pytest.raises(NotImplementedError, match="need a GPU"):
        entry.enable(forward, 100)
    assert not any("forward" in vars(module) for module in forward.base.modules())


def test_the_bench_has_a_case_for_each() -> None:
    assert list(dict.fromkeys(case.name.partition("_")[0] for case in CASES)) == [entry.name for entry in OURS]


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


WRONG_SOURCE = (
    ("activation", "1.f + x * (1.f - s)", "1.f - x * (1.f - s)"),
    ("rotary", "y * (back ? t : -s)", "y * (back ? -t : -s)"),
    ("heads", "store<V>(to + group * width, pack)", "store<V>(to, pack)"),
    ("heads", "sums[v] += widen", "sums[v] = widen"),
    ("residual", "scale * (g - n * mean)", "scale * g"),
    ("dropout", "kept[t] >> v & 1 ? sums[t][v] : 0.f", "sums[t][v]"),
    ("dropout", "kept >> v & 1 ? scale : 0.f", "scale"),
    ("dropout", "<< 4 * i", "<< 4 * (3 - i)"),
    ("loss", "place + v == wanted ? 1.f", "place + v == wanted ? 0.99f"),
)


@pytest.mark.parametrize(("name", "line", "wrong"), WRONG_SOURCE)
def test_a_mistake_changes_the_source(name: str, line: str, wrong: str) -> None:
    assert nvrtc.source_of(name).count(line) == 1 and line != wrong


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "line", "wrong"), WRONG_SOURCE)
def test_the_self_test_rejects_a_kernel_with_a_mistake(
    name: str, line: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One source with one wrong sign or number, compiled and run."""
    right = nvrtc.source_of(name)
    forward = forward_of(
        make_base(tmp_path, hidden_size=256, num_attention_heads=4, num_key_value_heads=2), "float16", dropout=0.2
    )
    monkeypatch.setattr(nvrtc, "source_of", lambda _: right.replace(line, wrong))
    forget_kernels()
    entries = (*ON_A_CPU, BY_NAME[name])
    *others, result = SelfTest(forward, random_rows(3)).enable(entries)
    forget_kernels()
    assert all(other.on for other in others)
    assert not result.on and "differs from the reference path" in result.reason


def masks(forward: Forward, rows: list[Row]) -> tuple[int, int]:
    """Bytes of masks, and of their bits, that a step keeps for its backward pass."""
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        gradients(forward, rows)
    found = [
        sum(one.nbytes for one in kept if (one.dtype, one.dim()) == of) for of in ((torch.bool, 2), (torch.uint8, 1))
    ]
    return found[0], found[1]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_of_a_mask_an_eighth_is_kept(precision: str, tmp_path: Path) -> None:
    forward = enable(forward_of(make_base(tmp_path), precision, dropout=0.2), "lora4bit")
    forward.model.train()
    rows = random_rows(3)
    whole, none = masks(forward, rows)
    assert whole and not none
    assert masks(enable(forward, "dropout"), rows) == (0, whole // 8)
