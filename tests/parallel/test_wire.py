"""Orders arrive in their order and are forgotten; two ranks in two threads of this process."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from job.parallel.wire import ANYWHERE, Order, Wire, flattened, keep_store

pytestmark = pytest.mark.light


def test_orders_arrive_in_their_order_whoever_is_first() -> None:
    leader = Wire(0, 2)
    worker = Wire(1, 2, leader.port)
    orders = [Order("gradients", [[0], [number]], learned=7, scale=2.0, seed=number) for number in range(3)]
    with ThreadPoolExecutor() as pool:
        for order in orders:
            waiting = pool.submit(worker.take)
            leader.give(order)
            assert Order(**waiting.result(20) or {}) == order
            leader.forget()
        leader.give(None)
        assert pool.submit(worker.take).result(20) is None
    assert leader.store.check(["order/2"]) and not leader.store.check(["order/1"])


def test_what_a_worker_tells_is_known_by_its_rank() -> None:
    leader = Wire(0, 3)
    Wire(2, 3, leader.port).tell("failed", {"code": 62})
    assert leader.told("failed", 1) is None
    assert leader.told("failed", 2) == {"code": 62}


def test_tensors_become_one_row_of_float32() -> None:
    flat = flattened([torch.ones(2, 3, dtype=torch.float16), torch.zeros(1)])
    assert flat.dtype == torch.float32 and flat.tolist() == [1.0] * 6 + [0.0]


def test_a_store_of_one_host_listens_on_loopback_alone() -> None:
    """127.0.0.2 is another address of this host."""
    one, all_ = Wire(0, 2), keep_store(ANYWHERE)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", one.port), timeout=5)
    socket.create_connection(("127.0.0.2", all_.port), timeout=5).close()
