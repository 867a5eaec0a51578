"""Control groups with little memory, of whichever version this kernel has. Making one takes root."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclass
class Group:
    folder: Path

    @property
    def is_v1(self) -> bool:
        return (self.folder / "memory.limit_in_bytes").exists()

    def limit(self, size: int) -> None:
        """Of memory and swap together."""
        (self.folder / ("memory.limit_in_bytes" if self.is_v1 else "memory.max")).write_text(str(size))
        swap = self.folder / ("memory.memsw.limit_in_bytes" if self.is_v1 else "memory.swap.max")
        if swap.exists():
            swap.write_text(str(size) if self.is_v1 else "0")

    def peak(self) -> int:
        """With the pages of files."""
        return int((self.folder / ("memory.max_usage_in_bytes" if self.is_v1 else "memory.peak")).read_text())

    def without_files(self) -> int:
        """What processes have now, and no file holds: the kernel cannot take it back."""
        name = "total_rss" if self.is_v1 else "anon"
        lines = [line.split() for line in (self.folder / "memory.stat").read_text().splitlines()]
        return next(int(words[1]) for words in lines if words[0] == name)

    def kills(self) -> int:
        text = (self.folder / ("memory.oom_control" if self.is_v1 else "memory.events")).read_text()
        found = re.search(r"^oom_kill (\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def enter(self) -> None:
        """For the process that calls it, and its children."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))


@contextmanager
def group_with(size: int) -> Iterator[Group]:
    """Raises OSError where none can be made."""
    parent = ROOT / "memory" if (ROOT / "memory").is_dir() else ROOT
    group = Group(parent / f"lora-job-test-{os.getpid()}-{size}")
    group.folder.mkdir()
    try:
        group.limit(size)
        yield group
    finally:
        until = time.monotonic() + 5
        while time.monotonic() < until:  # its last process may still be going
            with suppress(OSError):
                group.folder.rmdir()
                break
            time.sleep(0.1)
