"""Which questions are put to the models, and in which half they are."""

from __future__ import annotations

import json
from pathlib import Path

from job.modeling.chat import Chat
from job.probing.questions import (
    Question,
    eval_questions,
    fixed_questions,
    halves_of,
    prompt_of,
    question_of,
    read_rows,
)
from job.settings.fields import ProbeSettings
from tests.training.building import tokenizer_of


def test_fixed_questions_are_the_lines_that_hold_something(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text("Why?\n\n  How?  \n", "utf-8")
    found = fixed_questions(ProbeSettings(questions_file=str(path)), "Be brief.")
    assert found == [Question("Why?", "Be brief.", "", "question"), Question("How?", "Be brief.", "", "question")]


def test_evaluation_rows_are_drawn_by_the_seed_and_carry_their_answer(tmp_path: Path) -> None:
    rows = [{"system": "Be brief.", "question": f"Why {n}?", "answer": f"So {n}."} for n in range(30)]
    path = tmp_path / "eval.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    rows = read_rows(path)
    found = eval_questions(rows, 5, seed=1)
    assert found == eval_questions(rows, 5, seed=1) != eval_questions(rows, 5, seed=2)
    assert all(question.text == f"Why {question.number}?" for question in found)
    assert all(question.reference == f"So {question.number}." for question in found)
    assert len(eval_questions(rows, 99, seed=1)) == 30
    assert eval_questions(rows, -3, seed=1) == []


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


def test_the_halves_are_equally_large_and_follow_from_the_seed() -> None:
    for count in (1, 2, 101, 1000):
        halves = list(halves_of(range(count), seed=1).values())
        assert halves.count("confirmation") - halves.count("choice") == count % 2
    halves_of_two = halves_of(range(1000), 1), halves_of(range(1000), 2)
    assert halves_of_two[0] == halves_of([*range(999, -1, -1), 5], 1) != halves_of_two[1]
    apart = sum(halves_of_two[0][question] != halves_of_two[1][question] for question in range(1000))
    assert 400 < apart < 600
