"""A selection of what `python -m tests.faults.resources` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.resources import CASES, Case, Place, faults_of, run

AT_THE_SETTINGS = ("a pipe as source", "/dev/zero as questions", "a pipe as env file", "a value that is not UTF-8")
LATER = ("a question of 50 kB",)


def case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


@pytest.mark.parametrize("name", [*AT_THE_SETTINGS, *(pytest.param(name, marks=pytest.mark.slow) for name in LATER)])
def test_a_fault_is_told_within_a_minute_and_within_memory(
    name: str, base: Path, rows_file: Path, tmp_path: Path
) -> None:
    seen = run(case(name), Place(tmp_path, base, rows_file, gigabytes=0.2))
    assert list(faults_of(case(name), seen)) == []
