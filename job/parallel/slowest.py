"""GPUs of several kinds in one training: they work together, and each step waits for the slowest, since shares are balanced by
tokens, whatever a card makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from job.hosts.rates import rate_of


def card() -> dict[str, Any]:
    """What a worker says of the one that it computes on; nothing on a CPU."""
    if not torch.cuda.is_available():
        return {}
    found = torch.cuda.get_device_properties(0)
    return {"name": found.name, "bytes": found.total_memory, "capability": [found.major, found.minor]}


def mixed(cards: Sequence[dict[str, Any]]) -> str:
    """A warning that names the slowest of the workers' cards, by rank; empty where all are of one kind."""
    kinds = {one["name"]: one for one in cards if one}
    if len(kinds) < 2:
        return ""
    slowest = _slowest(list(kinds.values()))
    counts = Counter(one["name"] for one in cards if one)
    workers = ", ".join(str(rank) for rank, one in enumerate(cards) if one and one["name"] == slowest)
    return (
        f"GPUs of several kinds train together ({', '.join(f'{count} x {name}' for name, count in counts.items())}), and each "
        f"step waits for the slowest, {slowest} (worker {workers}); CUDA_VISIBLE_DEVICES can leave it out"
    )


def _slowest(kinds: Sequence[dict[str, Any]]) -> str:
    """By the rates of data sheets if all are known, else by memory and compute capability."""
    rates = {one["name"]: rate_of(one["name"]) for one in kinds}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    if len(known) == len(rates):
        return min(known, key=lambda name: known[name])
    return str(min(kinds, key=lambda one: (one["bytes"], one["capability"]))["name"])
