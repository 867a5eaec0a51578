"""What the self-test measures: `python -m tests.bench.self_test` prints two tables for this machine. One shows how far each
optimization lies from the reference path on a tiny base of every family, on rows longer than its windows; the other shows
optimizations with a mistake (tests/mutants.py). The first gives the tolerances of job/training/optimizations/self_test.py."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from job.training.optimizations.comparison import Difference, Perturbed
from job.training.optimizations.self_test import SelfTest
from tests.families import FAMILIES, make_family_base
from tests.mutants import MUTANTS
from tests.training.building import forward_of, rows_up_to

ROWS = rows_up_to(120, 12)


def families(precision: str, folders: dict[str, Path]) -> Iterator[tuple[str, str, str]]:
    """(family, optimization, by how much it differs or why it is off)."""
    for family in FAMILIES:
        forward = forward_of(folders[family.name], precision, dropout=0.05)
        test = SelfTest(forward, ROWS)
        yield family.title, "reference path", str(test.rounding)
        for optimization in test.enable_one_by_one():
            yield (
                family.title,
                optimization.name,
                optimization.differs if optimization.on else f"off: {optimization.reason}",
            )
        yield family.title, "whole step", str(_step(test))
        forward.revert_optimizations()


def _step(test: SelfTest) -> Difference:
    with Perturbed(test.forward.model):
        return test.compare(300)


def mutants(precision: str, folders: dict[str, Path]) -> Iterator[tuple[str, str, str]]:
    """(mistake, by how much it differs, whether it is rejected)."""
    for mutant in MUTANTS:
        forward = forward_of(folders[mutant.family], precision, dropout=0.05)
        test = SelfTest(forward, ROWS)
        with Perturbed(forward.model):
            revert = mutant.enable(forward, test.longest)
            found = test.compare()
            reason = test.verdict(found)
            revert()
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
