"""What the end of a process means that left no ending of its own."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from job.runs import deaths
from job.runs.deaths import Death, by_last_words, cause_of, memory_kills

pytestmark = pytest.mark.light


def death(status: int = 1, tail: str = "", **facts: object) -> Death:
    known = {"killed": "", "signal": "", "idle_seconds": 0.0, "memory_killed": False} | facts
    return Death(status=status, tail=tail, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "code", "says"),
    [
        (death(-signal.SIGKILL, memory_killed=True), 68, "The kernel killed the process in stage train"),
        (death(-signal.SIGKILL), 1, "ended by SIGKILL"),
        (death(1), 1, "A library ended the process"),
        (
            death(-signal.SIGABRT, "terminate called after throwing an instance of 'std::bad_alloc'"),
            68,
            "std::bad_alloc",
        ),
        (death(1, "a\nCUDA error: uncorrectable ECC error encountered\nb"), 68, "the GPU failed: CUDA error: uncorr"),
        (death(1, "RuntimeError: CUDA error: out of memory"), 62, "GPU memory ran out"),
        (death(1, "2026-01-31T12:00:00Z error: stage=train   MemoryError: 1 GB"), 68, "ran out: MemoryError: 1 GB"),
        (
            death(1, "rpc_client.h:204: Failed to connect to GCS within 60 seconds."),
            76,
            "head of the Ray cluster was gone",
        ),
        (
            death(-signal.SIGKILL, killed="watchdog", idle_seconds=1830),
            74,
            "Nothing moved for 30.5 minutes in stage train",
        ),
        (
            death(-signal.SIGKILL, killed="signal", signal="SIGTERM"),
            75,
            "SIGTERM arrived in stage train; what was under",
        ),
        (
            death(-signal.SIGTERM, signal="SIGINT"),
            75,
            "SIGINT arrived in stage train; what was under way ended without",
        ),
        (death(-signal.SIGTERM), 1, "ended by SIGTERM"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_an_end_has_a_cause_and_a_remedy(what: Death, code: int, says: str) -> None:
    error = cause_of(what, "train")
    assert (error.exit_code, says in str(error)) == (code, True), str(error)
    assert error.remedy


def test_an_unknown_text_means_nothing() -> None:
    assert by_last_words("ZeroDivisionError: division by zero", "train") is None


def test_what_the_run_survived_is_not_why_it_ended() -> None:
    survived = "2026-01-31T12:00:00Z warning: stage=train step=1 out_of_memory='CUDA out of memory'"
    ended = "2026-01-31T12:00:00Z error: stage=train step=9 CUDA out of memory"
    assert by_last_words(f"{survived}\nSegmentation fault", "train") is None
    found = by_last_words(f"{survived}\n{ended}", "train")
    assert found is not None and str(found) == "In stage train GPU memory ran out: step=9 CUDA out of memory"


def test_the_kernels_kills_are_those_of_the_own_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process of the machine that was killed says nothing about this run."""
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 2\n", "utf-8")
    (tmp_path / "vmstat").write_text("pgfault 7\noom_kill 3\n", "utf-8")
    monkeypatch.setattr(
        deaths, "_counters", lambda: [tmp_path / "none", tmp_path / "memory.events", tmp_path / "vmstat"]
    )
    assert memory_kills() == 2


@pytest.mark.parametrize(
    ("groups", "first"),
    [
        ("0::/my/job\n", "/sys/fs/cgroup/my/job/memory.events"),
        ("4:cpu:/\n3:memory:/docker/abc\n", "/sys/fs/cgroup/memory/docker/abc/memory.oom_control"),
        ("", "/proc/vmstat"),
    ],
)
def test_the_own_group_is_that_of_the_process(
    groups: str, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cgroup").write_text(groups, "utf-8")
    monkeypatch.setattr(deaths, "GROUPS", tmp_path / "cgroup")
    assert str(next(deaths._counters())) == first


def test_this_machine_counts_its_kills_or_not_at_all() -> None:
    assert memory_kills() >= 0
