"""Which columns hold questions and answers, chats or text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from job.cleaning.batch import NOT_TEXT, Raw
from job.cleaning.sources import load
from job.errors import DataError
from job.modeling.conversation import Conversation
from job.settings.sources import Source
from tests.cleaning.stage_runs import settings
from tests.conftest import write_rows

USER, ANSWER = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}
LAYOUTS: dict[str, dict[str, Any]] = {
    "question/answer": {"question": "Q", "answer": "A"},
    "prompt/completion": {"prompt": "Q", "completion": "A"},
    "prompt/completion as messages (TRL)": {"prompt": [USER], "completion": [ANSWER]},
    "input/output": {"input": "Q", "output": "A"},
    "messages": {"messages": [USER, ANSWER]},
    "conversations (ShareGPT)": {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    "turns": {"system": "", "turns": [USER, ANSWER]},
    "instruction and input as question, output": {"instruction": "Q", "input": "", "output": "A", "text": "Q A"},
    "instruction and input as question, output, with history (Alpaca)": {
        "instruction": "Q",
        "input": "",
        "output": "A",
        "history": [],
    },
}


def read_one(row: dict[str, Any], folder: Path) -> Raw:
    path = write_rows(folder / "rows.jsonl", [row] * 3)
    return next(load(Source.parse(str(path)), settings(path), "").rows)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_usual_layouts_are_recognised(layout: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [LAYOUTS[layout]] * 3)
    loaded = load(Source.parse(str(path)), settings(path), "")
    assert loaded.layout == layout
    assert next(loaded.rows) == Raw("", "Q", "A")


@pytest.mark.parametrize(
    ("row", "layout"),
    [
        ({"Question": "Q", "Answer": "A"}, "question/answer (columns Question, Answer)"),
        ({"Question": "Q", "Response": "A", "Steps": "x"}, "question/response (columns Question, Response)"),
        ({"PROMPT ": "Q", "completion": "A"}, "prompt/completion (columns PROMPT )"),
        ({"Messages": [USER, ANSWER]}, "messages (columns Messages)"),
        ({"question": "Q", "answer": "A", "Question": "other"}, "question/answer"),
    ],
)
def test_columns_are_recognised_whatever_their_capitals(row: dict[str, Any], layout: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [row] * 3)
    loaded = load(Source.parse(str(path)), settings(path), "")
    assert loaded.layout == layout
    assert next(loaded.rows) == Raw("", "Q", "A")


def test_numbers_are_text(tmp_path: Path) -> None:
    assert read_one({"question": "How many?", "answer": 12}, tmp_path) == Raw("", "How many?", "12")
    assert read_one({"question": 1.5, "answer": True}, tmp_path) == Raw("", "1.5", "true")
    assert read_one({"question": "How many?", "answer": [1]}, tmp_path).fault == NOT_TEXT


def test_a_table_without_a_header_line_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("Why is it yellow?,It is dry.\nWhy is it brown?,It is cold.\n")
    with pytest.raises(DataError) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "no header line" in str(caught.value.remedy)


def test_a_chat_may_be_json(tmp_path: Path) -> None:
    assert read_one({"messages": json.dumps([USER, ANSWER])}, tmp_path) == Raw("", "Q", "A")
    assert read_one({"messages": "[broken"}, tmp_path).fault == NOT_TEXT


def test_plain_text_is_a_layout_where_nothing_else_is(tmp_path: Path) -> None:
    assert read_one({"text": "Ferns like shade.", "url": "x"}, tmp_path) == Raw(text="Ferns like shade.")
    assert read_one({"text": ["Ferns"]}, tmp_path).fault == NOT_TEXT
    assert read_one({"text": None}, tmp_path) == Raw()


TWO = (USER, ANSWER, {"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2"})


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Q2", "output": "A2", "history": [["Q", "A"]], "system": "S"},
        {"prompt": "Q2", "response": "A2", "history": [["Q", "A"]], "system": "S"},
        {"prompt": [{"role": "system", "content": "S"}, *TWO[:3]], "completion": [TWO[3]]},
        {"prompt": [{"role": "system", "content": "S"}, *TWO[:3]], "completion": "A2"},
        {
            "conversations": [{"from": turn["role"], "value": turn["content"]} for turn in TWO],
            "system": "S",
            "tools": "[]",
        },
        {"messages": [{"role": "developer", "content": "S"}, *TWO], "tools": None},
    ],
    ids=["alpaca", "history", "trl", "trl-string", "sharegpt", "openai"],
)
def test_every_layout_of_several_turns_gives_the_same_conversation(row: dict[str, Any], tmp_path: Path) -> None:
    assert read_one(row, tmp_path) == Raw("S", conversation=Conversation("S", TWO))


def test_a_column_named_system_is_a_prompt_in_cleaned_rows_alone(tmp_path: Path) -> None:
    row = {"system": "S", "question": "Q", "answer": "A", "source": "rows.jsonl"}
    assert read_one(row, tmp_path) == Raw("S", "Q", "A")
    assert read_one(row | {"organ": "heart"}, tmp_path) == Raw("", "Q", "A")


def test_a_history_that_is_no_list_of_pairs_is_no_text(tmp_path: Path) -> None:
    for history in ("Q A", [["Q"]], [["Q", 1]]):
        assert read_one({"instruction": "Q2", "output": "A2", "history": history}, tmp_path).fault == NOT_TEXT


def test_pairs_of_a_better_and_a_worse_answer_are_refused(tmp_path: Path) -> None:
    row = {"prompt": "Q", "chosen": "A", "rejected": "B"}
    path = write_rows(tmp_path / "rows.jsonl", [row] * 3)
    with pytest.raises(DataError, match="preference training") as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "FINETUNE_DATA_ANSWER_COLUMN=chosen" in caught.value.remedy
    loaded = load(Source.parse(str(path)), settings(path, question_column="prompt", answer_column="chosen"), "")
    assert next(loaded.rows) == Raw("", "Q", "A")


def test_other_columns_are_named_by_settings(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"ask": "Q", "say": "A"}] * 3)
    with pytest.raises(DataError) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "the columns ask, say" in str(caught.value)
    assert "FINETUNE_DATA_QUESTION_COLUMN" in caught.value.remedy
    loaded = load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="say"), "")
    assert next(loaded.rows).answer == "A"
    with pytest.raises(DataError, match="no column reply; it has: ask, say"):
        load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="reply"), "")


MIXED = [LAYOUTS["question/answer"], LAYOUTS["messages"]]


def test_rows_of_mixed_forms_are_each_read_by_their_own(tmp_path: Path) -> None:
    """As JSON lines, and as `datasets` saves them: with every column in every row."""
    from datasets import Dataset

    path = write_rows(tmp_path / "rows.jsonl", MIXED * 3)
    columns = dict.fromkeys(column for row in MIXED for column in row)
    Dataset.from_list([columns | row for row in MIXED * 3]).save_to_disk(str(tmp_path / "saved"))
    for place in (path, tmp_path / "saved"):
        loaded = load(Source.parse(str(place)), settings(place), "")
        assert loaded.layout == "messages; rows without: question/answer"
        assert list(loaded.rows) == [Raw("", "Q", "A")] * 6


def test_rows_without_a_chat_that_are_of_no_form_have_a_fault(tmp_path: Path) -> None:
    rows = [*[LAYOUTS["messages"]] * 3, {"title": "Q"}, {"messages": None}]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    loaded = load(Source.parse(str(path)), settings(path), "")
    assert loaded.layout == "messages"
    assert [raw.fault for raw in loaded.rows] == ["", "", "", NOT_TEXT, NOT_TEXT]


def test_a_form_that_begins_late_is_seen(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [*[LAYOUTS["question/answer"]] * 150, LAYOUTS["messages"]])
    loaded = load(Source.parse(str(path)), settings(path), "")
    assert list(loaded.rows) == [Raw("", "Q", "A")] * 151
