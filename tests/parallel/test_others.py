"""Rank 0 hears what becomes of the others, and the run stops for it. The others are boards of this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from job.errors import HostUnfit, NotFound, Stopped
from job.hosts.places import Place
from job.parallel import board as boards
from job.parallel import others as module
from job.parallel.board import Board
from job.parallel.failures import told_of
from job.parallel.others import Others
from job.runs.lock import FolderLock
from job.runs.progress import movement
from job.runs.signals import StopRequest
from tests.faults.nodes import free_port
from tests.parallel.test_board import until

pytestmark = pytest.mark.light
Gather = Callable[..., tuple[Others, StopRequest, list[Board]]]


@pytest.fixture
def gather(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gather]:
    """Rank 0 of so many processes, and the boards of those that come."""
    monkeypatch.setattr(boards, "BEAT_SECONDS", 0.05)
    made: list[Board] = []

    def gather(processes: int = 2, come: int = 1, **options: Any) -> tuple[Others, StopRequest, list[Board]]:
        places = [Place(rank, processes, None, "127.0.0.1", port, "a test") for rank in range(processes)]
        stop = StopRequest()
        others = Others(places[0], stop=stop, **{"seconds": 10, **options})
        here = [Board(place, seconds=10) for place in places[1 : 1 + come]]
        made.extend([*here, others.board])
        until(lambda: all(others.board.of(board.place.rank) for board in here))
        return others, stop, here

    port = free_port()
    yield gather
    for board in made:
        board.close()


def stopped_by(stop: StopRequest, act: Callable[[], object]) -> str:
    """Why, as whoever works is told."""
    with stop.listening(), pytest.raises(Stopped) as caught:
        act()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            time.sleep(0.01)
    return str(caught.value)


def test_a_signal_to_another_process_stops_the_run(gather: Gather) -> None:
    others, stop, (board,) = gather()
    reason = stopped_by(stop, lambda: board.tell(stopped="SIGTERM arrived."))
    assert reason == f"SIGTERM arrived on {others.name(1)}."
    assert "(process 1 of 2)" in reason
    assert others.error is None and others.gone == ""  # its workers go on until rank 0 has saved


def test_what_another_process_failed_of_ends_the_run_with_its_code(gather: Gather) -> None:
    others, stop, (board,) = gather()
    stopped_by(stop, lambda: board.tell(failed=told_of(NotFound("No such commit.", remedy="Look."))))
    assert type(others.error) is NotFound
    assert str(others.error) == f"{others.name(1)}: No such commit." and others.error.remedy == "Look."


def test_a_process_that_falls_silent_stops_the_run(gather: Gather, monkeypatch: pytest.MonkeyPatch) -> None:
    others, stop, (board,) = gather()
    assert others.suspect() == ""
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.5)
    assert "gave no sign for" in stopped_by(stop, board.close)
    assert "gave no sign for" in others.suspect()


def test_a_process_that_was_started_again_stops_the_run(gather: Gather) -> None:
    _, stop, (board,) = gather()
    assert "was started a second time" in stopped_by(stop, lambda: board.tell(word="another"))


def test_workers_are_counted_once_all_are_there(gather: Gather) -> None:
    others, _, (second, third) = gather(3, 2)
    second.tell(cards=4)
    third.tell(cards=2)
    assert others.counts(4, None) == [4, 4, 2]
    assert others.counts(4, 16) == [4, 4, 2]
    assert others.counts(4, 7) == [4, 3, 0]


def test_all_compute_in_what_the_weakest_gpu_can_and_its_host_is_named(
    gather: Gather, caplog: pytest.LogCaptureFixture
) -> None:
    """Hosts with a T4, with L4s, and where rank 0 is an A100."""
    others, _, (second, third) = gather(3, 2)
    second.tell(cards=2, capability=(7, 5))
    third.tell(cards=2, capability=(8, 9))
    counts = others.counts(1, None)
    assert others.weakest((8, 0), counts) == (7, 5)
    assert "weakest=7.5: the GPUs of the hosts are of several kinds" in caplog.text
    assert f"which is that of {others.name(1)}\n" in caplog.text
    caplog.clear()
    assert others.weakest((7, 5), counts) == (7, 5)
    assert f"which is that of {others.name(0)}, {others.name(1)}\n" in caplog.text
    caplog.clear()
    assert others.weakest((8, 9), [1, 0, 2]) == (8, 9), "a host without a worker holds nobody back"
    assert not caplog.records


def test_hosts_with_and_without_gpus_do_not_train_together(gather: Gather) -> None:
    """Each would wait for the other in a group of another kind."""
    others, _, (board,) = gather()
    board.tell(cards=1, capability=None)
    counts = others.counts(1, None)
    assert others.weakest(None, counts) is None
    with pytest.raises(HostUnfit) as caught:
        others.weakest((7, 5), counts)
    assert str(caught.value).startswith(f"{others.name(1)} sees no GPU, and {others.name(0)} does; ")
    assert "--gpus all" in caught.value.remedy
    board.tell(capability=(7, 5))
    until(lambda: others.board.of(1)["capability"])
    with pytest.raises(HostUnfit, match=r"\(process 0 of 2\) sees no GPU, and .* \(process 1 of 2\) does"):
        others.weakest(None, counts)


def test_one_that_does_not_come_is_named(gather: Gather) -> None:
    others, _, (second,) = gather(3, 1, seconds=0.3)
    second.tell(cards=1)
    until(lambda: "cards" in others.board.of(1))
    with pytest.raises(HostUnfit, match=r"Of 3 processes 2 did not come within 0\.005 minutes to 127\.0\.0\.1"):
        others.counts(1, None)
    began = time.monotonic()
    others.end(68, late=60)  # it has had its time
    assert time.monotonic() - began < 30


def test_workers_of_an_earlier_team_are_no_workers_of_this_one(gather: Gather) -> None:
    others, _, (board,) = gather()
    assert others.begin({}, [1, 1]) == "/team/1"
    board.tell(team=1, ended=[{"rank": 1}])
    until(others.ended)
    assert others.begin({}, [1, 1]) == "/team/2"
    assert others.ended() == []


def test_the_folders_word_and_the_settings_are_there_to_be_compared(gather: Gather, tmp_path: Path) -> None:
    FolderLock(tmp_path).take()
    _, _, (board,) = gather(settings={"train": {"seed": 1}}, root=tmp_path)
    until(lambda: board.of(0).get("run"))
    run = board.get("run")
    assert run["settings"] == {"train": {"seed": 1}} and len(run["word"]) == 16


def test_the_end_is_told_to_who_is_there_and_waits_for_who_is_late(gather: Gather) -> None:
    others, _, (board,) = gather(3, 1)
    board.tell(left=True)
    began = time.monotonic()
    moved = movement()
    others.end(69, "Worse.", late=3.5)
    assert 3.5 <= time.monotonic() - began < 10
    assert movement() != moved  # no hang
    until(lambda: board.of(0).get("end") == {"code": 69, "message": "Worse."})


def test_the_end_waits_for_nobody_who_has_heard_it(gather: Gather) -> None:
    others, _, (board,) = gather()
    board.tell(left=True)
    began = time.monotonic()
    others.end(0, late=60)
    assert time.monotonic() - began < 10
