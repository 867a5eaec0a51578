"""One run at a time works in a run folder; a dead one's folder is taken over."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from job.errors import FolderInUse
from job.runs.lock import LOCK, OWNER, FolderGone, FolderLock, _began, word_in

pytestmark = pytest.mark.light
ELSEWHERE = {"host": "another-host", "boot": "b", "pid": 1, "beats": 5}


def leave(root: Path, owner: dict[str, object], *, seconds_ago: float = 0) -> None:
    path = root / "written"
    path.write_text(json.dumps(owner), "utf-8")
    moment = time.time() - seconds_ago
    os.utime(path, (moment, moment))
    path.replace(root / OWNER)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    first.take()
    with pytest.raises(FolderInUse, match=rf"Another process is working in {tmp_path} \(process {os.getpid()} on "):
        FolderLock(tmp_path).take()


def test_the_folder_of_a_process_that_was_killed_is_free_at_once(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from job.runs.lock import FolderLock
FolderLock(Path(sys.argv[1])).take()
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / OWNER).exists()
    started = time.monotonic()
    FolderLock(tmp_path).take()
    assert time.monotonic() - started < 10, "nothing was watched"


def test_a_run_on_another_host_that_still_writes_is_left_alone(tmp_path: Path) -> None:
    """Its lock does not reach this host: some network file systems keep locks to each host."""
    leave(tmp_path, ELSEWHERE)
    timer = threading.Timer(0.2, leave, (tmp_path, ELSEWHERE | {"beats": 6}))
    timer.start()
    with pytest.raises(FolderInUse, match="process 1 on another-host"):
        FolderLock(tmp_path, watch_seconds=2).take()
    timer.join()


@pytest.mark.parametrize(("seconds_ago", "watched"), [(30, True), (-3600, True), (600, False)])
def test_a_run_on_another_host_that_is_gone_is_taken_over(tmp_path: Path, seconds_ago: float, watched: bool) -> None:
    """A heartbeat from the future is that of a clock that was set back: only watching tells."""
    leave(tmp_path, ELSEWHERE, seconds_ago=seconds_ago)
    started = time.monotonic()
    FolderLock(tmp_path, watch_seconds=0.1 if watched else 60).take()
    seconds = time.monotonic() - started
    assert seconds >= 0.1 if watched else seconds < 30
    assert json.loads((tmp_path / OWNER).read_text("utf-8"))["pid"] == os.getpid()


def test_a_lock_that_lingers_for_a_host_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    leave(tmp_path, ELSEWHERE, seconds_ago=600)
    with (tmp_path / ".lock").open("w") as server:
        fcntl.flock(server, fcntl.LOCK_EX)
        FolderLock(tmp_path).take()


def test_a_run_in_another_container_of_this_machine_is_left_alone_however_long_it_stood_still(tmp_path: Path) -> None:
    """Its host has another name, but the kernel's lock is the same."""
    first = FolderLock(tmp_path)
    first.take()
    owner = json.loads((tmp_path / OWNER).read_text("utf-8"))
    leave(tmp_path, owner | {"host": "container"}, seconds_ago=3600)
    with pytest.raises(FolderInUse):
        FolderLock(tmp_path).take()


