"""Cards that are known by name: what they hold and how fast they compute, by NVIDIA's data sheets. Imports no library."""

from __future__ import annotations

import re
from dataclasses import dataclass

from job.modeling.memory import GIB, T4_BYTES


@dataclass(frozen=True)
class Card:
    name: str
    capability: tuple[int, int]
    memory_bytes: int
    """What PyTorch sees."""
    tensor_tflops: float
    """Peak of dense float16 products, from NVIDIA's data sheet."""
    held: float
    """Share of that peak which long products reach: 790 of 989 were measured on an H200, and 24 of 65 on a T4, whose 70
    watts allow no more (NVIDIA's forum, 264462). An L4 has 72 watts."""
    float32_tflops: float


CARDS: tuple[Card, ...] = (
    Card("T4", (7, 5), T4_BYTES, 65, 0.37, 8.1),
    Card("L4", (8, 9), int(22.0 * GIB), 121, 0.37, 30.3),
    Card("A100", (8, 0), int(39.4 * GIB), 312, 0.8, 19.5),  # the one with 40 GB
    Card("H100", (9, 0), int(79.1 * GIB), 989, 0.8, 67.0),
)
"""What --gpu takes."""
T4 = CARDS[0]


def rate_of(name: str) -> float | None:
    """Tera-operations a second of long float16 products, of a card as the driver names it; None for one that is not known."""
    return next((card.tensor_tflops * card.held for card in CARDS if re.search(rf"\b{card.name}\b", name)), None)
