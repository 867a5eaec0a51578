"""Micro-batches in few shapes: what a CUDA graph (graphs.py) was captured for, it can only repeat.

All sizes are rounded up. What is missing to them is filled with rows of their own, of which nothing is learned: no row attends
to them, and they add exactly zero to loss and gradients. They begin as the longest row does, so nothing is computed in them
that is not computed anyway: they overflow nowhere else. Knows nothing about graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from job.modeling.batching import IGNORED, Packed, Row, gathered, packed_numbers
from job.modeling.memory import HEAD_SLICE

WIDTH = 128
"""Tokens between two shapes: a step of 16 rows of the published recipe has 4,200, so 1.5 % are padding."""
SHORT_OF = 8
"""So many tokens less than a multiple of the width: for multiples of 64 cuBLAS takes slower tiles on an H200, and a multiple of
8 tokens still begins at 16 bytes. Around 3,000 tokens all products of a layer, both ways and with what is padding, take 6.3 %
longer than for the number of tokens itself at 256 and 0, 5.2 % at 128 and 0, 1.8 % at 128 and 8 (`tests.bench.products`)."""
FEWEST_ROWS = 32
"""A row more costs nothing: the blocks of attention that find it empty end at once."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a micro-batch, each of them rounded up."""

    tokens: int
    rows: int
    longest: int
    """Tokens of the longest row."""
    targets: int
    """Tokens that are learned."""


def shape_of(rows: Sequence[Row]) -> Shape:
    tokens = _rounded(sum(len(row.ids) for row in rows) + SHORT_OF, WIDTH) - SHORT_OF
    return Shape(
        tokens=tokens,
        rows=max(_power_of_two(len(rows) + len(padding(rows, tokens))), FEWEST_ROWS),
        longest=_power_of_two(max(len(row.ids) for row in rows)),
        # a slice of the head at a time; the first token of a row is never predicted, so they are fewer than all tokens
        targets=min(_rounded(sum(row.targets for row in rows), HEAD_SLICE), tokens),
    )


def padding(rows: Sequence[Row], tokens: int) -> list[Row]:
    """Rows of which nothing is learned, none longer than the longest, so that all have `tokens` together."""
    longest = max(rows, key=lambda row: len(row.ids))
    missing = tokens - sum(len(row.ids) for row in rows)
    whole, rest = divmod(missing, len(longest.ids))
    return [Row(longest.ids, ())] * whole + ([Row(longest.ids[:rest], ())] if rest else [])


def filled(rows: Sequence[Row], shape: Shape, device: torch.device) -> torch.Tensor:
    """A micro-batch as one tensor of integers in main memory, to be copied to the device at once; `batch_of` takes it apart."""
    ids, positions, starts, predicting, targets = packed_numbers([*rows, *padding(rows, shape.tokens)])
    spare = shape.targets - len(targets)
    empty = [shape.tokens] * (shape.rows + 1 - len(starts))
    different = range(spare)  # where many name one position, its gradient is added up one by one
    ignored = [IGNORED] * spare
    return gathered((ids, positions, starts, empty, predicting, different, targets, ignored), device)


def batch_of(numbers: torch.Tensor, shape: Shape) -> Packed:
    """Views of what `filled` gave, on its device."""
    sizes = [shape.tokens, shape.tokens, shape.rows + 1, shape.targets, shape.targets]
    ids, positions, starts, predicting, targets = numbers.split(sizes)
    return Packed(
        ids=ids[None],
        positions=positions[None],
        starts=starts.int(),
        longest=shape.longest,
        predicting=predicting,
        targets=targets.clamp(min=0),
        ignored=targets == IGNORED,
    )


def _rounded(number: int, width: int) -> int:
    return max(-(-number // width), 1) * width


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
