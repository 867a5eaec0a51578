"""What the end of a working process means when it left no ending of its own: killed, crashed, or ended by a library.

Knows exit statuses, the kernel's counters and what libraries print last; knows nothing of stages.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from job.errors import HostUnfit, HubUnavailable, JobError, MemoryExhausted, NoProgress, Stopped
from job.runs.logs import PREFIX

GROUPS = Path("/proc/self/cgroup")
KILLS = re.compile(r"^oom_kill (\d+)", re.MULTILINE)

MORE_MEMORY = (
    "Give the container or the machine more main memory, or set FINETUNE_DATA_WORKERS=1 (cleaning) or "
    "FINETUNE_TRAIN_MAX_TOKENS lower (training)."
)


@dataclass(frozen=True)
class LastWords:
    """What a library or the driver prints before the process is gone."""

    pattern: re.Pattern[str]
    error: type[JobError]
    happened: str
    remedy: str


LAST_WORDS: tuple[LastWords, ...] = (
    LastWords(
        re.compile(r"OutOfMemoryError|CUDA error: out of memory|CUDA out of memory", re.I),
        MemoryExhausted,
        "GPU memory ran out",
        MemoryExhausted.remedy,
    ),
    LastWords(
        re.compile(r"no kernel image is available|invalid device function", re.I),
        HostUnfit,
        "a library holds no code for this GPU",
        "Use a GPU of compute capability 7.5 or newer, or an image that was built for this one.",
    ),
    LastWords(
        re.compile(r"uncorrectable ECC|fallen off the bus|unspecified launch failure|hardware stack error", re.I),
        HostUnfit,
        "the GPU failed",
        "Start again on another machine: this GPU or its driver has failed (`dmesg` and `nvidia-smi -q` say more).",
    ),
    LastWords(
        re.compile(r"std::bad_alloc|Cannot allocate memory|MemoryError", re.I),
        HostUnfit,
        "main memory ran out",
        MORE_MEMORY,
    ),
    LastWords(
        re.compile(r"Failed to connect to GCS within \d+ seconds"),
        HubUnavailable,
        "the head of the Ray cluster was gone",
        "Start again with the same settings once the cluster is there again.",
    ),
)
"""In this order; the first that is found counts."""
SURVIVED = re.compile(r"\S+Z (?:warning: )?stage=")
"""The job's own line on what did not end it: a training that ran out of memory goes on with smaller micro-batches."""


@dataclass(frozen=True)
class Death:
    """How a working process ended."""

    status: int
    """As `subprocess` counts: below 0 it is a signal."""
    killed: str
    """Why the watching process killed it: `watchdog`, `signal`, or empty."""
    signal: str
    """The signal that this run was asked to stop with, or empty."""
    idle_seconds: float
    """Since something moved."""
    memory_killed: bool
    """Whether the kernel killed it because main memory ran out."""
    tail: str
    """The last that it wrote to the log."""


class Ended(JobError):
    """The process is gone without an ending of its own, and nothing says why. Exit code 1: worth a limited number of tries."""

    remedy = (
        "Start again with the same settings: the run continues. If it ends at the same place again, please report it with "
        "failure.json, which holds the last lines of the log."
    )


def cause_of(death: Death, stage: str) -> JobError | Stopped:
    """The error that an ending is made of."""
    if death.killed == "watchdog":
        return NoProgress(
            f"Nothing moved for {death.idle_seconds / 60:.1f} minutes in stage {stage}; the process was ended."
        )
    if death.signal:
        ended = "did not end in time and was broken off" if death.killed else "ended without a word of its own"
        return Stopped(
            f"{death.signal} arrived in stage {stage}; what was under way {ended}. Everything that was saved before is intact."
        )
    if death.memory_killed:
        return HostUnfit(
            f"The kernel killed the process in stage {stage} because main memory ran out.", remedy=MORE_MEMORY
        )
    if known := by_last_words(death.tail, stage):
        return known
    if death.status < 0:
        name = signal.Signals(-death.status).name
        return Ended(f"The process was ended by {name} in stage {stage}, without a word of its own.")
    return Ended(
        f"A library ended the process in stage {stage} with status {death.status}, without a word to this program."
    )


def by_last_words(text: str, stage: str) -> JobError | None:
    """What a library's text means, if it is one that we know."""
    lines = [PREFIX.sub("", line).strip() for line in text.splitlines() if not SURVIVED.match(line)]
    for words in LAST_WORDS:
        if found := [line for line in lines if words.pattern.search(line)]:
            return words.error(f"In stage {stage} {words.happened}: {found[-1]}", remedy=words.remedy)
    return None


def memory_kills() -> int:
    """How many processes of this control group the kernel has killed for memory, whoever's limit it was. Without groups: of the
    whole machine. Only a change says something; 0 where nothing counts them."""
    for path in _counters():
        with contextlib.suppress(OSError, ValueError):
            if found := KILLS.search(path.read_text()):
                return int(found[1])
    return 0


def _counters() -> Iterator[Path]:
    """In a container, whose own group is the root that it sees, the path of the group may be one of the host."""
    with contextlib.suppress(OSError, ValueError):
        for line in GROUPS.read_text().splitlines():
            _, kinds, group = line.split(":", 2)
            if not kinds:
                yield from (Path(f"/sys/fs/cgroup{place}/memory.events") for place in (group, ""))
            elif "memory" in kinds.split(","):
                yield from (Path(f"/sys/fs/cgroup/memory{place}/memory.oom_control") for place in (group, ""))
    yield Path("/proc/vmstat")
