"""What is free, and what answers and losses take of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from job.modeling import room
from job.modeling.memory import GIB, RESERVE_SHARE
from job.modeling.room import answer_bytes, loss_token_bytes, room_bytes


def test_on_a_card_it_is_what_is_free_and_reserved_less_what_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """On several, what the fullest has."""
    free = {0: 4 * GIB, 1: 3 * GIB}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[device.index], 16 * GIB))
    monkeypatch.setattr(torch.cuda.memory, "get_per_process_memory_fraction", lambda _: 1.0)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 8 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 5 * GIB)
    first, second = torch.device("cuda", 0), torch.device("cuda", 1)
    assert room_bytes(first) == int((4 + 8 - RESERVE_SHARE * 16) * GIB) - 5 * GIB
    assert room_bytes(first, second) == room_bytes(second) == room_bytes(first) - GIB


def test_on_a_cpu_it_is_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "main_memory_bytes", lambda: 4_096_000)
    assert room_bytes(torch.device("cpu")) == 2_048_000


def test_an_answer_takes_keys_values_and_logits(llama_3b: Any) -> None:
    """28 layers of 8 heads of 128, keys and values, two bytes each; 128,256 logits in 2, 4 and 4 bytes."""
    states = 3 * 8192 + 4 * 3072 + 2 * (3072 + 1024)
    assert answer_bytes(llama_3b.model) == (28 * 8 * 128 * 2 * 2, 128_256 * 10, 8192 * states * 2)
    assert loss_token_bytes(llama_3b.model) == 2 * (128_256 + states)


def test_sizes_that_a_config_does_not_name_are_unknown(llama_3b: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "shapes_of", lambda _: None)
    assert answer_bytes(llama_3b.model) is None and loss_token_bytes(llama_3b.model) is None

    def differs(_: Any) -> None:
        raise RuntimeError("sizes differ between layers")

    monkeypatch.setattr(room, "shapes_of", differs)
    assert answer_bytes(llama_3b.model) is None
