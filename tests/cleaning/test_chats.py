"""Chats through the whole cleaning stage: what is kept, counted, cut to the limit, and shown."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from job.errors import DataError
from job.modeling.chat import Chat
from tests.cleaning.stage_runs import cleaned, read
from tests.conftest import write_rows
from tests.templates import GEMMA, LLAMA3, QWEN3, Template, make_base_of
from tests.training.building import tokenizer_of

PLANTS = ("fern", "moss", "ivy", "palm", "fig", "yucca", "aloe", "basil", "mint", "sage", "thyme", "lemon")


def chat_of(plant: str, exchanges: int = 3) -> dict[str, Any]:
    said = [
        (f"Why is my {plant} yellow at place {number}?", f"A {plant} at place {number} wants some shade and water.")
        for number in range(exchanges)
    ]
    turns = [
        {"role": role, "content": text} for both in said for role, text in zip(("user", "assistant"), both, strict=True)
    ]
    return {"messages": [{"role": "system", "content": "You know plants."}, *turns]}


def turn(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


LIMIT = 320
"""Tokens; all of CHATS have fewer."""
CHATS = [chat_of(plant) for plant in PLANTS]


def test_every_turn_of_a_chat_is_kept_and_every_answer_marked_as_learned(base: Path, tmp_path: Path) -> None:
    result = cleaned(write_rows(tmp_path / "rows.jsonl", CHATS), base, tmp_path)
    assert (result.conversations, result.texts, result.dropped) == (12, 0, {})
    assert result.system_prompt == "You know plants."
    rows = read(tmp_path / result.train_path) + read(tmp_path / result.eval_path)
    assert {"system": "You know plants.", "turns": CHATS[0]["messages"][1:], "source": "rows.jsonl"} in rows
    shown = result.masked_rows[0]
    assert len(shown.learned) == 3
    for number, (begin, end) in enumerate(shown.learned):
        answer = "".join(shown.tokens[begin:end])
        assert answer.startswith("A ")
        assert answer.endswith(f"at place {number} wants some shade and water.<|eot_id|>")
    assert sum(end - begin for begin, end in shown.learned) * result.train_rows == pytest.approx(
        result.answer_tokens, rel=0.2
    )


@pytest.mark.parametrize("loss", ["last", "text"])
def test_the_mask_follows_the_loss(loss: str, base: Path, tmp_path: Path) -> None:
    result = cleaned(write_rows(tmp_path / "rows.jsonl", CHATS), base, tmp_path, loss=loss)
    ((begin, end),) = result.masked_rows[0].learned
    text = "".join(result.masked_rows[0].tokens[begin:end])
    assert text.count("wants") == (3 if loss == "text" else 1)


def test_cleaning_the_cleaned_rows_changes_nothing(base: Path, tmp_path: Path) -> None:
    rows = [
        *CHATS,
        {"messages": CHATS[0]["messages"][:3]},
        *({"messages": chat_of(plant, 1)["messages"]} for plant in "abc"),
    ]
    first = cleaned(write_rows(tmp_path / "rows.jsonl", rows), base, tmp_path / "one")
    assert first.conversations == 12
    kept = [*read(tmp_path / "one" / first.train_path), *read(tmp_path / "one" / first.eval_path)]
    lines = [row for row in kept if "turns" in row]
    second = cleaned(write_rows(tmp_path / "rows.jsonl", lines), base, tmp_path / "two")
    assert [source.layout for source in second.sources] == ["turns"]
    again = [*read(tmp_path / "two" / second.train_path), *read(tmp_path / "two" / second.eval_path)]
    assert sorted(map(json.dumps, again)) == sorted(map(json.dumps, lines))


def test_a_chat_over_the_limit_is_cut_split_or_dropped(base: Path, tmp_path: Path) -> None:
    rows = [*CHATS, chat_of("rose", 12)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    results = {
        way: cleaned(path, base, tmp_path / way, max_tokens=LIMIT, long_chats=way) for way in ("cut", "split", "drop")
    }
    kept = {
        way: [row for part in (result.train_path, result.eval_path) for row in read(tmp_path / way / part)]
        for way, result in results.items()
    }
    roses = {way: [row["turns"] for row in rows if "rose" in row["turns"][0]["content"]] for way, rows in kept.items()}
    assert results["drop"].dropped == {"too_many_tokens": 1}
    assert roses["drop"] == []
    (cut,) = roses["cut"]
    assert 0 < len(cut) < 24
    assert cut == rows[-1]["messages"][-len(cut) :]
    assert results["cut"].turn_notes == {"turns_over_limit": 24 - len(cut)}
    assert roses["split"] == [rows[-1]["messages"][1:]]
    assert results["split"].turn_notes == {"split_over_limit": 1}
    turns = {way: (result.turns_in, result.turns_out) for way, result in results.items()}
    assert turns == {"cut": (96, 72 + len(cut)), "split": (96, 96), "drop": (72, 72)}
    assert all(result.longest_tokens <= LIMIT and len(result.token_counts.rows) == 16 for result in results.values())


def test_a_chat_whose_last_exchange_is_over_the_limit_is_dropped(base: Path, tmp_path: Path) -> None:
    long = chat_of("rose", 2)
    long["messages"][-1]["content"] = " ".join(f"water {number}" for number in range(200))
    path = write_rows(tmp_path / "rows.jsonl", [*CHATS, long])
    result = cleaned(path, base, tmp_path, max_tokens=LIMIT)
    assert result.dropped == {"too_many_tokens": 1}
    (dropped,) = read(tmp_path / result.dropped_path)
    assert dropped["turns"] == long["messages"][1:]


def test_an_exchange_too_long_for_any_part_is_counted(base: Path, tmp_path: Path) -> None:
    """The parts are what stands before it and behind it."""
    long = chat_of("rose", 5)
    long["messages"][4]["content"] = " ".join(f"water {number}" for number in range(200))
    path = write_rows(tmp_path / "rows.jsonl", [*CHATS, long])
    result = cleaned(path, base, tmp_path, max_tokens=LIMIT, long_chats="split")
    assert result.turn_notes == {"turns_over_limit": 2, "split_over_limit": 1}
    assert (result.turns_in, result.turns_out) == (82, 80)


@pytest.mark.parametrize("repeated", ["report", "cut"])
def test_conversations_that_lose_most_of_their_turns_are_worth_a_warning(
    repeated: str, base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The passes that cut repeated sentences count no turn anew."""
    caplog.set_level(logging.WARNING, "job")
    long = [chat_of(plant, 12) for plant in PLANTS]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", long), base, tmp_path, max_tokens=LIMIT, repeated=repeated)
    assert (result.turns_in, result.turns_out) == (12 * 24, 12 * 24 - result.turn_notes["turns_over_limit"])
    (said,) = [record.getMessage() for record in caplog.records if "turns" in record.getMessage()]
    assert f"lose {result.turns_in - result.turns_out} of 288 turns, most over FINETUNE_TRAIN_MAX_TOKENS" in said
    polite = [{"messages": [*chat["messages"][:3], *turn("Bye", ""), *turn("Thanks!", "")]} for chat in CHATS]
    caplog.clear()
    result = cleaned(write_rows(tmp_path / "polite.jsonl", polite), base, tmp_path / "polite")
    assert (result.turns_in, result.turns_out, result.turn_notes) == (72, 24, {"turns_cut": 48})
    assert "lose 48 of 72 turns, most cut by rules, in exchanges: empty 24;" in caplog.text
    assert (result.rules["empty"].exchanges, result.rules["empty"].dropped) == (24, 0)
    assert result.rules["empty"].examples[0].before == "Bye\n"


