"""What the products of a layer cost by the number of tokens, and with it the shapes of CUDA graphs (job/training/buckets.py):

    python -m tests.bench.products                      on a GPU, in half a minute

All products of one layer of Llama 3.2 3B, both ways, are timed for every eighth number of tokens. The table says how much
longer they take for the shape that a number of tokens is filled up to than for the number itself, over a range of numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch

from job.training.buckets import SHORT_OF, WIDTH

HIDDEN, INNER, KEYS = 3072, 8192, 1024
LAYERS = ((HIDDEN, HIDDEN),) * 2 + ((KEYS, HIDDEN),) * 2 + ((INNER, HIDDEN),) * 2 + ((HIDDEN, INNER),)
"""Outputs and inputs."""
STEP = 8
TOKENS = range(1024, 6144 + 1, STEP)
RANGES = ((1104, 2504), (2504, 4000), (3000, 5600))
SHAPES = ((64, 0), (64, 8), (128, 0), (128, 8), (256, 0), (256, 8), (512, 0), (512, 8))
"""Tokens between two shapes, and tokens that each is short of a multiple."""


def milliseconds(work: Callable[[], None], repeats: int = 3) -> float:
    """The shortest."""
    work()
    found: list[float] = []
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end))
    return min(found)


def times(dtype: torch.dtype) -> dict[int, float]:
    """Milliseconds by the number of tokens."""
    weights = [torch.randn(shape, device="cuda").mul_(0.01).to(dtype) for shape in LAYERS]
    numbers = {width: torch.randn(TOKENS[-1], width, device="cuda").to(dtype) for width in (HIDDEN, INNER, KEYS)}

    def both_ways(tokens: int) -> None:
        for weight in weights:
            torch.nn.functional.linear(numbers[weight.shape[1]][:tokens], weight)
        for weight in weights:
            numbers[weight.shape[0]][:tokens] @ weight

    return {tokens: milliseconds(lambda tokens=tokens: both_ways(tokens)) for tokens in TOKENS}  # type: ignore[misc]


def longer(known: dict[int, float], width: int, short_of: int, low: int, high: int) -> float:
    own = filled = 0.0
    for tokens in range(low, high, STEP):
        own += known[tokens]
        filled += known[-(-(tokens + short_of) // width) * width - short_of]
    return filled / own - 1


def main() -> int:
    if not torch.cuda.is_available():
        print("no NVIDIA GPU here", file=sys.stderr)
        return 1
    print(torch.cuda.get_device_name())
    print("| numbers | shapes | " + " | ".join(f"{low:,} to {high:,} tokens" for low, high in RANGES) + " |")
    print("|---|---|" + "---:|" * len(RANGES))
    for dtype in (torch.float16, torch.bfloat16):
        known = times(dtype)
        for width, short_of in SHAPES:
            mark = " (job)" if (width, short_of) == (WIDTH, SHORT_OF) else ""
            cells = [f"{100 * longer(known, width, short_of, low, high):+.1f} %" for low, high in RANGES]
            print("| " + " | ".join([str(dtype)[6:], f"multiples of {width} less {short_of}{mark}", *cells]) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
