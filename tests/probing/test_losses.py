"""The loss of each held-out row is what training's evaluation adds up."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from job.errors import MemoryExhausted, Stopped
from job.modeling import row_losses
from job.modeling.chat import Chat
from job.probing import losses as module
from job.probing.losses import HeldOut, held_out, known_losses, mean_losses
from job.training.optimizations.comparison import Perturbed
from tests.training.building import enable, forward_of, random_rows, tokenizer_of

ROWS = random_rows(12)
TEXTS = [HeldOut(place, place, (row,), place) for place, row in enumerate(ROWS[:10])] + [
    HeldOut(10, 10, tuple(ROWS[10:]), 10)
]


@pytest.fixture(scope="module")
def forward(base: Path) -> Any:
    found = forward_of(base)
    found.model.eval()
    return found


def losses(forward: Any, **options: Any) -> dict[str, list[float]]:
    models = {"base": forward.model.disable_adapter, "tuned": nullcontext}
    return mean_losses(forward.model, forward.pad_token, TEXTS, models, **options)


def test_weighted_by_tokens_they_are_trainings_evaluation_loss(forward: Any) -> None:
    with Perturbed(forward.model):
        found = losses(forward)
        enable(forward, "packed_rows", "sliced_head", "lora4bit")
        trained = float(forward.row_sums(ROWS).sum())
        forward.revert_optimizations()
        alone = float(forward.loss_sum([ROWS[3]]).detach()) / ROWS[3].targets
    tokens = [row.tokens for row in TEXTS]
    assert sum(a * b for a, b in zip(found["tuned"], tokens, strict=True)) == pytest.approx(trained, rel=1e-5)
    assert found["tuned"][3] == pytest.approx(alone, rel=1e-5)
    assert found["base"] != pytest.approx(found["tuned"], rel=1e-3)


def test_batches_change_nothing_and_are_halved_where_memory_runs_out(
    forward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = losses(forward)
    real, sizes = module.loss_sums, []

    def loss_sums(model: Any, pad: int, rows: Any) -> list[float]:
        sizes.append(len(rows))
        if len(rows) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(model, pad, rows)

    monkeypatch.setattr(module, "loss_sums", loss_sums)
    found = losses(forward)
    assert sizes[0] == len(ROWS) and max(sizes[-6:]) <= 3
    for name in known:
        assert found[name] == pytest.approx(known[name], rel=1e-5)
    monkeypatch.setattr(module, "loss_sums", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))
    with pytest.raises(MemoryExhausted, match="one row of") as failure:
        losses(forward)
    assert "FINETUNE_TRAIN_MAX_TOKENS" in failure.value.remedy


def test_the_look_ends_them(forward: Any) -> None:
    def look() -> None:
        raise Stopped("SIGTERM arrived.")

    with pytest.raises(Stopped):
        losses(forward, look=look)


def test_held_out_rows_are_those_of_training_with_their_lines_and_questions(base: Path, tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": "How?"},
        {"role": "assistant", "content": "Thus."},
    ]
    rows = [
        {"system": "S", "question": "Why?", "answer": "So."},
        {"system": "S", "question": "How?", "answer": "Thus."},
        {"system": "S", "question": "Why?", "answer": "Because."},
        {"system": "S", "turns": turns},
        {"text": "Ferns like shade."},
    ]
    path = tmp_path / "eval.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = held_out(Chat(tokenizer_of(base)), path, "answers", 512)
    assert [row.row for row in found] == [0, 1, 2, 3, 4]
    assert [row.question for row in found] == [0, 1, 0, 2, 3]
    assert [row.first for row in found] == [0, 1, 2, 3, 3 + len(found[3].texts)]
    assert all(row.tokens for row in found)


def test_the_whole_prompt_makes_a_question(base: Path, tmp_path: Path) -> None:
    """ "What should I do?" behind other letters, and "Hello" before other questions: counted as one, no number of such rows
    decided anything."""

    def talk(*said: str) -> dict[str, Any]:
        roles = ("user", "assistant")
        turns = [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)]
        return {"system": "S", "turns": turns}

    rows = [
        {"system": "The cat has fleas.", "question": "What should I do?", "answer": "Comb it."},
        {"system": "The tap drips.", "question": "What should I do?", "answer": "Change the washer."},
        {"system": "The tap drips.", "question": "What should I do?", "answer": "Call somebody."},
        talk("Hello", "What is it about?", "My fern is brown.", "Give it shade."),
        talk("Hello", "What is it about?", "My rose has lice.", "Wash them off."),
        talk("Hello", "What is it about?", "My rose has lice.", "Wait for rain."),
    ]
    path = tmp_path / "eval.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = held_out(Chat(tokenizer_of(base)), path, "answers", 512)
    assert [row.question for row in found] == [0, 1, 1, 2, 3, 3]


def test_losses_that_training_has_found_are_those_of_the_probe(forward: Any, tmp_path: Path) -> None:
    texts = [text for row in TEXTS for text in row.texts]
    with Perturbed(forward.model):
        known = losses(forward)
        row_losses.write(tmp_path / "row_losses", 8, forward.row_sums(texts).tolist(), keep=())
        found = known_losses(tmp_path / "row_losses", TEXTS, {8})
    assert found and found[8] == pytest.approx(known["tuned"], rel=1e-5)
    assert known_losses(tmp_path / "row_losses", TEXTS, {0, 8}) is None, "the base model's are not there"
    assert known_losses(tmp_path / "row_losses", TEXTS[:-1], {8}) is None, "of other rows"
