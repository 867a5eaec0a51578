"""Answers where memory runs out: fewer at a time, and the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling.chat import Chat
from job.probing.stage import answer_all
from job.settings.fields import ProbeSettings
from tests.training.building import forward_of, random_rows, tokenizer_of


def test_answers_are_computed_fewer_at_a_time_where_memory_runs_out(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = forward_of(base)
    chat = Chat(tokenizer_of(base))
    prompts = [row.ids for row in random_rows(10, longest=20)]
    settings = ProbeSettings(max_new_tokens=4)
    forward.base.eval()
    known = answer_all(forward.base, chat, prompts, settings)
    real = forward.base.generate

    def generate(**options: Any) -> Any:
        if len(options["input_ids"]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(**options)

    monkeypatch.setattr(forward.base, "generate", generate)
    assert answer_all(forward.base, chat, prompts, settings) == known
