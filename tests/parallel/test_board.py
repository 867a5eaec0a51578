"""What one process writes the others read, and they miss whoever falls silent. Two boards in this process, on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from job.errors import HostUnfit
from job.hosts.places import Place
from job.parallel import board as boards
from job.parallel import wire
from job.parallel.board import Board
from job.parallel.wire import ANYWHERE, keep_store
from tests.faults.nodes import free_port

pytestmark = pytest.mark.light


def place(rank: int, port: int, **facts: str) -> Place:
    return Place(rank, 2, None, "127.0.0.1", port, "a test", **facts)


def until(found: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not found():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "BEAT_SECONDS", 0.05)


@pytest.fixture
def pair() -> Iterator[tuple[Board, Board]]:
    port = free_port()
    first = Board(place(0, port), seconds=10)
    second = Board(place(1, port), seconds=10)
    yield first, second
    second.close()
    first.close()


def test_each_reads_what_the_other_wrote_last(pair: tuple[Board, Board]) -> None:
    first, second = pair
    first.tell(team=1)
    second.tell(cards=2)
    until(lambda: second.of(0).get("team") == 1 and first.of(1).get("cards") == 2)
    second.tell(cards=3)
    until(lambda: first.of(1)["cards"] == 3)
    assert first.of(1)["word"] != second.of(0)["word"]
    first.put("run", {"word": "x"})
    assert second.get("run") == {"word": "x"}


def test_who_is_gone_falls_silent(pair: tuple[Board, Board]) -> None:
    first, second = pair
    until(lambda: first.of(1))
    assert first.silent(1) < 5
    second.close()
    until(lambda: first.silent(1) > 0.5)
    assert not first.broken()


def test_keys_of_a_store_that_outlives_an_attempt_are_set_apart() -> None:
    """As under torchrun, whose agent keeps it."""
    port = free_port()
    store = keep_store(ANYWHERE, port)
    earlier, later = (Board(place(0, port, store=f"job/{attempt}"), seconds=10) for attempt in range(2))
    earlier.put("run", 1)
    later.put("run", 2)
    assert (earlier.get("run"), later.get("run")) == (1, 2)
    earlier.close()
    later.close()
    assert store.check(["job/0/run", "job/1/run"])


def test_nobody_answers_in_time() -> None:
    port = free_port()
    with pytest.raises(
        HostUnfit, match=rf"Rank 0 does not answer at 127\.0\.0\.1, port {port} .*; process 1 of 2"
    ) as caught:
        Board(place(1, port), seconds=0.2)
    assert "FINETUNE_WATCHDOG_MINUTES" in caught.value.remedy and "--network host" in caught.value.remedy


def test_what_listens_there_and_is_no_store_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another service behind that address, or a rank 0 that stands still."""
    monkeypatch.setattr(wire, "GREETING_SECONDS", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(HostUnfit, match="what listens there gives no answer of a store") as caught,
    ):
        Board(place(1, server.getsockname()[1]), seconds=0.1)
    assert "MASTER_PORT" in caught.value.remedy


def test_a_port_that_is_taken_is_named() -> None:
    port = free_port()
    store = keep_store(ANYWHERE, port)
    with pytest.raises(HostUnfit, match=f"Port {port}, .* cannot be listened on") as caught:
        Board(place(0, port), seconds=1)
    assert "MASTER_PORT" in caught.value.remedy
    assert "both were started as rank 0: give each a rank of its own (NODE_RANK" in caught.value.remedy
    with suppress(RuntimeError):
        store.set("still", "there")


def test_another_store_at_the_same_place_is_found() -> None:
    """Rank 0's process was killed, and the one that watched it tells the end."""
    port = free_port()
    stores = [keep_store(ANYWHERE, port)]
    second = Board(place(1, port), seconds=10)
    until(lambda: stores[0].check(["at/1"]))
    stores.clear()
    until(second.broken)
    first = Board(place(0, port), seconds=10)
    first.tell(end={"code": 68})
    until(lambda: second.of(0).get("end") == {"code": 68})
    until(lambda: not second.broken())
    second.close()
    first.close()
