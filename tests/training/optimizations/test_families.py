"""On every family of the training page's table, the optimizations and every memory plan give the reference gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from job.modeling.batching import Row
from job.modeling.layers import decoder_layers
from job.training.forward import Forward
from job.training.optimizations.comparison import Perturbed, gradients
from job.training.optimizations.self_test import SelfTest
from tests.families import FAMILIES, WINDOW, Family, make_family_base
from tests.training.building import ON_A_CPU, forward_of, memory_plan_of, rows_up_to


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_give_the_reference_gradients_on_rows_longer_than_any_window_and_in_every_memory_plan(
    family: Family, tmp_path: Path
) -> None:
    forward = forward_of(make_family_base(tmp_path, family), dropout=0.05, targets=("auto",))
    rows = rows_up_to(120, 12)
    assert max(len(row.ids) for row in rows) > 3 * WINDOW
    test = SelfTest(forward, rows)
    results = test.enable(ON_A_CPU)
    assert {result.name for result in results if not result.on} == set(family.off), results
    layers = decoder_layers(forward.base)
    assert len(layers) == 2
    memory_plan = memory_plan_of(forward, rows)
    for checkpointing in ("none", "half", "all"):
        memory_plan.place = next(
            place for place, candidate in enumerate(memory_plan.candidates) if candidate.checkpointing == checkpointing
        )
        memory_plan.set_checkpointing()
        assert test.whole_step(memory_plan.candidate.tokens) == ""
        assert _calls(forward, layers, rows) == {"none": [1, 1], "half": [1, 2], "all": [2, 2]}[checkpointing]


def _calls(forward: Forward, layers: Sequence[Any], rows: Sequence[Row]) -> list[int]:
    """How often each layer is computed in a training step of one micro-batch, by the calls of its first part: a hook on the
    layer itself is not called again where transformers computes it again."""
    calls = [0] * len(layers)

    def count(number: int) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            calls[number] += 1

        return hook

    parts = [next(layer.children()) for layer in layers]
    hooks = [part.register_forward_pre_hook(count(number)) for number, part in enumerate(parts)]
    with Perturbed(forward.model):
        forward.model.train()
        gradients(forward, rows[:2])
    for hook in hooks:
        hook.remove()
    return calls