def test_a_lock_without_an_owner_is_that_of_a_run_which_begins(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(FolderInUse):
            FolderLock(tmp_path).take()


def owner_of(root: Path, **changes: object) -> dict[str, object]:
    """What a run of this host leaves in the folder, with changes."""
    FolderLock(root).take()
    owner: dict[str, object] = json.loads((root / OWNER).read_text("utf-8"))
    return owner | changes


PARENT = {"pid": os.getppid(), "began": _began(os.getppid())}


@pytest.mark.parametrize("locks", [True, False])
def test_a_live_process_of_this_host_counts_where_there_is_no_lock_or_its_file_was_removed(
    locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not locks:
        monkeypatch.setattr("job.runs.lock._flock", lambda _: None)
    owner = owner_of(tmp_path, **PARENT)
    leave(tmp_path, owner, seconds_ago=600)
    with pytest.raises(FolderInUse, match=f"process {os.getppid()} on "):
        FolderLock(tmp_path).take()
    leave(tmp_path, owner | {"began": "1"}, seconds_ago=600)  # its number was given again
    FolderLock(tmp_path).take()


def test_containers_of_one_name_are_told_apart_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host, kernel and process have the same names in both: only the heartbeat and the random word tell."""
    monkeypatch.setattr("job.runs.lock._flock", lambda _: None)
    theirs = owner_of(tmp_path, word="theirs")
    leave(tmp_path, theirs)
    timer = threading.Timer(0.2, leave, (tmp_path, theirs | {"beats": 6}))
    timer.start()
    with pytest.raises(FolderInUse):
        FolderLock(tmp_path, watch_seconds=2).take()
    timer.join()
    lock = FolderLock(tmp_path, watch_seconds=0.1)
    lock.take()
    leave(tmp_path, theirs)
    with pytest.raises(FolderInUse):
        lock.beat()


def test_a_run_whose_folder_was_taken_over_notices_at_its_next_heartbeat(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.take()
    lock.beat()
    leave(tmp_path, ELSEWHERE)
    with pytest.raises(FolderInUse, match="process 1 on another-host"):
        lock.beat()
    lock.release()
    assert json.loads((tmp_path / OWNER).read_text("utf-8")) == ELSEWHERE
    (tmp_path / OWNER).unlink()
    lock.beat()
    assert (tmp_path / OWNER).exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_was_moved_is_noticed_and_not_made_again(again: bool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lock = FolderLock(folder)
    lock.take()
    folder.rename(tmp_path / "moved")
    if again:  # by another run
        folder.mkdir()
        FolderLock(folder).take()
        leave(folder, ELSEWHERE)
    before = sorted(folder.rglob("*"))
    with pytest.raises(FolderGone, match=f"{folder} was moved or removed while the run worked"):
        lock.beat()
    lock.release()
    assert sorted(folder.rglob("*")) == before
    assert folder.exists() == again


def test_a_mount_that_numbers_its_files_anew_ends_no_run(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.take()
    (tmp_path / LOCK).rename(tmp_path / "other")
    (tmp_path / LOCK).touch()
    lock.beat()


def test_a_run_that_ended_leaves_no_owner(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.take()
    lock.release()
    assert not (tmp_path / OWNER).exists()


def test_a_new_lock_file_says_nothing_about_a_run_in_another_container_of_this_machine(tmp_path: Path) -> None:
    """Somebody has removed the run's own `.lock`: only its heartbeat tells."""
    first = FolderLock(tmp_path)
    first.take()
    owner = json.loads((tmp_path / OWNER).read_text("utf-8")) | {"host": "container"}
    leave(tmp_path, owner)
    (tmp_path / LOCK).unlink()
    timer = threading.Timer(0.2, leave, (tmp_path, owner | {"beats": 6}))
    timer.start()
    with pytest.raises(FolderInUse, match="on container"):
        FolderLock(tmp_path, watch_seconds=2).take()
    timer.join()


def test_a_run_whose_folder_was_taken_by_another_with_a_new_lock_file_says_so(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    first.take()
    (tmp_path / LOCK).unlink()
    (tmp_path / LOCK).touch()
    leave(tmp_path, ELSEWHERE)
    with pytest.raises(FolderInUse, match="process 1 on another-host"):
        first.beat()


def test_the_word_of_a_run_is_another_one_at_each_start_and_nothing_without_one(tmp_path: Path) -> None:
    assert word_in(tmp_path / "elsewhere") == ""
    (tmp_path / OWNER).write_text("torn {", "utf-8")
    assert word_in(tmp_path) == ""
    (tmp_path / OWNER).unlink()
    first = FolderLock(tmp_path)
    first.take()
    word = word_in(tmp_path)
    first.beat()
    assert len(word) == 16 and word_in(tmp_path) == word
    first.release()
    assert word_in(tmp_path) == ""
    assert FolderLock(tmp_path)._me["word"] != word
