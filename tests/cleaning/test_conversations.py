"""Chats as lists of turns: roles, parts, calls of tools, and what is merged or left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from job.cleaning.batch import BROKEN_UTF8, MEDIA, NOT_TEXT, UNKNOWN_ROLE, Raw
from job.cleaning.conversations import conversation
from job.cleaning.rules.registry import NOTES
from job.modeling.conversation import Conversation, Turn

pytestmark = pytest.mark.light


def user(text: Any = "Q") -> Turn:
    return {"role": "user", "content": text}


def assistant(text: Any = "A", **more: Any) -> Turn:
    return {"role": "assistant", "content": text, **more}


def system(text: str = "S") -> Turn:
    return {"role": "system", "content": text}


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([user(), assistant()], Raw("", "Q", "A")),
        ([system(), user(), assistant()], Raw("S", "Q", "A")),
        ([{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], Raw("", "Q", "A")),
        ([{"role": "Human", "content": "Q"}, {"role": "Model", "content": "A"}], Raw("", "Q", "A")),
        ([system(), {"role": "developer", "content": "T"}, user(), assistant()], Raw("S\n\nT", "Q", "A")),
        ([user(), system(), assistant()], Raw("S", "Q", "A", notes=("system_moved",))),
        ([assistant("Hello!"), user(), assistant()], Raw("", "Q", "A", notes=("turn_before_user",))),
        ([user(), assistant(), user("And?")], Raw("", "Q", "A", notes=("unanswered",))),
        ([user(), user("R"), assistant()], Raw("", "Q\n\nR", "A", notes=("turns_merged",))),
        ([user(), assistant(), assistant("B")], Raw("", "Q", "A\n\nB", notes=("turns_merged",))),
        ([user(), assistant(weight=1)], Raw("", "Q", "A")),
        ([user(), assistant(weight=0.5)], Raw("", "Q", "A", notes=("weight_ignored",))),
        (
            [user([{"type": "text", "text": "Q"}, {"type": "text", "text": "R"}]), assistant(["A"])],
            Raw("", "Q\nR", "A"),
        ),
        ([user('[{"type":"text","text":"Q"}]'), assistant()], Raw("", "Q", "A")),
        ([user('[{"type":{}}]'), assistant()], Raw("", '[{"type":{}}]', "A")),
        ([user('[{"type": 1}]'), assistant('[{"type":')], Raw("", '[{"type": 1}]', '[{"type":')),
        ([user()], Raw("", "Q", "")),
        ([assistant()], Raw("", "", "")),
        ([], Raw("", "", "")),
    ],
)
def test_one_exchange_is_a_question_and_an_answer(turns: list[Turn], found: Raw) -> None:
    assert conversation(turns) == found
    assert set(found.notes) <= {note.name for note in NOTES}


def test_every_turn_of_a_longer_chat_is_kept() -> None:
    turns = [user(), assistant(), user("Q2"), assistant("A2")]
    found = conversation([system(), *turns])
    assert found == Raw("S", conversation=Conversation("S", tuple(turns)))
    assert found.fields() == {"system": "S", "turns": turns}
    assert conversation(turns, system="S") == found


def test_an_answer_of_weight_0_keeps_it_and_gives_it_to_what_is_joined_to_it() -> None:
    turns = [user(), assistant("So?", weight=0), user(), assistant("No.", weight=1), assistant("Or so.", weight=0)]
    found = conversation(turns)
    assert found.conversation and found.notes == ("turns_merged",)
    *_, first, _, last = found.conversation.turns
    assert (first, last) == (assistant("So?", weight=0), assistant("No.\n\nOr so.", weight=0))
    assert not list(found.conversation.learned())
    assert conversation(found.fields()["turns"]) == Raw("", conversation=found.conversation)
    called = conversation([user(), {"from": "function_call", "value": '{"name": "light"}', "weight": 0}, *turns])
    assert called.conversation and called.conversation.turns[1]["weight"] == 0


CALL = {"type": "function", "function": {"name": "light", "arguments": '{"room": "hall"}'}}
CALLED = (user(), assistant("", tool_calls=[CALL]), {"role": "tool", "content": "dim"}, assistant("It is dim."))
TOOL = {"name": "light", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("turns", "tools"),
    [
        (
            [
                {"from": "human", "value": "Q"},
                {"from": "function_call", "value": '{"name": "light", "arguments": {"room": "hall"}}'},
                {"from": "observation", "value": "dim"},
                {"from": "gpt", "value": "It is dim."},
            ],
            json.dumps([TOOL]),
        ),
        (
            [user(), assistant(None, tool_calls=[CALL], weight=None), {"role": "tool", "content": "dim"}, CALLED[-1]],
            [{"type": "function", "function": TOOL}],
        ),
        (
            [
                user(),
                assistant(None, function_call=CALL["function"]),
                {"role": "function", "content": "dim"},
                CALLED[-1],
            ],
            [TOOL],
        ),
        (
            [
                user(),
                assistant("", tool_calls=[{"function": {"name": "light", "arguments": {"room": "hall", "of": None}}}]),
                {"role": "tool", "content": "dim"},
                CALLED[-1],
            ],
            [{**TOOL, "description": None}],
        ),
    ],
    ids=["sharegpt", "openai", "openai-old", "arrow"],
)
def test_calls_of_tools_have_one_form(turns: list[Turn], tools: Any) -> None:
    found = conversation(turns, tools=tools)
    assert found.conversation == Conversation("", CALLED, json.dumps([{"type": "function", "function": TOOL}]))


def test_a_call_that_is_no_json_stays_what_the_assistant_says() -> None:
    turns = [user(), {"role": "function_call", "content": "light(hall)"}]
    assert conversation(turns) == Raw("", "Q", "light(hall)")


def test_tools_alone_make_a_conversation_of_one_exchange() -> None:
    assert conversation([user(), assistant()], tools=[TOOL]).conversation
    assert conversation([user(), assistant()], tools="[]") == Raw("", "Q", "A")


@pytest.mark.parametrize(
    "turns",
    [
        [user(), {"role": "reasoning", "content": "R"}, assistant()],
        [user(), assistant(reasoning_content="R")],
        [user(), assistant(thinking="R")],
        [user(), assistant([{"type": "thinking", "thinking": "R"}, {"type": "text", "text": "A"}])],
    ],
)
def test_reasoning_belongs_to_its_answer(turns: list[Turn]) -> None:
    found = conversation(turns).conversation
    assert found == Conversation("", (user(), assistant(reasoning_content="R")))


def test_turns_of_the_assistant_in_a_row_are_one_with_all_that_they_hold() -> None:
    reasoning = {"role": "reasoning", "content": "R"}
    call = {"role": "function_call", "content": json.dumps(CALL["function"])}
    found = conversation([user(), assistant("A"), reasoning, assistant("B"), call, call]).conversation
    last = assistant("A\n\nB", reasoning_content="R", tool_calls=[CALL, CALL])
    assert found == Conversation("", (user(), last))


@pytest.mark.parametrize(
    ("turns", "fault"),
    [
        ("Q", NOT_TEXT),
        (None, NOT_TEXT),
        (["Q", "A"], NOT_TEXT),
        ([user(3), assistant()], NOT_TEXT),
        ([user([{"type": "odd"}]), assistant()], NOT_TEXT),
        ([user(), assistant("", tool_calls=[{"function": {}}])], NOT_TEXT),
        ([user([{"type": "image_url", "image_url": {"url": "x"}}]), assistant()], MEDIA),
        ([user(), {"role": "critic", "content": "No."}, assistant()], UNKNOWN_ROLE),
        ([{"content": "Q"}, assistant()], UNKNOWN_ROLE),
        ([user("\udcff"), assistant(), user(), assistant()], BROKEN_UTF8),
    ],
)
def test_what_is_no_chat_of_texts_has_a_fault(turns: Any, fault: str) -> None:
    assert conversation(turns) == Raw(fault=fault)


def test_tools_that_are_no_list_of_objects_are_a_fault() -> None:
    for tools in ("{", '{"name": "light"}', ["light"], 3):
        assert conversation([user(), assistant()], tools=tools).fault == NOT_TEXT


def test_calls_and_results_may_be_parts_of_messages() -> None:
    call = {"type": "tool_use", "id": "c1", "name": "light", "input": {"room": "hall"}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "dim"}]}
    turns = [
        user("Is there light?"),
        assistant([{"type": "text", "text": "I look."}, call]),
        user([result]),
        assistant("It is dim."),
    ]
    tools = [{"name": "light", "input_schema": {"type": "object"}}]
    found = conversation(turns, tools=tools).conversation
    assert found
    assert [turn["role"] for turn in found.turns] == ["user", "assistant", "tool", "assistant"]
    called = {"name": "light", "arguments": '{"room": "hall"}'}
    assert found.turns[1]["tool_calls"] == [{"id": "c1", "type": "function", "function": called}]
    assert found.turns[1]["content"] == "I look."
    assert found.turns[2] == {"role": "tool", "content": "dim", "tool_call_id": "c1"}
    assert json.loads(found.tools)[0]["function"] == {"name": "light", "parameters": {"type": "object"}}
    both = conversation([*turns[:2], user([result, {"type": "text", "text": "And?"}]), turns[3]]).conversation
    assert both and [turn["role"] for turn in both.turns] == ["user", "assistant", "tool", "user", "assistant"]