def test_what_happens_to_turns_is_counted_and_logged(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    turns = chat_of("rose", 2)["messages"]
    tools = [{"name": "light", "parameters": {}}]
    odd = [
        {
            "messages": [
                turns[1],
                {"role": "user", "content": "Please."},
                *turns[2:],
                {"role": "user", "content": "Thanks"},
            ]
        },
        {
            "messages": [{"role": "assistant", "content": "Welcome!"}, *chat_of("lily", 2)["messages"][1:]],
            "tools": tools,
        },
    ]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", [*CHATS, *odd]), base, tmp_path)
    assert result.turn_notes == {"turns_merged": 1, "turn_before_user": 1, "unanswered": 1, "tools_left_out": 1}
    assert "turns=tools_left_out count=1" in caplog.text
    assert "layout='messages'" in caplog.text
    assert (
        'first_row=\'{"system": "You know plants.", "turns": [{"role": "user", "content": "Why is my fern'
        in caplog.text
    )


def test_the_first_row_in_the_log_is_short_and_names_no_contact(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    said = chat_of("rose", 2)["messages"]
    said[1]["content"] = "Write to rose@roses-and-more.org. " + "Why? " * 100
    cleaned(write_rows(tmp_path / "rows.jsonl", [{"messages": said}, *CHATS]), base, tmp_path)
    (line,) = [record.getMessage() for record in caplog.records if "first_row=" in record.getMessage()]
    assert "rose@" not in line
    assert len(line.partition("first_row=")[2]) == len("''") + 200


def test_a_template_that_writes_earlier_turns_anew_makes_a_row_per_answer(tmp_path: Path) -> None:
    folder = make_base_of(tmp_path / "base", QWEN3)
    result = cleaned(write_rows(tmp_path / "rows.jsonl", CHATS), folder, tmp_path)
    assert result.turn_notes == {"row_per_answer": 12}
    assert len(result.masked_rows[0].learned) == 1
    chat = Chat(tokenizer_of(folder))
    texts = [text for several in chat.rows(read(tmp_path / result.train_path), "answers") for text in several]
    assert result.train_tokens == sum(len(text.ids) for text in texts)
    assert result.longest_tokens == max(len(text.ids) for text in texts)


def test_a_chat_that_the_template_refuses_is_dropped_and_others_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    strict = "{% if '<' in messages[0].content %}{{ raise_exception('no tags') }}{% endif %}" + GEMMA.text
    folder = make_base_of(tmp_path / "base", GEMMA)
    template = tmp_path / "template.jinja"
    template.write_text(strict, "utf-8")
    path = write_rows(tmp_path / "rows.jsonl", [*(chat_of(plant) for plant in PLANTS), chat_of("<rose>")])
    result = cleaned(path, folder, tmp_path, template=str(template))
    assert result.dropped == {"not_rendered": 1}
    assert "no tags" in caplog.text


def test_plain_text_is_kept_and_trained_on_whole(base: Path, tmp_path: Path) -> None:
    rows = [{"text": f"A {plant} wants shade, some water, and a quiet place."} for plant in PLANTS]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", rows), base, tmp_path)
    assert (result.texts, result.conversations, result.system_prompt) == (12, 0, "")
    assert result.answer_tokens == result.train_tokens
    shown = result.masked_rows[0]
    assert shown.learned == [(0, len(shown.tokens))]
    assert "".join(shown.tokens).endswith("a quiet place.<|eot_id|>")


@pytest.mark.parametrize("loss", ["answers", "last", "text"])
def test_an_answer_of_weight_0_is_context_and_a_row_with_no_other_is_dropped(
    loss: str, base: Path, tmp_path: Path
) -> None:
    """Wherever the answer stands; training on the whole text is told apart."""
    rows = [chat_of(plant) for plant in PLANTS]
    for number, row in enumerate(rows):
        row["messages"][2 + number % 3 * 2]["weight"] = 0
    never = {"messages": [{**turn, "weight": 0} for turn in chat_of("rose")["messages"]]}
    result = cleaned(write_rows(tmp_path / "rows.jsonl", [*rows, never]), base, tmp_path, loss=loss)
    assert (result.dropped, result.train_rows + result.eval_rows) == ({"nothing_to_learn": 1}, 12)
    assert result.turn_notes == {"learned_as_text" if loss == "text" else "not_learned": 12}
    kept = read(tmp_path / result.train_path)
    for row, shown in zip(kept, result.masked_rows, strict=False):
        learned = ["".join(shown.tokens[begin:end]) for begin, end in shown.learned]
        meant = [turn["content"] for turn in row["turns"] if turn["role"] == "assistant" and "weight" not in turn]
        if loss == "text":
            assert all(text in learned[0] for text in meant)
        else:
            assert [text.removesuffix("<|eot_id|>") for text in learned] == (meant[-1:] if loss == "last" else meant)


def test_the_same_chat_twice_and_nearly_the_same_are_found(base: Path, tmp_path: Path) -> None:
    near = json.loads(json.dumps(CHATS[0]).replace("at place 2 wants", "there wants"))
    result = cleaned(write_rows(tmp_path / "rows.jsonl", [*CHATS, CHATS[0], near]), base, tmp_path)
    assert result.dropped == {"duplicate": 1}
    assert result.near_duplicate_groups == 1


def test_chats_with_pictures_or_unknown_roles_are_dropped_with_a_reason(base: Path, tmp_path: Path) -> None:
    picture = {"messages": [{"role": "user", "content": [{"type": "image"}]}, CHATS[0]["messages"][2]]}
    critic = {"messages": [{"role": "critic", "content": "No."}, *CHATS[0]["messages"][1:]]}
    result = cleaned(write_rows(tmp_path / "rows.jsonl", [*CHATS, picture, critic]), base, tmp_path)
    assert result.dropped == {"media": 1, "unknown_role": 1}
    with pytest.raises(DataError, match="media 3"):
        cleaned(write_rows(tmp_path / "rows.jsonl", [picture] * 3), base, tmp_path)


def support_chat(number: int) -> dict[str, Any]:
    """A system turn, a question that a call of a tool answers, another one, and thanks."""
    plant = PLANTS[number % len(PLANTS)]
    call = {"name": "soil", "arguments": json.dumps({"pot": number})}
    return {
        "messages": [
            {"role": "system", "content": "You look after plants and may ask the sensors."},
            {"role": "user", "content": f"Does the {plant} in pot {number} need water?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": f"c{number}", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": f"c{number}", "content": json.dumps({"moisture": number})},
            {"role": "assistant", "content": f"Yes, pot {number} is dry, so give the {plant} a cup of water."},
            {"role": "user", "content": "And how often from then on?"},
            {"role": "assistant", "content": f"Every {number + 2} days, and less in winter."},
            {"role": "user", "content": "Where should it stand?"},
            {"role": "assistant", "content": f"Put the {plant} near a window that faces east."},
        ],
        "tools": [
            {"type": "function", "function": {"name": "soil", "parameters": {"type": "object", "properties": {}}}}
        ],
    }


@pytest.mark.parametrize("template", [LLAMA3, QWEN3], ids=["one-text", "row-per-answer"])
def test_every_turn_of_the_assistant_is_trained_on_a_call_of_a_tool_too(template: Template, tmp_path: Path) -> None:
    folder = make_base_of(tmp_path / "base", template)
    rows = [support_chat(number) for number in range(20)]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", rows), folder, tmp_path, max_tokens=2048)
    assert (result.conversations, result.dropped, result.turns_in, result.turns_out) == (20, {}, 160, 160)
    assert result.system_prompt == "You look after plants and may ask the sensors."
    chat = Chat(tokenizer_of(folder))
    kept = [row for path in (result.train_path, result.eval_path) for row in read(tmp_path / path)]
    for row, texts in zip(kept, chat.rows(kept, "answers"), strict=True):
        learned = [chat.tokenizer.decode(text.ids[begin:end]) for text in texts for begin, end in text.answers]
        said = [turn["content"] or "soil" for turn in row["turns"] if turn["role"] == "assistant"]
        assert len(learned) == len(said) == 4
        assert all(text in answer for text, answer in zip(said, learned, strict=True))
        assert not any("Where should it stand" in answer or "moisture" in answer for answer in learned)
    for shown in result.masked_rows:
        marked = ["".join(shown.tokens[begin:end]) for begin, end in shown.learned]
        assert "faces east." in marked[-1]
        assert len(marked) == (4 if template is LLAMA3 else 1)
