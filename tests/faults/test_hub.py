"""A few of the Hub's faults in the suite; `python -m tests.faults.hub` shows all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.hub import FAULTS, Fault, meet

pytestmark = pytest.mark.slow
CHOSEN = ("hangs, and SIGTERM arrives",)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in CHOSEN], ids=lambda fault: fault.name)
def test_the_user_sees_what_the_table_says(fault: Fault, base: Path, rows_file: Path, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in base.iterdir()}
    assert not meet(fault, files, rows_file.read_bytes(), tmp_path / "finished", tmp_path).wrong
