"""Main memory that this process may still take: of the machine, and of the control groups that limit it.

Knows nothing of what it is for. Imports no library, so that memory that is too small for them is told before they are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from job.errors import HostUnfit

MACHINE = Path("/proc/meminfo")
GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
LIBRARIES_BYTES = 500_000_000
"""PyTorch, transformers and peft, imported, without the pages of their files: 470 MB with torch 2.14 for CUDA 13."""

WORKER_BYTES = 1_100_000_000
"""Of its own that a worker on a GPU takes, whatever the base: `grep Private_Dirty /proc/PID/smaps_rollup` on an H200 (torch
2.11, driver 580) gave 488 MB after imports, 662 with the context and first kernels, 1,001 with a group of NCCL, and 1,156 after
three steps. Pages of files come on top (1.7 GB resident), but workers share them, and the kernel takes them back."""


@dataclass(frozen=True)
class Names:
    """What a version of control groups calls its files and figures."""

    limit: str
    used: str
    files: tuple[str, ...]
    mapped: str


V1 = Names(
    limit="memory.limit_in_bytes",
    used="memory.usage_in_bytes",
    files=("total_inactive_file", "total_active_file"),
    mapped="total_mapped_file",
)
V2 = Names(limit="memory.max", used="memory.current", files=("inactive_file", "active_file"), mapped="file_mapped")


def main_memory_bytes() -> int:
    """0 where nothing says how much is free; 1 at least where something does."""
    found = [*_of_machine(), *_of_groups()]
    return max(min(found), 1) if found else 0


def require_main_memory(needed: int, what: str, remedy: str) -> None:
    """Raises HostUnfit (68)."""
    free = main_memory_bytes()
    if 0 < free < needed:
        raise HostUnfit(
            f"{free / 1e9:.1f} GB of main memory are free; {what} needs about {needed / 1e9:.1f} GB.", remedy=remedy
        )


def require_room_for(workers: int, *, on_gpu: bool) -> None:
    """So many more processes that train on this host. Raises HostUnfit (68): the kernel would kill one of them."""
    require_main_memory(
        workers * (WORKER_BYTES if on_gpu else LIBRARIES_BYTES),
        f"starting {workers} {'worker' if workers == 1 else 'workers'} beside this process",
        "Set FINETUNE_TRAIN_DEVICES lower, or use a host, or a limit of its container, with more main memory.",
    )


def beside(workers: int) -> int:
    """What is left once so many more workers on GPUs have started; as `main_memory_bytes` says it."""
    free = main_memory_bytes()
    return max(free - workers * WORKER_BYTES, 1) if free else 0


def _of_machine() -> Iterator[int]:
    with suppress(OSError, ValueError, IndexError):
        lines = [line.split() for line in MACHINE.read_text().splitlines()]
        yield from (1024 * int(words[1]) for words in lines if words[0] == "MemAvailable:")


def _of_groups() -> Iterator[int]:
    for folder, names in _folders():
        with suppress(OSError, ValueError):  # `max` where there is no limit
            limit, used = (int((folder / name).read_text()) for name in (names.limit, names.used))
            yield limit - used + _given_back(folder, names)


def _folders() -> Iterator[tuple[Path, Names]]:
    """The group of this process and those around it, whose limits count as well. A container sees its own as the outermost,
    whatever its name is on the host."""
    with suppress(OSError, ValueError):
        for line in GROUPS.read_text().splitlines():
            _, kinds, name = line.split(":", 2)
            group = PurePosixPath(name)
            for one in (group, *group.parents):
                if not kinds:
                    yield MOUNT / str(one)[1:], V2
                elif "memory" in kinds.split(","):
                    yield MOUNT / "memory" / str(one)[1:], V1


def _given_back(folder: Path, names: Names) -> int:
    """Pages of files that nobody has mapped: they count as used, and the kernel takes them back before it kills. Whoever has
    read a base of 6 GB has filled a group of 8 GB with them."""
    with suppress(OSError, ValueError, KeyError):
        figures = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, sum(int(figures[name]) for name in names.files) - int(figures[names.mapped]))
    return 0
