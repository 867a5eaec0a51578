"""How the rows of an optimizer step are cut into micro-batches, and laid out as tensors.

The user sets the rows of a step, their order and the learning rate. The job decides how a step is cut, which without dropout
changes no result: the gradient of a step is a sum over its rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import torch

from job.modeling.examples import Tokens

IGNORED = -100


Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Row:
    """One row: token ids, and (begin, end) of what is learned, from left to right."""

    ids: Sequence[int]
    learned: Spans

    @classmethod
    def of(cls, tokens: Tokens, loss: str) -> Row:
        """`loss`: on the answers that `tokens` has, or on the whole `text`. All rows stay in memory: 4 bytes a token instead
        of 36."""
        return cls(array("i", tokens.ids), ((0, len(tokens.ids)),) if loss == "text" else tokens.answers)

    @classmethod
    def after(cls, ids: Sequence[int], skip: int) -> Row:
        """A row of which all but the first `skip` tokens are learned."""
        return cls(ids, ((skip, len(ids)),))

    @property
    def predicted(self) -> Spans:
        """The learned spans without the first token of the row, which has nothing before it."""
        return tuple((max(begin, 1), end) for begin, end in self.learned)

    @property
    def targets(self) -> int:
        """Number of tokens that are predicted and learned."""
        return sum(end - begin for begin, end in self.predicted)


@dataclass(frozen=True)
class Packed:
    """Rows one after the other, without padding. T tokens of N rows."""

    ids: torch.Tensor  # (1, T) int64
    positions: torch.Tensor  # (1, T) int64, from 0 in each row
    starts: torch.Tensor  # (N + 1,) int32: where each row begins, and T
    longest: int
    predicting: torch.Tensor  # (P,) int64: positions in 0..T-1 whose next token is learned
    targets: torch.Tensor  # (P,) int64
    ignored: torch.Tensor | None = None  # (P,) bool: what stands there to fill a shape, and adds nothing to the loss


@dataclass(frozen=True)
class Padded:
    """Rows below each other, padded on the right to the longest: (N, L)."""

    ids: torch.Tensor
    mask: torch.Tensor
    predicting: torch.Tensor  # (P,): positions in 0..N*L-1 whose next token is learned
    targets: torch.Tensor  # (P,)


def cut(lengths: Sequence[int], budget: int, *, padded: bool = False) -> list[list[int]]:
    """Numbers of the rows of each micro-batch: at most `budget` tokens in each, a longer row alone.

    Longest first into the first micro-batch with room, so that few are nearly empty. `padded`: a micro-batch costs its
    rows times its longest.
    """
    bins: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        for rows in bins if not padded else bins[-1:]:
            cost = (len(rows) + 1) * lengths[rows[0]] if padded else sum(lengths[row] for row in rows) + lengths[number]
            if cost <= budget:
                rows.append(number)
                break
        else:
            bins.append([number])
    return bins


def pack(rows: Sequence[Row], device: torch.device) -> Packed:
    ids, positions, starts, predicting, targets = sent(packed_numbers(rows), device)
    return Packed(
        ids=ids[None],
        positions=positions[None],
        starts=starts.int(),
        longest=max(len(row.ids) for row in rows),
        predicting=predicting,
        targets=targets,
    )


def packed_numbers(rows: Sequence[Row]) -> tuple[list[int], ...]:
    """Of `Packed`: ids, positions, starts, predicting, targets."""
    ids: list[int] = []
    positions: list[int] = []
    starts = [0]
    predicting: list[int] = []
    targets: list[int] = []
    for row in rows:
        start = starts[-1]
        ids += row.ids
        positions += range(len(row.ids))
        for begin, end in row.predicted:
            predicting += range(start + begin - 1, start + end - 1)
            targets += row.ids[begin:end]
        starts.append(len(ids))
    return ids, positions, starts, predicting, targets


def pad(rows: Sequence[Row], pad_token: int, device: torch.device) -> Padded:
    width = max(len(row.ids) for row in rows)
    ids: list[int] = []
    mask: list[int] = []
    predicting: list[int] = []
    targets: list[int] = []
    for row in rows:
        start, missing = len(ids), width - len(row.ids)
        ids += [*row.ids, *[pad_token] * missing]
        mask += [1] * len(row.ids) + [0] * missing
        for begin, end in row.predicted:
            predicting += range(start + begin - 1, start + end - 1)
            targets += row.ids[begin:end]
    places, seen, *learned = sent((ids, mask, predicting, targets), device)
    return Padded(places.view(-1, width), seen.view(-1, width), *learned)


def sent(parts: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, ...]:
    """Lists of integers as int64 tensors on the device, by one copy for which the host does not wait."""
    numbers = gathered(parts, device).to(device, non_blocking=True)
    return torch.split(numbers, [len(part) for part in parts])


def gathered(parts: Iterable[Sequence[int]], device: torch.device) -> torch.Tensor:
    """One after the other in main memory, from where they may be copied to the device while the host goes on: where pages can
    move, CUDA may wait for all that is queued before it copies them."""
    return torch.tensor(list(chain.from_iterable(parts)), dtype=torch.int64, pin_memory=device.type == "cuda")
