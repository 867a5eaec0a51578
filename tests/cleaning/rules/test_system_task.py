"""System prompts that ask for a text of its own, and those that stand above answers of any kind."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules, clean_batch
from job.cleaning.rules.system_task import asks_for_work
from tests.cleaning.rules.one_row import ADVICE

pytestmark = pytest.mark.examples
LETTER = f"Dear Mrs. Fern, {ADVICE} All the best!"


@pytest.mark.parametrize(
    "system",
    [
        "Translate the Dutch text into English.",
        "You translate plant names and labels into English.",
        "You are a careful translator of seed catalogues.",
        "Reply to the gardener's letter politely.",
        "Answer the customer's e-mail.",
        "You are an assistant who writes short poems.",
        "You are the old gardener of a castle. Stay in character.",
        "Pretend to be a talking fern.",
    ],
)
def test_a_prompt_that_asks_for_a_text_of_its_own(system: str) -> None:
    assert asks_for_work(system)


@pytest.mark.parametrize(
    "system",
    [
        "You are a helpful assistant.",
        "You are a gardener. Answer the questions of plant owners.",
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
        "Write a helpful reply to the post.",
        "You are a speech therapist. Answer questions about speech and songs.",
        "You help users of an e-mail provider. Be brief.",
    ],
)
def test_a_prompt_that_stands_above_answers_of_any_kind(system: str) -> None:
    assert not asks_for_work(system)


@pytest.mark.parametrize(("system", "kept"), [("Translate it into English.", LETTER), ("Be brief.", ADVICE)])
def test_the_answer_to_it_keeps_its_beginning_and_end(system: str, kept: str) -> None:
    row = {"system": system, "question": "Liebe Frau Farn ...", "answer": LETTER}
    (found,), _ = clean_batch([row], Rules(min_answer_words=1, contacts="keep"))
    assert found == row | {"answer": kept if kept == LETTER else found["answer"]}
    assert (found["answer"] == LETTER) is (kept == LETTER)
