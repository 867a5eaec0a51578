"""A micro-batch that fills a shape gives the loss and the gradients of the same rows without padding."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from job.modeling.batching import Row
from job.training.buckets import SHORT_OF, WIDTH, Shape, batch_of, filled, padding, shape_of
from job.training.forward import Forward
from job.training.optimizations.comparison import Perturbed, gradients
from tests.families import FAMILIES, WINDOW, make_family_base
from tests.training.building import differences, enable, forward_of, random_rows, rows_up_to

CPU = torch.device("cpu")
ALL = ("packed_rows", "sliced_head", "lora4bit", "norm")


def padded(forward: Forward, rows: Sequence[Row], **other: torch.Tensor) -> tuple[float, torch.Tensor]:
    """As `gradients`; `other` takes the place of a tensor of the batch."""
    forward.model.zero_grad(set_to_none=True)
    shape = shape_of(rows)
    batch = dataclasses.replace(batch_of(filled(rows, shape, CPU), shape), **other)
    loss = forward.packed_loss(batch)
    loss.backward()
    return float(loss.detach()), torch.cat([p.grad.flatten() for p in forward.model.parameters() if p.requires_grad])


def full(count: int) -> list[Row]:
    """Rows that fill their shape without padding."""
    rows = random_rows(count, longest=40)
    missing = -(sum(len(row.ids) for row in rows) + SHORT_OF) % WIDTH
    return [*rows, Row.after([9] * missing, missing // 2)]


CASES = {
    "a few": random_rows(3),
    "many": random_rows(40),
    "one row": rows_up_to(200, 1),
    "one that fills it": [Row.after([7, 9] * ((WIDTH - SHORT_OF) // 2), 3)],
    "many that fill it": full(11),
    "nothing learned": [Row.after([5, 6, 7], 3)],
    "all learned": [Row.after(row.ids, 0) for row in random_rows(9)],
    "rows of two tokens": [Row.after([5, 6], 1)] * 3,
}


@pytest.mark.parametrize("names", [ALL, ("packed_rows",)], ids=["all", "packed rows alone"])
@pytest.mark.parametrize("rows", CASES.values(), ids=CASES)
def test_padding_changes_neither_loss_nor_gradients(
    names: tuple[str, ...], rows: list[Row], with_optimizations: Callable[..., Forward]
) -> None:
    forward = with_optimizations(*names, longest=WIDTH)
    loss, gradient = padded(forward, rows)
    known = gradients(forward, rows)
    assert loss == pytest.approx(known[0], rel=1e-6)
    assert float((gradient - known[1]).norm()) <= 1e-6 * float(known[1].norm())


def test_nor_where_layers_see_a_window(tmp_path: Path) -> None:
    family = next(family for family in FAMILIES if family.name == "mistral_window")
    forward = forward_of(make_family_base(tmp_path, family))
    rows = random_rows(7, longest=4 * WINDOW)
    assert max(len(row.ids) for row in rows) > 2 * WINDOW
    enable(forward, *ALL, longest=4 * WINDOW)
    with Perturbed(forward.model):
        assert max(differences(gradients(forward, rows), padded(forward, rows))) < 1e-6


def test_padding_that_counted_would_show(with_optimizations: Callable[..., Forward]) -> None:
    """The comparison above says no: once what fills the targets is learned, once rows see the padding."""
    forward, rows = with_optimizations(*ALL), random_rows(3)
    known, shape = gradients(forward, rows), shape_of(rows)
    batch = batch_of(filled(rows, shape, CPU), shape)
    assert batch.ignored is not None
    joined = batch.starts.clone()
    joined[1:] = shape.tokens
    for other in ({"ignored": torch.zeros_like(batch.ignored)}, {"starts": joined}):
        assert max(differences(known, padded(forward, rows, **other))) > 1e-2


def test_padding_is_the_beginning_of_the_longest_row_and_nothing_of_it_is_learned() -> None:
    rows = [Row.after([1, 2], 1), Row.after([3, 4, 5], 0)]
    added = padding(rows, 12)
    assert [list(row.ids) for row in added] == [[3, 4, 5], [3, 4, 5], [3]]
    assert [row.targets for row in added] == [0, 0, 0]
    assert padding(rows, 5) == []


def test_a_filled_shape_comes_apart_as_it_was_put_together() -> None:
    rows = [Row.after([11, 12, 13], 2), Row.after([21, 22], 0)]
    shape = Shape(tokens=8, rows=5, longest=4, targets=4)
    batch = batch_of(filled(rows, shape, CPU), shape)
    assert batch.ids.tolist() == [[11, 12, 13, 21, 22, 11, 12, 13]]
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1, 0, 1, 2]]
    assert batch.starts.tolist() == [0, 3, 5, 8, 8, 8] and batch.starts.dtype == torch.int32
    assert batch.longest == 4
    assert batch.predicting.tolist() == [1, 3, 0, 1]
    assert batch.ignored is not None
    assert batch.ignored.tolist() == [False, False, True, True]
    assert batch.targets[:2].tolist() == [13, 22]


def test_steps_of_one_run_have_few_shapes_and_every_row_fits() -> None:
    seen = set()
    for seed in range(60):
        rows = random_rows(16, longest=500, seed=seed)
        shape = shape_of(rows)
        seen.add(shape)
        assert 0 <= shape.tokens - sum(len(row.ids) for row in rows) < WIDTH
        assert shape.rows >= len(rows) and shape.longest >= max(len(row.ids) for row in rows)
        assert sum(row.targets for row in rows) <= shape.targets <= shape.tokens
        assert len(filled(rows, shape, CPU)) == 2 * shape.tokens + shape.rows + 1 + 2 * shape.targets
        assert shape.tokens % 8 == 0 and shape.tokens % 64, "16 bytes, and no multiple that cuBLAS is slower for"
    assert len(seen) < 40
