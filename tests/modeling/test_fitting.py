"""Conversations and texts over the limit of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from job.modeling.chat import Chat
from job.modeling.fitting import cut, fitted, parts
from tests.modeling.chats import tokenizer_of
from tests.modeling.test_examples import said
from tests.templates import CHATML, QWEN3, Template

WORDS = "water the fern in the shade of the house " * 2
LONG = said(*(f"{number} {WORDS}" for number in range(10)), system="You know plants.")


def length(chat: Chat, row: dict[str, Any]) -> int:
    return chat.lengths([row], "answers")[0].longest


def exchanges(row: dict[str, Any]) -> list[str]:
    """The first letters of the user's turns."""
    if "question" in row:
        return [row["question"][0]]
    return [turn["content"][0] for turn in row["turns"] if turn["role"] == "user"]


@pytest.mark.parametrize("template", [CHATML, QWEN3], ids=["one-text", "row-per-answer"])
def test_as_few_exchanges_as_possible_are_cut_from_the_front(template: Template, base: Path) -> None:
    chat = Chat(tokenizer_of(template, base))
    whole = length(chat, LONG)
    for limit in (whole - 1, whole // 2):
        row = cut(chat, LONG, "answers", limit)
        assert row is not None
        assert row["system"] == "You know plants."
        assert length(chat, row) <= limit
        kept = exchanges(row)
        assert kept == ["0", "2", "4", "6", "8"][-len(kept) :]
        one_more = {**LONG, "turns": LONG["turns"][-2 * (len(kept) + 1) :]}
        assert length(chat, one_more) > limit


def test_nothing_is_cut_where_the_last_exchange_does_not_fit(base: Path) -> None:
    chat = Chat(tokenizer_of(CHATML, base))
    assert cut(chat, LONG, "answers", 20) is None
    assert cut(chat, said("Q", WORDS), "answers", 10) is None
    assert cut(chat, {"text": WORDS}, "answers", 10) is None
    alone = said("8 " + WORDS, "9 " + WORDS, system="You know plants.")
    assert cut(chat, LONG, "answers", length(chat, alone)) == alone


def test_parts_hold_as_many_exchanges_as_fit_and_every_one_once(base: Path) -> None:
    chat = Chat(tokenizer_of(CHATML, base))
    two = length(chat, {**LONG, "turns": LONG["turns"][:4]})
    found = parts(chat, LONG, "answers", two)
    assert [exchanges(row) for row in found] == [["0", "2"], ["4", "6"], ["8"]]
    (texts,) = fitted(chat, [LONG], "answers", two)
    assert [len(text.ids) for text in texts] == [length(chat, row) for row in found]
    assert fitted(chat, [LONG], "answers", length(chat, LONG)) == chat.rows([LONG], "answers")


def test_an_exchange_that_does_not_fit_is_in_no_part(base: Path) -> None:
    chat = Chat(tokenizer_of(CHATML, base))
    row = said("Q", "A", "0 " + WORDS * 5, "So.", "R", "B")
    assert [exchanges(part) for part in parts(chat, row, "answers", 40)] == [["Q"], ["R"]]
    assert parts(chat, said(WORDS, "A", WORDS, "B"), "answers", 10) == []


def test_a_long_text_is_cut_into_pieces_of_the_limit(base: Path) -> None:
    chat = Chat(tokenizer_of(CHATML, base))
    ((whole,),) = chat.rows([{"text": WORDS}], "answers")
    (texts,) = fitted(chat, [{"text": WORDS}], "answers", 8)
    assert [len(text.ids) for text in texts[:-1]] == [8] * (len(texts) - 1)
    assert [token for text in texts for token in text.ids] == whole.ids
    assert all(text.answers == ((0, len(text.ids)),) for text in texts)


def test_what_is_left_of_a_cut_conversation_ends_with_an_answer_that_is_learned(base: Path) -> None:
    chat = Chat(tokenizer_of(CHATML, base))
    row = {**LONG, "turns": [*LONG["turns"][:-1], {**LONG["turns"][-1], "weight": 0}]}
    found = cut(chat, row, "answers", length(chat, LONG) // 2)
    assert found
    assert found["turns"][-2:] == LONG["turns"][-4:-2]
