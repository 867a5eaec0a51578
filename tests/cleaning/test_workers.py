"""Batches in processes: order, failures, and a process that dies. Light, since every process imports this module anew."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from job.cleaning import workers
from job.errors import HostUnfit, SettingsError, Stopped


def _fails_on_seven(number: int) -> int:
    if number == 7:
        raise SettingsError(["FINETUNE_DATA_RULES_FILE: seven"])
    return number


def _dies_in_another_process(number: int) -> int:
    if multiprocessing.parent_process():
        os._exit(9)
    return number


def _done_by(_number: int) -> int:
    return os.getpid()


def _takes_long(number: int) -> int:
    time.sleep(60 if number > 2 else 0)
    return number


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_stop_does_not_wait_for_batches(handler: signal.Handlers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not either where whoever started this process has it ignore SIGTERM, which its own processes inherit."""
    monkeypatch.setattr(workers, "FIRST", 2)

    def batches() -> Iterator[int]:
        yield from (1, 2, 3, 4)
        while not multiprocessing.active_children():
            time.sleep(0.01)
        raise Stopped("SIGTERM arrived.")

    before = signal.signal(signal.SIGTERM, handler)
    began = time.monotonic()
    try:
        with pytest.raises(Stopped):
            list(workers.in_order(_takes_long, batches(), 2))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert time.monotonic() - began < 10
    assert not multiprocessing.active_children()


def test_results_come_in_order_and_a_failure_comes_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST", 2)
    assert list(workers.in_order(abs, range(-20, 0), 2)) == list(range(20, 0, -1))
    with pytest.raises(SettingsError) as caught:
        list(workers.in_order(_fails_on_seven, range(12), 2))
    assert caught.value.problems == ("FINETUNE_DATA_RULES_FILE: seven",)


def test_the_process_that_takes_the_results_is_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the other process starts, this one goes on."""
    monkeypatch.setattr(workers, "FIRST", 2)
    by = list(workers.in_order(_done_by, range(1000), 2))
    assert len(set(by)) == 2
    assert by[2] != os.getpid() == by[2 + workers.AHEAD]


def test_a_process_that_is_ended_from_outside_is_exit_68(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST", 2)
    with pytest.raises(HostUnfit, match="killed from outside") as caught:
        list(workers.in_order(_dies_in_another_process, range(12), 2))
    assert "FINETUNE_DATA_WORKERS=1" in caught.value.remedy


IN_ITS_OWN_SHM = """
import logging
from job.cleaning.workers import in_order
logging.basicConfig()
print(*in_order(abs, range(-12, 0), 2))
"""


@pytest.mark.parametrize("options", ["ro", "size=4k,nr_inodes=1"])
def test_without_dev_shm_one_process_does_the_work(options: str) -> None:
    """In a mount namespace of its own, where /dev/shm is read-only or full."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", "/dev/shm"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made here")
    script = f'mount -t tmpfs -o {options} none /dev/shm && exec "$0" -c "$1"'
    command = [*namespace, "sh", "-c", script, sys.executable, IN_ITS_OWN_SHM]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.stdout.split() == [str(number) for number in range(12, 0, -1)], done.stderr
    assert "no lock can be made in /dev/shm: " in done.stderr


@pytest.mark.parametrize("count", [1, 2])
def test_few_batches_are_read_ahead_of_what_is_taken(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays small however many rows there are and however slow the one who takes them is."""
    monkeypatch.setattr(workers, "FIRST", 2)
    read = []

    def batches() -> Iterator[int]:
        for number in range(1, 101):
            read.append(number)
            yield number

    results = workers.in_order(abs, batches(), count)
    for taken in range(1, 101):
        assert next(results) == taken
        assert len(read) - taken <= 4 * count
    assert list(results) == []
