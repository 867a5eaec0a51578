"""How often a step waits for the card: the host must be far ahead of it, or nothing is queued when a kernel ends.

Packed rows alone: for padded ones transformers asks the card twice whether its mask hides anything (masking_utils).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from job.modeling.batching import Row
from job.training.graphs import Graphs
from tests.conftest import make_base
from tests.training.building import BY_NAME, enable, forward_of, trainer_of

STEPS, FIRST, LOGGED = 12, 5, 10
"""Of a run; the first that is watched, when all is captured and set up; the one that writes a log line."""


class Watched(TrainerCallback):  # type: ignore[misc]
    """Lets PyTorch say where a step waits."""

    def __init__(self) -> None:
        self.waits: dict[int, list[str]] = {}

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._note(state.global_step)
        torch.cuda.set_sync_debug_mode("warn" if state.global_step >= FIRST else "default")
        self.caught = warnings.catch_warnings(record=True)
        self.said = self.caught.__enter__()
        warnings.simplefilter("always")

    def _note(self, step: int) -> None:
        """`step`: the one that has ended."""
        if step > 0:
            self.caught.__exit__(None, None, None)
            self.waits[step] = [
                f"{one.filename}:{one.lineno}" for one in self.said if "synchronizing CUDA" in str(one.message)
            ]

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        torch.cuda.set_sync_debug_mode("default")
        self.caught.__exit__(None, None, None)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("path", ["replayed", "launched"])
def test_a_step_waits_for_the_card_where_it_writes_a_log_line_and_nowhere_else(
    path: str, precision: str, tmp_path: Path
) -> None:
    """Two waits there, for loss and norm, and a third in float16 for the steps that were skipped. The rows have one length, so
    that nothing is captured any more."""
    base = make_base(tmp_path / "base", hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
    forward = forward_of(base, precision, dropout=0.05)
    enable(forward, *BY_NAME, longest=100)
    forward.graphs = Graphs(forward) if path == "replayed" else None
    rows = [Row.after([7 + place * number % 90 for place in range(100)], 40) for number in range(8 * STEPS)]
    trainer = trainer_of(forward, rows, tmp_path)
    trainer.args.logging_steps, trainer.args.eval_steps = LOGGED, 1000
    watched = Watched()
    trainer.add_callback(watched)
    try:
        trainer.train()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        forward.revert_optimizations()
    for step in range(FIRST + 1, STEPS):
        assert len(watched.waits[step]) <= (3 if step == LOGGED else 0), watched.waits[step]
    assert watched.waits[LOGGED], "what it says where it waits is heard"
