"""What is free, on machines and in groups that differ."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from job.errors import HostUnfit
from job.hosts import main_memory
from job.hosts.main_memory import (
    WORKER_BYTES,
    beside,
    main_memory_bytes,
    require_main_memory,
    require_room_for,
)
from tests.conftest import PROJECT
from tests.memory_groups import group_with

MACHINE = {"meminfo": "MemTotal: 9 kB\nMemAvailable:   4000 kB\n"}
STAT = "anon 700\nfile 4000\nfile_mapped 100\ninactive_file 2500\nactive_file 1500\n"
OLD_STAT = "cache 1\nmapped_file 1\ntotal_mapped_file 100\ntotal_inactive_file 2500\ntotal_active_file 1500\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(main_memory, "MACHINE", tmp_path / "meminfo")
    monkeypatch.setattr(main_memory, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(main_memory, "MOUNT", tmp_path / "fs")
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 0),
        ({"cgroup": "0::/\n"}, 0),
        (MACHINE, 4_096_000),
        ({**MACHINE, "fs/memory.max": "5000", "fs/memory.current": "1000"}, 4_096_000),
        ({**MACHINE, "cgroup": "0::/\n", "fs/memory.max": "max\n", "fs/memory.current": "5"}, 4_096_000),
        ({**MACHINE, "cgroup": "0::/\n", "fs/memory.max": "5000\n", "fs/memory.current": "1000\n"}, 4000),
        ({"cgroup": "0::/\n", "fs/memory.max": "5000\n", "fs/memory.current": "6000\n"}, 1),
        ({"cgroup": "what\n", "fs/memory.max": "5000\n", "fs/memory.current": "6000\n"}, 0),
    ],
)
def test_it_is_the_least_of_what_machine_and_container_have(files: dict[str, str], free: int, here: Path) -> None:
    write(here, files)
    assert main_memory_bytes() == free


def test_the_limit_of_a_group_around_it_counts(here: Path) -> None:
    """As a queue sets it for a job, and not for the steps in it."""
    write(here, {**MACHINE, "cgroup": "0::/job_7/step_0\n"})
    write(here / "fs/job_7/step_0", {"memory.max": "max\n", "memory.current": "1000\n"})
    write(here / "fs/job_7", {"memory.max": "5000\n", "memory.current": "1000\n"})
    assert main_memory_bytes() == 4000


def test_the_first_version_of_groups_says_it_too(here: Path) -> None:
    """In a container, which has its own group at the root of what it sees, and on the host that names it."""
    write(here, {**MACHINE, "cgroup": "5:cpu:/\n4:hugetlb,memory:/docker/ab\n0::/\n"})
    limit = {"memory.limit_in_bytes": "5000\n", "memory.usage_in_bytes": "4500\n", "memory.stat": OLD_STAT}
    write(here / "fs/memory", limit)
    assert main_memory_bytes() == 5000 - 4500 + 2500 + 1500 - 100
    write(here / "fs/memory", {**limit, "memory.limit_in_bytes": "9223372036854771712\n"})
    assert main_memory_bytes() == 4_096_000
    write(here / "fs/memory/docker/ab", limit)
    assert main_memory_bytes() == 5000 - 4500 + 2500 + 1500 - 100


def test_pages_of_files_that_were_read_are_free(here: Path) -> None:
    """Before, a base of 6 GB whose hashes had been compared left nothing of 8 GB, and the merge was refused."""
    write(here, {**MACHINE, "cgroup": "0::/\n"})
    write(here / "fs", {"memory.max": "5000\n", "memory.current": "4990\n", "memory.stat": STAT})
    assert main_memory_bytes() == 5000 - 4990 + 2500 + 1500 - 100
    write(here / "fs", {"memory.stat": "anon 4990\nfile_mapped 100\ninactive_file 0\nactive_file 0\n"})
    assert main_memory_bytes() == 10
    write(here / "fs", {"memory.stat": "anon 4990\n"})
    assert main_memory_bytes() == 10


def test_too_little_is_refused_with_the_figures(here: Path) -> None:
    require_main_memory(10**12, "this", "Unknown counts as enough.")
    write(here, MACHINE)
    require_main_memory(4_096_000, "this", "")
    with pytest.raises(HostUnfit, match=r"^0\.0 GB of main memory are free; this needs about 1\.5 GB\.$") as caught:
        require_main_memory(1_500_000_000, "this", "Take another.")
    assert caught.value.remedy == "Take another."


def test_workers_that_are_still_to_start_take_their_part_of_it(here: Path) -> None:
    assert beside(3) == 0, "unknown counts as enough"
    require_room_for(3, on_gpu=True)
    write(here, {"meminfo": f"MemAvailable: {4 * WORKER_BYTES // 1024} kB\n"})
    assert 0.9 * WORKER_BYTES < beside(3) < 1.1 * WORKER_BYTES
    assert beside(0) == main_memory_bytes()
    require_room_for(3, on_gpu=True)
    require_room_for(8, on_gpu=False)  # without CUDA's share
    assert beside(8) == 1
    with pytest.raises(
        HostUnfit, match=r"main memory are free; starting 8 workers beside this process needs about"
    ) as caught:
        require_room_for(8, on_gpu=True)
    assert caught.value.remedy.startswith("Set FINETUNE_TRAIN_DEVICES lower")


def test_a_real_group_that_has_read_a_large_file_has_its_memory_still(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 200_000_000)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # else these pages are of another group
    code = (
        "import sys; from pathlib import Path; from job.hosts.main_memory import main_memory_bytes\n"
        "with Path(sys.argv[1]).open('rb') as file:\n"
        "    while file.read(2**20): pass\n"
        "print(main_memory_bytes())"
    )
    try:
        with group_with(100_000_000) as group:
            child = subprocess.run(
                [sys.executable, "-c", code, str(path)],
                preexec_fn=group.enter,
                cwd=PROJECT,
                capture_output=True,
                text=True,
                check=True,
            )
            assert group.peak() > 90_000_000, "the file has filled it"
    except OSError:
        pytest.skip("no control group with a memory limit can be made here")
    assert 60_000_000 < int(child.stdout) < 100_000_000
