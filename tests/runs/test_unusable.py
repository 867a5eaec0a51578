"""What the user is told of a folder that cannot be written: by what stands in the way, and by whom the job runs."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from job.runs.unusable import remedy_of

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    ("number", "uid", "said"),
    [
        (errno.EROFS, 1000, "Mount it read-write, or set FINETUNE_OUTPUT_DIR to a folder that uid 1000 may write."),
        (errno.EACCES, 0, "Mount it read-write, or start with its owner's uid"),
        (errno.EACCES, 1000, "Run `sudo chown -R 1000 FOLDER` on the host"),
    ],
)
def test_a_folder_that_cannot_be_written(number: int, uid: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    assert remedy_of(OSError(number, "no")).startswith(said)


def test_a_file_in_place_of_a_folder_is_to_be_moved_away(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("", "utf-8")
    error = NotADirectoryError(errno.ENOTDIR, "no", str(tmp_path / "train" / "log.jsonl"))
    assert remedy_of(error).startswith(f"Move {tmp_path / 'train'} away")
