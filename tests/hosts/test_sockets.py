"""Real connections of this process: counted from below, and cut while somebody waits on them."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from job.hosts import sockets
from job.hosts.sockets import connections, cut

pytestmark = pytest.mark.light


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection, and the server's socket still listening."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


def inode(connection: socket.socket) -> int:
    return os.fstat(connection.fileno()).st_ino


def receive(connection: socket.socket, count: int) -> None:
    while count > 0:
        count -= len(connection.recv(65536))


def test_bytes_are_counted_in_both_directions_at_both_ends(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    before = connections()
    client.sendall(b"x" * 100_000)
    receive(server, 100_000)
    server.sendall(b"y" * 5_000)
    receive(client, 5_000)
    time.sleep(0.1)  # the last acknowledgement
    after = connections()
    for end in pair:
        assert after[inode(end)] - before[inode(end)] == pytest.approx(105_000, abs=2)  # SYN and FIN count as one each


def test_whoever_waits_on_a_connection_that_is_cut_waits_no_longer(pair: tuple[socket.socket, socket.socket]) -> None:
    client, _ = pair
    received: list[bytes] = []
    waiting = threading.Thread(target=lambda: received.append(client.recv(1)), daemon=True)
    waiting.start()
    cut(spared=connections().keys() - {inode(client)})
    waiting.join(2)
    assert received == [b""]


def test_spared_connections_and_listening_sockets_stay(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    with socket.create_server(("127.0.0.1", 0)) as listening:
        cut(spared=connections())
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        cut(spared=())
        with socket.create_connection(listening.getsockname()):
            assert listening.accept()[0].fileno() >= 0


def test_files_and_other_sockets_are_no_connections(pair: tuple[socket.socket, socket.socket]) -> None:
    known = set(connections())
    one, other = socket.socketpair()
    with one, other, socket.socket(socket.AF_INET, socket.SOCK_DGRAM), Path(os.devnull).open():
        assert set(connections()) == known
    assert known >= {inode(end) for end in pair}


def test_where_there_is_no_proc_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "OPEN_FILES", sockets.OPEN_FILES / "none")
    assert not sockets.countable()
    assert connections() == {}
