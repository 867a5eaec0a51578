"""A watched process that is stopped: by a signal, by the end of the process that watches, or because its folder is gone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from job.runs.signals import SIGNALS
from tests.conftest import metrics_of
from tests.runs.supervised import ended, start, wait_for


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_passed_on_once(number: signal.Signals, tmp_path: Path) -> None:
    body = (
        f"got = []\nsignal.signal({number:d}, lambda *_: got.append(1))\n(root / 'ready').touch()\n"
        "while not got: time.sleep(0.01)\nwriter.end('stopped', 75)\nreturn 75"
    )
    not_ignored = lambda: signal.signal(number, signal.SIG_DFL) and None  # noqa: E731
    child = start(tmp_path, body, preexec_fn=not_ignored)
    wait_for(tmp_path / "ready")
    child.send_signal(number)
    assert ended(child)[0] == 75
    assert metrics_of(tmp_path)["status"] == "stopped"


def test_work_that_does_not_stop_is_broken_off(tmp_path: Path) -> None:
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n(root / 'ready').touch()\ntime.sleep(60)"
    child = start(tmp_path, body)
    wait_for(tmp_path / "ready")
    started = time.monotonic()
    child.terminate()
    code, errors = ended(child)
    assert (code, metrics_of(tmp_path)["status"]) == (75, "stopped")
    assert time.monotonic() - started < 20, "and not after its sixty seconds"
    assert "SIGTERM arrived in stage train; what was under way did not end in time" in errors


def test_saving_gets_more_time_than_anything_else(tmp_path: Path) -> None:
    """And what it has saved it still has to say."""
    body = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwith CheckpointTimes(10).saving():\n    (root / 'ready').touch()\n"
        "    time.sleep(1.5)\ntime.sleep(0.7)\nwriter.end('stopped', 75)\nreturn 75"
    )
    child = start(tmp_path, body)
    wait_for(tmp_path / "ready")
    child.terminate()
    code, errors = ended(child)
    assert code == 75
    assert "did not end in time" not in errors


def test_a_child_whose_parent_was_killed_stops_as_well(tmp_path: Path) -> None:
    body = (
        "def stop(*_):\n    writer.end('stopped', 75)\n    (root / 'stopped').touch()\n    os._exit(75)\n"
        "signal.signal(signal.SIGTERM, stop)\n(root / 'ready').touch()\ntime.sleep(60)"
    )
    child = start(tmp_path, body)
    wait_for(tmp_path / "ready")
    child.kill()
    wait_for(tmp_path / "stopped")
    child.communicate(timeout=20)
    assert metrics_of(tmp_path)["status"] == "stopped", "nobody else writes it any more"


def test_a_run_whose_folder_was_taken_over_ends_and_writes_nothing_more(tmp_path: Path) -> None:
    body = (
        "if (pid := os.fork()) == 0: time.sleep(60)\n(root / 'pids').write_text(f'{os.getpid()} {pid}')\n"
        "(root / 'ready').touch()\ntime.sleep(60)"
    )
    child = start(tmp_path, body)
    wait_for(tmp_path / "ready")
    while child.poll() is None:  # a heartbeat may lie between two of these
        (tmp_path / "owner.json").write_text('{"host": "another-host", "boot": "b", "pid": 1}', "utf-8")
        time.sleep(0.05)
    assert "FolderInUse: Another process is working in" in ended(child)[1]
    assert all(_is_gone(int(pid)) for pid in (tmp_path / "pids").read_text("utf-8").split())
    assert metrics_of(tmp_path)["status"] == "running"
    assert not (tmp_path / "failure.json").exists()
    assert "another-host" in (tmp_path / "owner.json").read_text("utf-8")


def test_a_run_whose_folder_was_moved_ends_and_writes_nothing_at_its_old_place(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    child = start(folder, "(root / 'pid').write_text(str(os.getpid()))\nwhile True: writer.write(); time.sleep(0.01)")
    wait_for(folder / "pid")
    wait_for(folder / "metrics.json")
    folder.rename(tmp_path / "moved")
    assert "FolderGone: The output folder" in ended(child)[1]
    assert _is_gone(int((tmp_path / "moved" / "pid").read_text()))
    assert not folder.exists()


def test_what_the_child_started_ends_with_it(tmp_path: Path) -> None:
    body = (
        "if (pid := os.fork()) == 0: time.sleep(60)\n(root / 'pid').write_text(str(pid))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert ended(start(tmp_path, body))[0] == 1
    pid, until = int((tmp_path / "pid").read_text()), time.monotonic() + 5
    while time.monotonic() < until and not _is_gone(pid):
        time.sleep(0.05)
    assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
