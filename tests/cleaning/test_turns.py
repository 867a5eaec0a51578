"""The rules on conversations, turn by turn, and on plain text."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from job.cleaning.rules import Rules
from job.cleaning.rules.rule import Tally
from job.cleaning.turns import clean_conversation, clean_text
from job.modeling.conversation import Conversation, Turn

pytestmark = pytest.mark.light

RULES = Rules(min_answer_words=5)
FERN = ("Why is my fern yellow?", "It stands in the sun and dries out.")
MOSS = ("And my moss?", "It needs shade and water from the rain.")


def chat(*texts: str) -> Conversation:
    return Conversation(
        "S", tuple({"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts))
    )


def cleaned(conversation: Conversation, rules: Rules = RULES) -> tuple[dict[str, Any], str, Counter[str], Tally]:
    notes: Counter[str] = Counter()
    tally: Tally = {}
    row, reason = clean_conversation(conversation, rules, tally, notes)
    return row, reason, notes, tally


def said(row: dict[str, Any]) -> list[str]:
    return [row["question"], row["answer"]] if "question" in row else [turn["content"] for turn in row["turns"]]


def test_every_turn_is_cleaned_and_the_row_counts_once() -> None:
    greeted = chat(
        FERN[0], f"Hello. {FERN[1]} Regards", f"{MOSS[0]} Write to me at fern@ferns-and-more.org", f"Hello. {MOSS[1]}"
    )
    row, reason, notes, tally = cleaned(greeted)
    assert (reason, notes) == ("", Counter())
    first, second, third, fourth = said(row)
    assert (first, second, fourth) == (FERN[0], FERN[1], MOSS[1])
    assert "fern@" not in third
    assert tally["opening"].changed == 1
    assert len(tally["opening"].examples) == 2
    again, *rest = cleaned(Conversation.of(row))
    assert again == row
    assert rest[1:] == [Counter(), {}]


def test_the_system_prompt_is_part_of_what_is_asked() -> None:
    letter = f"Dear Mrs. Moss, {FERN[1]} All the best!"
    turns = chat(FERN[0], letter, MOSS[0], letter).turns
    assert said(cleaned(Conversation("Answer the customer's letter.", turns))[0])[1::2] == [letter, letter]
    assert letter not in said(cleaned(Conversation("Be brief.", turns))[0])


def test_only_the_longest_answer_has_to_be_long_enough() -> None:
    row, reason, *_ = cleaned(chat(*FERN, "Is it?", "Yes."))
    assert (reason, said(row)) == ("", [*FERN, "Is it?", "Yes."])
    row, reason, notes, tally = cleaned(chat("Is it?", "Yes.", "Really?", "Really."))
    assert (reason, notes) == ("short_answer", Counter())
    assert {name: (count.dropped, count.changed) for name, count in tally.items()} == {"short_answer": (1, 0)}
    assert said(row) == ["Is it?", "Yes.", "Really?", "Really."]


def test_exchanges_at_the_end_that_must_go_are_cut() -> None:
    row, reason, notes, tally = cleaned(chat(*FERN, "Thanks!", "You are welcome. Regards", "Bye", ""))
    assert (reason, row) == ("", {"system": "S", "question": FERN[0], "answer": FERN[1]})
    assert notes == {"turns_cut": 4}
    assert {name: (count.exchanges, count.dropped) for name, count in tally.items()} == {
        "nothing_but_boilerplate": (1, 0),
        "empty": (1, 0),
    }
    assert tally["nothing_but_boilerplate"].examples == [("Thanks!\nYou are welcome. Regards", "")]


def test_greetings_at_the_beginning_are_cut() -> None:
    row, reason, notes, _ = cleaned(chat("Hi", "Hello.", *FERN, *MOSS))
    assert (reason, said(row)) == ("", [*FERN, *MOSS])
    assert notes == {"turns_cut": 2}


@pytest.mark.parametrize(
    "thanks", [("Thanks!", "You're welcome!"), ("Great, that helps.", "I am glad to help. Take care!")]
)
def test_thanks_in_the_middle_are_cut_and_the_rest_stays(thanks: tuple[str, str]) -> None:
    row, reason, notes, tally = cleaned(chat(*FERN, *thanks, *MOSS))
    assert (reason, said(row)) == ("", [*FERN, *MOSS])
    assert notes == {"turns_cut": 2}
    assert tally["nothing_but_boilerplate"].exchanges == 1
    assert cleaned(Conversation.of(row))[0] == row


def test_thanks_after_a_call_in_the_middle_are_not_cut_from_it() -> None:
    call = {"function": {"name": "light", "arguments": "{}"}}
    turns: list[Turn] = [
        {"role": "user", "content": "Is there light?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "dim"},
        {"role": "assistant", "content": "You're welcome!"},
    ]
    row, reason, notes, _ = cleaned(Conversation("", (*chat(*FERN).turns, *turns, *chat(*MOSS).turns)))
    assert (reason, notes) == ("nothing_but_boilerplate", Counter())
    assert len(row["turns"]) == 8


def test_a_conversation_goes_with_an_exchange_in_its_middle_or_with_all() -> None:
    for texts in ((*FERN, "And?", "", *MOSS), ("", "", *FERN), ("And?", "", "And?", "")):
        row, reason, notes, tally = cleaned(chat(*texts))
        assert (reason, notes) == ("empty", Counter())
        assert said(row) == list(texts)
        assert tally["empty"].dropped == 1
    assert cleaned(chat("Q", "A" * 60_000, "Q", "A" * 60_000))[1] == "enormous"


def test_calls_and_what_tools_returned_stay_as_they_are() -> None:
    call = {"function": {"name": "light", "arguments": '{"at": "fern@ferns-and-more.org"}'}}
    turns: tuple[Turn, ...] = (
        {"role": "user", "content": "Is there light? Write to fern@ferns-and-more.org"},
        {"role": "assistant", "content": "Hello.", "tool_calls": [call]},
        {"role": "tool", "content": "Hello. fern@ferns-and-more.org"},
    )
    answer: Turn = {"role": "assistant", "content": "Hello. It is dim.", "reasoning_content": "Hello."}
    row, reason, *_ = cleaned(Conversation("", (*turns, answer)))
    assert reason == ""
    assert row["turns"][1:3] == list(turns[1:])
    assert row["turns"][3] == {**answer, "content": "It is dim."}
    assert "fern@" not in row["turns"][0]["content"]
    row, reason, *_ = cleaned(Conversation("", turns[:2]))
    assert (reason, row["turns"][1]) == ("", turns[1])
    assert "fern@" not in row["turns"][0]["content"]


def test_plain_text_is_cleaned_as_an_answer_is() -> None:
    tally: Tally = {}
    assert clean_text("Ferns like shade, and water\\u00a0too.", RULES, tally) == (
        {"text": "Ferns like shade, and water too."},
        "",
    )
    assert clean_text("Ferns.", RULES, tally)[1] == "short_answer"
    assert {name: count.dropped for name, count in tally.items() if count.dropped} == {"short_answer": 1}
