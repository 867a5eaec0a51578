"""Greedy answers that do not depend on the batch they were computed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from job.errors import Stopped
from job.modeling import decoding
from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.generation import generate
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import ModelSettings


def load(base: str) -> tuple[Any, Chat]:
    model = ModelSettings(base=base)
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    return load_base(files, tokenizer, torch.float32), Chat(tokenizer)


def test_an_answer_does_not_depend_on_its_batch() -> None:
    """On the quickstart's base, whose greedy answers are sharp enough for padding to show."""
    base, chat = load("quickstart")
    questions = ("How much light does a basil need?", "It was a gift. My orchid is turning yellow. Why?")
    prompts = [chat.prompt_ids("You give advice on house plants.", question) for question in questions]
    together = generate(base, chat, prompts, max_new_tokens=60)
    apart = [generate(base, chat, [prompt], max_new_tokens=60)[0] for prompt in prompts]
    assert together == apart
    assert all(answer.stopped and answer.ids[-1] == chat.stop_id for answer in together)
    assert "basil" in together[0].text


def test_an_answer_that_reaches_the_limit_did_not_stop(base: Path) -> None:
    model, chat = load(str(base))
    (answer,) = generate(model, chat, [[0, 5, 6]], max_new_tokens=3)
    assert (answer.tokens, answer.stopped, len(answer.ids)) == (3, False, 3)


def test_a_repetition_penalty_changes_an_answer(base: Path) -> None:
    model, chat = load(str(base))
    (free,) = generate(model, chat, [[0, 5, 6]], max_new_tokens=12)
    (punished,) = generate(model, chat, [[0, 5, 6]], max_new_tokens=12, repetition_penalty=2.0)
    assert free.text != punished.text


def test_each_token_is_told_and_what_it_raises_ends_the_answers(base: Path) -> None:
    model, chat = load(str(base))
    told: list[int] = []
    generate(model, chat, [[0, 5, 6], [0, 5]], max_new_tokens=4, each_token=told.append)
    assert told == [2] * len(told) and 1 <= len(told) <= 4

    def stop(_: int) -> None:
        raise Stopped("SIGTERM arrived.")

    with pytest.raises(Stopped):
        generate(model, chat, [[0, 5, 6]], max_new_tokens=4, each_token=stop)


def test_tokens_are_shown_as_they_come_with_the_rows_that_get_them() -> None:
    base, chat = load("quickstart")
    questions = ("How much light does a basil need?", "My orchid is turning yellow.")
    prompts = [chat.prompt_ids("You give advice on house plants.", question) for question in questions]
    shown: dict[int, list[int]] = {0: [], 1: []}

    def show(rows: list[int], tokens: list[int]) -> None:
        for row, token in zip(rows, tokens, strict=True):
            shown[row].append(token)

    answers = generate(base, chat, prompts, max_new_tokens=40, showing=show)
    assert [tuple(shown[row][: len(answer.ids)]) for row, answer in enumerate(answers)] == [one.ids for one in answers]


def test_transformers_own_loop_shows_its_tokens_too(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "known_cache", lambda *_: None)
    model, chat = load(str(base))
    shown: list[int] = []
    (answer,) = generate(model, chat, [[0, 5, 6]], max_new_tokens=3, showing=lambda _, tokens: shown.extend(tokens))
    assert tuple(shown) == answer.ids
