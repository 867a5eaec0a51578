"""How the rows of an optimizer step are cut into micro-batches, and laid out as tensors.

The user sets the rows of a step, their order and the learning rate. The job decides how a step is cut, which without dropout
changes no result: the gradient of a step is a sum over its rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

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
    labels: torch.Tensor


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
    ids: list[int] = []
    positions: list[int] = []
    predicting: list[int] = []
    targets: list[int] = []
    starts = [0]
    for row in rows:
        start = starts[-1]
        ids += row.ids
        positions += range(len(row.ids))
        for begin, end in row.predicted:
            predicting += range(start + begin - 1, start + end - 1)
            targets += row.ids[begin:end]
        starts.append(len(ids))
    return Packed(
        ids=torch.tensor([ids]).to(device, non_blocking=True),
        positions=torch.tensor([positions]).to(device, non_blocking=True),
        starts=torch.tensor(starts, dtype=torch.int32).to(device, non_blocking=True),
        longest=max(len(row.ids) for row in rows),
        predicting=torch.tensor(predicting, dtype=torch.int64).to(device, non_blocking=True),
        targets=torch.tensor(targets, dtype=torch.int64).to(device, non_blocking=True),
    )


def pad(rows: Sequence[Row], pad_token: int, device: torch.device) -> Padded:
    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), pad_token)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.tensor(row.ids)
        mask[place, : len(row.ids)] = 1
        for begin, end in row.learned:
            labels[place, begin:end] = torch.tensor(row.ids[begin:end])
    return Padded(ids.to(device), mask.to(device), labels.to(device))
