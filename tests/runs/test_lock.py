"""One process at a time works in a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import FolderInUse
from job.runs.lock import FolderLock

pytestmark = pytest.mark.light


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    first.take()
    with pytest.raises(FolderInUse, match="Another process is working in"):
        FolderLock(tmp_path).take()
