"""What tests of training share: a tiny model with an adapter on real NF4, rows of random tokens, a trainer of three steps."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling.base import load_base
from job.modeling.batching import Row
from job.modeling.files import BaseFiles
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.runs.signals import StopRequest
from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
from job.training.adapter import attach
from job.training.arguments import arguments
from job.training.callbacks import Watch
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan
from job.training.optimizations import nvrtc
from job.training.optimizations.registry import OPTIMIZATIONS
from job.training.preparation import Prepared, prepare
from job.training.trainer import Float32AdapterTrainer

SETTINGS = TrainSettings(batch_size=8, warmup_steps=1, log_steps=1, eval_steps=2, learning_rate=0.01)
LONGEST = 200
BY_NAME = {entry.name: entry for entry in OPTIMIZATIONS}
ON_A_CPU = tuple(entry for entry in OPTIMIZATIONS if not entry.needs_gpu)
"""Optimizations that need no GPU."""


def tokenizer_of(base: Path) -> Any:
    return load_tokenizer(BaseFiles(base, str(base), ""), ModelSettings(base=str(base)))


def forward_of(base: Path, precision: str = "float32", *, dropout: float = 0.0, **lora: Any) -> Forward:
    """A base as the job loads it, with an adapter on every linear layer."""
    tokenizer = tokenizer_of(base)
    model = load_base(BaseFiles(base, str(base), ""), tokenizer, DTYPES[precision])
    settings = LoraSettings(**({"targets": ("all-linear",)} | lora), dropout=dropout)
    return Forward(attach(model, settings, 1, str(base)), precision=precision, pad_token=tokenizer.pad_token_id)


def prepared(base: Path, rows: Sequence[Row], settings: TrainSettings = SETTINGS, **options: Any) -> Prepared:
    files = BaseFiles(base, str(base), "")
    return prepare(files, tokenizer_of(base), LoraSettings(), settings, rows, **options)


def random_rows(count: int, longest: int = 60, seed: int = 3) -> list[Row]:
    numbers = random.Random(seed)
    return [_random_row(numbers, longest) for _ in range(count)]


def rows_up_to(longest: int, count: int) -> list[Row]:
    """The first one has `longest` tokens."""
    numbers = random.Random(3)
    first = Row.after([numbers.randrange(5, 200) for _ in range(longest)], longest // 3)
    return [first, *(_random_row(numbers, longest) for _ in range(count - 1))]


def _random_row(numbers: random.Random, longest: int) -> Row:
    ids = [numbers.randrange(5, 200) for _ in range(numbers.randrange(5, longest))]
    return Row.after(ids, numbers.randrange(len(ids) - 2))


def enable(forward: Forward, *names: str, longest: int = LONGEST) -> Forward:
    """Optimizations by their names, without their self-test."""
    for name in names:
        forward.reverts.append(BY_NAME[name].enable(forward, longest))
    return forward


def differences(a: tuple[float, torch.Tensor], b: tuple[float, torch.Tensor]) -> tuple[float, float]:
    """Relative: of the loss and of the gradient."""
    return abs(a[0] - b[0]) / abs(a[0]), float((a[1] - b[1]).norm() / a[1].norm())


def memory_plan_of(forward: Forward, rows: Sequence[Row]) -> MemoryPlan:
    return MemoryPlan(forward, rows, batch_size=SETTINGS.batch_size, architecture=None, lora=LoraSettings())


def trainer_of(forward: Forward, rows: list[Row], folder: Path) -> Float32AdapterTrainer:
    return Float32AdapterTrainer(
        forward=forward,
        memory_plan=memory_plan_of(forward, rows),
        rows=rows,
        eval_rows=rows[:5],
        watch=Watch(folder, worst_loss=100, stop=StopRequest()),
        args=arguments(SETTINGS, folder / "checkpoints", forward.precision, len(rows)),
        processing_class=tokenizer_of(Path(forward.base.config._name_or_path)),
    )


def forget_kernels() -> None:
    """None of them is compiled or loaded any more, as far as this process knows."""
    for cache in (nvrtc._nvrtc, nvrtc._machine_code, nvrtc.module, nvrtc.load):
        cache.cache_clear()


def adapter(forward: Forward) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in forward.model.parameters() if p.requires_grad])


def out_of_memory_at(calls: set[int], forward: Forward, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A CPU has no card to fill, so the failure is put where CUDA raises it: inside a micro-batch. Returns tokens a call."""
    seen: list[int] = []

    def failing(real: Callable[[Sequence[Row]], torch.Tensor], rows: Sequence[Row]) -> torch.Tensor:
        seen.append(sum(len(row.ids) for row in rows))
        loss = real(rows)
        if len(seen) in calls:
            torch.rand(7)  # dropout has drawn by then
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return loss

    for name in ("loss_sum", "row_sums"):  # of steps and of evaluations
        monkeypatch.setattr(forward, name, partial(failing, getattr(forward, name)))
    return seen
