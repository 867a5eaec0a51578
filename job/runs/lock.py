"""The lock of a run folder: one process at a time works in it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from job.errors import FolderInUse

NAME = ".lock"


class FolderLock:
    """Held until the process ends. `root` must exist."""

    def __init__(self, root: Path) -> None:
        self.path = root / NAME
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises FolderInUse (72), and OSError if the folder cannot be written."""
        lock = self.path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise FolderInUse(f"Another process is working in {self.path.parent.absolute()}.") from error
        except OSError:
            pass  # a mounted object store without locks; two writers there are the queue's to prevent
        self._file = lock
