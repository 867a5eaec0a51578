"""Losses that training leaves for the probe: whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.modeling.row_losses import read, write

pytestmark = pytest.mark.light


def test_what_was_written_is_read_and_other_steps_go(tmp_path: Path) -> None:
    folder = tmp_path / "row_losses"
    write(folder, 0, [1.25, 1 / 3], keep={0})
    write(folder, 10, [2.0, 0.5], keep={0})
    write(folder, 20, [1.0, 0.25], keep={0, 20})
    assert read(folder, {0, 20}, 2) == {0: [1.25, 1 / 3], 20: [1.0, 0.25]}
    assert read(folder, {10}, 2) is None
    assert read(folder, {0}, 3) is None, "of other rows"


def test_a_changed_file_is_no_file(tmp_path: Path) -> None:
    write(tmp_path, 5, [1.0, 2.0], keep=())
    path = next(tmp_path.iterdir())
    path.write_text(path.read_text().replace("2.0", "1.0"))
    assert read(tmp_path, {5}, 2) is None
    assert read(tmp_path / "nowhere", {5}, 2) is None
