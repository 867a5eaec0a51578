"""Which questions are put to the models, in what order the answers come back, and what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from job.errors import MemoryExhausted, Stopped
from job.modeling.chat import Chat
from job.modeling.generation import Answer
from job.probing import stage
from job.probing.stage import (
    BATCH,
    Question,
    answer_all,
    eval_questions,
    fixed_questions,
    prompt_of,
    question_of,
    write_samples,
)
from job.results import Sample
from job.runs.files import read_lines
from job.runs.progress import counts
from job.settings.fields import ProbeSettings
from tests.training.building import tokenizer_of

SETTINGS = ProbeSettings(max_new_tokens=4)


def generator(fits: int, batches: list[list[int]]) -> Callable[..., list[Answer]]:
    """Answers a prompt with its length; memory runs out above `fits` prompts. Notes the lengths of each batch."""

    def generate(model: Any, chat: Any, prompts: list[list[int]], **_: Any) -> list[Answer]:
        batches.append([len(prompt) for prompt in prompts])
        if len(prompts) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [Answer(str(len(prompt)), 1, True) for prompt in prompts]

    return generate


def test_answers_come_in_the_order_of_the_questions_from_batches_of_similar_lengths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[list[int]] = []
    monkeypatch.setattr(stage, "generate", generator(BATCH, batches))
    prompts = [[7] * length for length in range(BATCH + 4, 0, -1)]
    answers = answer_all(None, None, prompts, SETTINGS)
    assert [answer.text for answer in answers] == [str(len(prompt)) for prompt in prompts]
    assert batches == [list(range(1, BATCH + 1)), list(range(BATCH + 1, BATCH + 5))]


def test_batches_are_halved_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[int]] = []
    monkeypatch.setattr(stage, "generate", generator(4, batches))
    answers = answer_all(None, None, [[7]] * 10, SETTINGS)
    assert len(answers) == 10
    assert [len(batch) for batch in batches] == [10, 8, 4, 4, 2]


def test_long_questions_are_answered_fewer_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 4 new tokens each."""
    batches: list[list[int]] = []
    monkeypatch.setattr(stage, "generate", generator(BATCH, batches))
    monkeypatch.setattr(stage, "BATCH_TOKENS", 60)
    assert len(answer_all(None, None, [[7] * length for length in (2, 2, 2, 16, 16, 16, 16, 90)], SETTINGS)) == 8
    assert batches == [[2, 2, 2], [16, 16, 16], [16], [90]]


def test_answers_are_progress_and_end_where_the_look_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(*_: Any, each_token: Callable[[int], None], **__: Any) -> list[Answer]:
        each_token(3)
        each_token(3)
        return [Answer("so", 2, True)] * 3

    def look() -> None:
        looks.append(counts()["tokens"] - before)
        if len(looks) == 2:
            raise Stopped("SIGTERM arrived.")

    looks: list[int] = []
    before = counts().get("tokens", 0)
    monkeypatch.setattr(stage, "generate", generate)
    with pytest.raises(Stopped):
        answer_all(None, None, [[7]] * 3, SETTINGS, look)
    assert looks == [3, 6]


def test_one_question_that_does_not_fit_ends_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "generate", generator(0, []))
    with pytest.raises(MemoryExhausted, match="one question of 3 tokens") as failure:
        answer_all(None, None, [[7, 7, 7]], SETTINGS)
    assert "FINETUNE_PROBE_MAX_NEW_TOKENS" in failure.value.remedy


def test_fixed_questions_are_the_lines_that_hold_something(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text("Why?\n\n  How?  \n", "utf-8")
    found = fixed_questions(ProbeSettings(questions_file=str(path)), "Be brief.")
    assert found == [Question("Why?", "Be brief.", "", "question"), Question("How?", "Be brief.", "", "question")]


def test_evaluation_rows_are_drawn_by_the_seed_and_carry_their_answer(tmp_path: Path) -> None:
    rows = [{"system": "Be brief.", "question": f"Why {n}?", "answer": f"So {n}."} for n in range(30)]
    path = tmp_path / "eval.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = eval_questions(path, 5, seed=1)
    assert found == eval_questions(path, 5, seed=1) != eval_questions(path, 5, seed=2)
    assert all(question.reference == question.text.replace("Why", "So").replace("?", ".") for question in found)
    assert len(eval_questions(path, 99, seed=1)) == 30


TURNS = [
    {"role": "user", "content": "Why?"},
    {"role": "assistant", "content": "So."},
    {"role": "user", "content": "How?"},
    {"role": "assistant", "content": "Thus."},
]


def test_of_a_conversation_the_last_answer_is_asked_for_with_all_before_it(base: Path) -> None:
    row = {"system": "S", "turns": TURNS}
    question = question_of(row)
    assert question == Question("user: Why?\n\nassistant: So.\n\nuser: How?", "S", "Thus.", "eval_row", row)
    chat = Chat(tokenizer_of(base))
    prompt = prompt_of(chat, question, 10_000)
    ((tokens,),) = chat.rows([row], "last")
    assert prompt == tokens.ids[: tokens.answers[0][0]]
    assert chat.tokenizer.decode(prompt).count("So.") == 1


def test_an_answer_of_weight_0_is_never_asked_for() -> None:
    row = {"system": "S", "turns": [*TURNS[:3], {**TURNS[3], "weight": 0}]}
    assert question_of(row) == Question("user: Why?", "S", "So.", "eval_row", row)


def test_a_conversation_that_was_trained_on_in_parts_is_asked_without_its_beginning(base: Path) -> None:
    chat = Chat(tokenizer_of(base))
    question = question_of({"system": "S", "turns": TURNS})
    alone = Question("How?", "S", "Thus.", "eval_row")
    limit = len(chat.rows([{"system": "S", "question": "How?", "answer": "Thus."}], "last")[0][0].ids)
    assert prompt_of(chat, question, limit) == prompt_of(chat, alone, limit) == chat.prompt_ids("S", "How?")


def test_plain_text_is_to_be_continued(base: Path) -> None:
    row = {"text": "Ferns like shade and some water."}
    question = question_of(row)
    assert question == Question("Ferns", "", "like shade and some water.", "eval_row", row)
    chat = Chat(tokenizer_of(base))
    assert chat.tokenizer.decode(prompt_of(chat, question, 100)) == "Ferns"
    assert len(prompt_of(chat, question_of({"text": row["text"] * 20}), 7)) == 7


def test_samples_hold_both_answers_and_replace_older_ones(tmp_path: Path) -> None:
    question = Question("Why?", "", "Light.", "eval_row")
    for text in ("Hello!", "Light."):
        write_samples([question], [Answer("Hello!", 2, False)], [Answer(text, 2, True)], tmp_path / "probe")
    assert read_lines(tmp_path / "probe" / "samples.jsonl", Sample) == [
        Sample(
            question="Why?",
            source="eval_row",
            reference="Light.",
            base="Hello!",
            tuned="Light.",
            base_stopped=False,
            tuned_stopped=True,
        )
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]
