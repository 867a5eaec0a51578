"""The forms of a row."""

from __future__ import annotations

from typing import Any

import pytest

from job.modeling.conversation import Conversation, Turn, beginning, calls_of, opening_of, texts_of

pytestmark = pytest.mark.light

PAIR = {"system": "S", "question": "Q", "answer": "A"}


def turns(*texts: str) -> tuple[Turn, ...]:
    return tuple({"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts))


CALLED: tuple[Turn, ...] = (
    {"role": "user", "content": "Q"},
    {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "light", "arguments": '{"room": 1}'}}]},
    {"role": "tool", "content": "dim"},
    {"role": "assistant", "content": "A"},
)


def test_one_exchange_is_a_question_and_an_answer_and_all_else_turns() -> None:
    assert Conversation("S", turns("Q", "A")).row() == PAIR
    assert Conversation("S", turns("Q", "A"), "[1]").row() == {
        "system": "S",
        "turns": [*turns("Q", "A")],
        "tools": "[1]",
    }
    assert Conversation("", CALLED).row() == {"system": "", "turns": [*CALLED]}


@pytest.mark.parametrize(
    "conversation",
    [Conversation("S", turns("Q", "A")), Conversation("S", turns("Q", "A", "R", "B")), Conversation("", CALLED, "[1]")],
)
def test_a_row_is_read_as_it_was_written(conversation: Conversation) -> None:
    assert Conversation.of(conversation.row()) == conversation


def test_an_exchange_is_a_turn_of_the_user_with_all_that_follows() -> None:
    conversation = Conversation("S", (*CALLED, *turns("R", "B")), "[1]")
    first, second = conversation.exchanges()
    assert (first, second) == (CALLED, turns("R", "B"))
    assert conversation.part([second]) == Conversation("S", turns("R", "B"), "[1]")
    assert [*conversation.answers()] == [1, 3, 5]
    assert not conversation.alternates
    assert Conversation("S", turns("R", "B")).alternates


def test_arguments_of_a_call_are_an_object_where_they_are_one() -> None:
    for written, found in (('{"room": 1}', {"room": 1}), ("room 1", "room 1"), ("3", "3")):
        (call,) = calls_of({"tool_calls": [{"function": {"name": "light", "arguments": written}}]})
        assert call["function"] == {"name": "light", "arguments": found}
    assert calls_of({"role": "user", "content": "Q"}) == []


def test_the_texts_of_a_row_are_all_but_the_system_prompt() -> None:
    assert texts_of(PAIR) == ["Q", "A"]
    assert texts_of({"text": "T"}) == ["T"]
    assert texts_of({"system": "S", "turns": [*CALLED]}) == ["Q", 'light {"room": 1}', "dim", "A"]


@pytest.mark.parametrize(
    ("row", "opening"),
    [
        (
            {"turns": turns("Hi", "Hello!", "Why is my fern yellow?", "Sun.", "And now?", "Shade.")},
            "Hi\nWhy is my fern yellow?",
        ),
        ({"turns": turns("Hi", "Hello!", "Bye", "Bye!")}, "Hi\nBye"),
    ],
)
def test_a_conversation_opens_with_the_first_turn_that_says_something(row: dict[str, Any], opening: str) -> None:
    assert opening_of(row) == opening


def test_the_beginning_of_a_text_ends_with_a_word() -> None:
    assert beginning("Ferns like shade in summer.") == ("Ferns", " like shade in summer.")
    assert beginning("abcdef") == ("ab", "cdef")
