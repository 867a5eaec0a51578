"""What the user is told of a folder that cannot be written: by what stands in the way, and by whom the job runs."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from job.runs.unusable import remedy_of

pytestmark = pytest.mark.light


def test_a_folder_that_cannot_be_written_is_mounted_otherwise_or_another_one(tmp_path: Path) -> None:
    said = remedy_of(OSError(errno.EROFS, "no", str(tmp_path)), tmp_path)
    assert "FINETUNE_OUTPUT_DIR" in said


def test_a_file_in_place_of_a_folder_is_to_be_moved_away(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("", "utf-8")
    error = NotADirectoryError(errno.ENOTDIR, "no", str(tmp_path / "train" / "log.jsonl"))
    assert remedy_of(error, tmp_path).startswith(f"Move {tmp_path / 'train'} away")
