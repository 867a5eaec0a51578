"""Scores of answers, and greedy answers that do not depend on the batch they stood in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.probing.probe import generate
from job.probing.scores import Answer, closes_with_filler, opens_with_filler, repetition, score
from job.settings.fields import ModelSettings, ProbeSettings


@pytest.mark.parametrize(
    "text",
    [
        "As a medical assistant, I'd be happy to help you with that.",
        "Great question! The roots need air.",
        "Hello, the roots need air.",
        "Thank you for your question.",
        "I have gone through your query.",
        "Certainly! Roots need air.",
    ],
)
def test_opening_filler_is_seen(text: str) -> None:
    assert opens_with_filler(text)


@pytest.mark.parametrize(
    "text",
    ["The roots need air.", "Thanks to its roots it drinks little.", "Higher pots.", "Surely not.", "Heat harms it."],
)
def test_content_is_not_taken_for_filler(text: str) -> None:
    assert not opens_with_filler(text)
    assert not closes_with_filler(text)


def test_closing_filler_is_seen_at_the_end_alone() -> None:
    assert closes_with_filler("Roots need air. Hope this helps! Let me know if you have any other questions.")
    assert not closes_with_filler("Let me know the pot first. " + "Roots need air and water. " * 20)


def test_repetition_is_zero_for_prose_and_near_one_for_a_loop() -> None:
    assert repetition("Roots need air and water, and in winter they need rest.") == 0
    assert repetition("water it well " * 50) > 0.9


def test_scores_are_shares_over_answers() -> None:
    result = score([Answer("Hello, roots need air.", 6, True), Answer("Roots need air. Regards", 5, False)])
    assert (result.answers, result.stopped_share, result.mean_tokens) == (2, 0.5, 5.5)
    assert (result.opening_filler_share, result.closing_filler_share) == (0.5, 0.5)


def test_an_answer_does_not_depend_on_its_batch() -> None:
    """On the quickstart's base, whose greedy answers are sharp enough for padding to show."""
    model = ModelSettings(base="quickstart")
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    base = load_base(files, tokenizer, torch.float32)
    chat = Chat(tokenizer)
    questions = ("How much light does a basil need?", "It was a gift. My orchid is turning yellow. Why?")
    prompts = [chat.prompt_ids("You give advice on house plants.", question) for question in questions]
    settings = ProbeSettings(max_new_tokens=60)
    together = generate(base, tokenizer, prompts, settings)
    apart = [generate(base, tokenizer, [prompt], settings)[0] for prompt in prompts]
    assert together == apart
    assert all(answer.stopped and opens_with_filler(answer.text) for answer in together)
    assert "basil" in together[0].text


def test_an_answer_that_reaches_the_limit_did_not_stop(base: Path) -> None:
    model = ModelSettings(base=str(base))
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    answers = generate(
        load_base(files, tokenizer, torch.float32), tokenizer, [[0, 5, 6]], ProbeSettings(max_new_tokens=3)
    )
    assert (answers[0].tokens, answers[0].stopped) == (3, False)
