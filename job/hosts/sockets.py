"""The TCP connections of this process: how many bytes went through them, and how to cut them.

Below every library. The Hub client speaks through one HTTP library, Xet through another that is written in Rust and reports
its uploads to nobody, and `datasets` through the Hub client or its own: all of them end in a socket of this process. Knows
nothing of the Hub.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Container, Iterator
from pathlib import Path

OPEN_FILES = Path("/proc/self/fd")
TCP_INFO = 11  # linux/tcp.h; Python's socket.TCP_INFO is missing on other systems
COUNTERS = struct.Struct("120x2Q")
"""tcpi_bytes_acked and tcpi_bytes_received in struct tcp_info (Linux 4.2 and newer)."""


def countable() -> bool:
    """False on other systems than Linux."""
    return OPEN_FILES.exists()


def connections() -> dict[int, int]:
    """Inode of each TCP connection -> bytes that went through it in both directions."""
    return {inode: _bytes_through(connection) for inode, connection in _connections()}


def cut(spared: Container[int]) -> None:
    """End all connections except the `spared` inodes: whoever waits on one gets an error now, in whatever thread it is."""
    for inode, connection in _connections():
        if inode not in spared:
            with contextlib.suppress(OSError):  # it may have ended by itself
                connection.shutdown(socket.SHUT_RDWR)


def _connections() -> Iterator[tuple[int, socket.socket]]:
    """By a second handle, which shares its state with the owner's and can be closed alone."""
    for number in os.listdir(OPEN_FILES) if countable() else ():  # noqa: PTH208 (pathlib takes three times as long)
        try:
            kind, _, inode = os.readlink(f"{OPEN_FILES}/{number}").partition(":")  # noqa: PTH115
            handle = os.dup(int(number)) if kind == "socket" else -1
        except OSError:  # closed in the meantime
            continue
        if handle < 0:
            continue
        try:
            connection = socket.socket(fileno=handle)
        except OSError:  # another file has got the number
            os.close(handle)
            continue
        with connection:
            tcp = connection.family in (socket.AF_INET, socket.AF_INET6) and connection.type == socket.SOCK_STREAM
            if tcp and not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):  # a server's own socket
                yield int(inode.strip("[]")), connection


def _bytes_through(connection: socket.socket) -> int:
    info = connection.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 256)
    return sum(COUNTERS.unpack_from(info)) if len(info) >= COUNTERS.size else 0
