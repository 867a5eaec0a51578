"""The adapter with the lowest evaluation loss is kept, alone."""

from __future__ import annotations

import math
from pathlib import Path

from job.training.best import BestAdapter
from tests.training.building import forward_of


def test_a_lower_loss_takes_the_place_and_a_higher_one_does_not(base: Path, tmp_path: Path) -> None:
    model = forward_of(base).model
    best = BestAdapter(tmp_path / "best")
    assert best.found() == (math.inf, 0)
    for step, loss, kept in ((5, 2.0, 5), (10, 2.5, 5), (15, 1.5, 15), (20, 1.5, 15)):
        best.keep(model, loss, step)
        assert best.found()[1] == kept
        assert [path.name for path in (tmp_path / "best").glob("*.safetensors")] == [best.path(kept).name]
    (tmp_path / "best" / "best.json").write_text("", "utf-8")
    assert best.found() == (math.inf, 0)
