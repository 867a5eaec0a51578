"""Logits of several models on the same texts: as without batches, and fewer at a time where memory runs out."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from job.errors import MemoryExhausted, Stopped
from job.modeling.batching import Row
from job.probing import predictions as module
from job.probing.predictions import predictions
from tests.training.building import forward_of


@pytest.fixture(scope="module")
def model(base: Path) -> PeftModel:
    """The quickstart's base with an adapter that changes what it says."""
    tuned: PeftModel = forward_of(base).model.eval()
    torch.manual_seed(1)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return tuned


ROWS = [Row.after(list(range(5, 5 + length)), skip) for length, skip in ((9, 4), (30, 20), (12, 1), (5, 4), (21, 0))]


def logits(_: Row, found: list[torch.Tensor]) -> list[torch.Tensor]:
    return [one.clone() for one in found]


def test_logits_are_those_before_the_learned_tokens_of_each_row_alone(model: PeftModel) -> None:
    found = predictions(model, 0, ROWS, [model.disable_adapter, nullcontext], logits, look=lambda: None)
    for row, (base, tuned) in zip(ROWS, found, strict=True):
        ((begin, end),) = row.predicted
        with torch.no_grad():
            alone = model(input_ids=torch.tensor([list(row.ids)])).logits[0, begin - 1 : end - 1]
            with model.disable_adapter():
                before = model(input_ids=torch.tensor([list(row.ids)])).logits[0, begin - 1 : end - 1]
        assert torch.allclose(tuned, alone, atol=1e-4)
        assert torch.allclose(base, before, atol=1e-4)
        assert not torch.allclose(base, tuned, atol=1e-2)


def test_where_memory_runs_out_fewer_texts_are_taken_at_a_time(
    model: PeftModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = predictions(model, 0, ROWS, [nullcontext], logits, look=lambda: None)
    real, sizes = module._logits, []

    def tight(model: Any, pad_token: int, rows: list[Row], enter: Any) -> list[torch.Tensor]:
        sizes.append(len(rows))
        if len(rows) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(model, pad_token, rows, enter)

    fits = 2
    monkeypatch.setattr(module, "_logits", tight)
    monkeypatch.setattr(module, "MOST_TOKENS", 150)
    found = predictions(model, 0, ROWS, [nullcontext], logits, look=lambda: None)
    assert all(torch.allclose(a, b, atol=1e-4) for (a,), (b,) in zip(known, found, strict=True))
    assert max(sizes) > 2
    assert sizes[-1] <= 2
    fits = 0
    with pytest.raises(MemoryExhausted, match="one text of 5 tokens"):
        predictions(model, 0, ROWS, [nullcontext], logits, look=lambda: None)


def test_a_request_to_stop_is_heard_after_each_batch(model: PeftModel) -> None:
    def look() -> None:
        raise Stopped("SIGTERM arrived.")

    with pytest.raises(Stopped):
        predictions(model, 0, ROWS, [nullcontext], logits, look=look)
    assert predictions(model, 0, [], [nullcontext], logits, look=look) == []
