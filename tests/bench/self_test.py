"""What the self-test measures: `python -m tests.bench.self_test` prints two tables for this machine, one of how far each
optimization lies from the reference path on a tiny base of every family, on rows longer than its windows, and one of
mistaken optimizations (tests/mutants.py). The tolerances in job/training/optimizations/self_test.py come from the first."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from job.modeling.base import load_base
from job.modeling.files import BaseFiles
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import LoraSettings, ModelSettings
from job.training.adapter import attach
from job.training.batching import Row
from job.training.forward import Forward
from job.training.optimizations.comparison import Perturbed
from job.training.optimizations.self_test import SelfTest
from tests.families import FAMILIES, make_family_base
from tests.mutants import MUTANTS

LONGEST = 120


def some_rows(count: int, longest: int = LONGEST, seed: int = 3) -> list[Row]:
    numbers = random.Random(seed)
    rows = [Row([numbers.randrange(5, 200) for _ in range(longest)], longest // 3)]
    for _ in range(count - 1):
        ids = [numbers.randrange(5, 200) for _ in range(numbers.randrange(5, longest))]
        rows.append(Row(ids, numbers.randrange(len(ids) - 2)))
    return rows


def forward_of(folder: Path, precision: str, **lora: Any) -> Forward:
    """A base as the job loads it, with an adapter on every linear layer."""
    tokenizer = load_tokenizer(BaseFiles(folder, str(folder), ""), ModelSettings(base=str(folder)))
    base = load_base(BaseFiles(folder, str(folder), ""), tokenizer, DTYPES[precision])
    model = attach(base, LoraSettings(**({"targets": ("all-linear",)} | lora)), 1, str(folder))
    return Forward(model, precision=precision, pad_token=tokenizer.pad_token_id)


def families(precision: str, folders: dict[str, Path]) -> Iterator[tuple[str, str, str]]:
    """(family, optimization, how it differs or why it is off)"""
    for family in FAMILIES:
        forward = forward_of(folders[family.name], precision)
        test = SelfTest(forward, some_rows(12))
        yield family.title, "reference path", str(test.rounding)
        for optimization in test.enable():
            yield (
                family.title,
                optimization.name,
                optimization.differs if optimization.on else f"off: {optimization.reason}",
            )
        yield family.title, "whole step", str(_step(test))
        forward.revert_optimizations()


def _step(test: SelfTest) -> Any:
    with Perturbed(test.forward.model):
        return test.compare(300)


def mutants(precision: str, folders: dict[str, Path]) -> Iterator[tuple[str, str, str]]:
    for mutant in MUTANTS:
        forward = forward_of(folders[mutant.family], precision)
        test = SelfTest(forward, some_rows(12))
        with Perturbed(forward.model):
            undo = mutant.install(forward, test.longest)
            found = test.compare()
            reason = test.verdict(found)
            undo()
        yield mutant.name, str(found), f"rejected: {reason.partition(' (')[0]}" if reason else "accepted"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    default = "float32,float16,bfloat16" if torch.cuda.is_available() else "float32"
    parser.add_argument("--precisions", default=default)
    options = parser.parse_args()
    kernels = ("flash", "memory efficient") if torch.cuda.is_available() else ("one row a call",)
    with tempfile.TemporaryDirectory() as place:
        folders = {family.name: make_family_base(Path(place) / family.name, family) for family in FAMILIES}
        for precision in options.precisions.split(","):
            for kernel in kernels if precision != "float32" else kernels[-1:]:
                torch.backends.cuda.enable_flash_sdp(kernel == "flash")
                print(f"\n{precision}, attention: {kernel}")
                for row in families(precision, folders):
                    print("| " + " | ".join(row) + " |", flush=True)
                for row in mutants(precision, folders):
                    print("| " + " | ".join(row) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
