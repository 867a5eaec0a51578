"""Conversations as texts and tokens in every style of chat template: each answer is learned, nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from job.errors import SettingsError
from job.modeling.chat import Chat
from job.modeling.conversation import Conversation, Turn
from job.modeling.examples import Length, Tokens, one_text
from tests.modeling.chats import tokenizer_of
from tests.templates import CHATML, GEMMA, LLAMA3, PHI3, QWEN3, STYLES, Template


def chat_of(template: Template, base: Path) -> Chat:
    return Chat(tokenizer_of(template, base))


def said(*texts: str, system: str = "") -> dict[str, Any]:
    """A conversation in which user and assistant say these texts."""
    turns: list[Turn] = [
        {"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)
    ]
    return Conversation(system, tuple(turns)).row()


THREE = said("My lamp is broken.", "Replace it.", "And the bulb?", "Keep it.", "Thanks, why?", "It still works.")


def learned(chat: Chat, tokens: Tokens) -> list[str]:
    return [chat.tokenizer.decode(tokens.ids[begin:end]) for begin, end in tokens.answers]


def test_the_mask_of_a_conversation_as_made_by_hand(base: Path) -> None:
    chat = chat_of(LLAMA3, base)
    row = said("Why?", "So.", "How?", "Thus.", system="S")
    ((tokens,),) = chat.rows([row], "answers")
    pieces = [
        ("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>", False),
        (
            "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            False,
        ),
        ("So.<|eot_id|>", True),
        (
            "<|start_header_id|>user<|end_header_id|>\n\nHow?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            False,
        ),
        ("Thus.<|eot_id|>", True),
    ]
    ids: list[int] = []
    mask: list[bool] = []
    for text, is_answer in pieces:
        some = chat.tokenizer(text, add_special_tokens=False)["input_ids"]
        ids, mask = ids + some, mask + [is_answer] * len(some)
    assert tokens.ids == ids
    assert [any(begin <= place < end for begin, end in tokens.answers) for place in range(len(ids))] == mask


@pytest.mark.parametrize("style", STYLES)
def test_every_answer_is_learned_with_what_stands_before_it_at_inference(style: str, base: Path) -> None:
    """In one text, but for qwen3, which takes the thinking tags from an answer once another turn follows."""
    chat = chat_of(STYLES[style], base)
    row = THREE | {"system": "Be brief."}
    (texts,) = chat.rows([row], "answers")
    assert len(texts) == (3 if style == "qwen3" else 1)
    answers = [answer for tokens in texts for answer in learned(chat, tokens)]
    assert len(answers) == 3
    for found, text in zip(answers, ("Replace it.", "Keep it.", "It still works."), strict=True):
        assert text in found
        assert chat.stop_token in found
    assert all(map(chat.stops, texts))
    last = texts[-1]
    begin, end = last.answers[-1]
    assert last.ids[:begin] == chat.last_prompt_ids(row)
    assert end == len(last.ids)
    assert chat.lengths([row], "answers") == [
        Length(
            sum(len(tokens.ids) for tokens in texts),
            sum(end - begin for tokens in texts for begin, end in tokens.answers),
            max(len(tokens.ids) for tokens in texts),
            len(texts),
        )
    ]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("loss", ["answers", "last", "text"])
def test_the_fast_way_gives_what_rendering_gives(
    loss: str, style: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_of(STYLES[style], base)
    rows = [THREE, THREE | {"system": "S"}, said("a", "b\n\nc", "{{ 1 }}", "d <e>"), said("Q", " A", "Q", "A ")]
    fast = chat.rows(rows, loss)
    monkeypatch.setattr(Chat, "_framed_turns", lambda *_: None)
    assert chat.rows(rows, loss) == fast


@pytest.mark.parametrize("style", STYLES)
def test_plain_turns_are_not_rendered_one_by_one(style: str, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = chat_of(STYLES[style], base)
    found = chat.rows([THREE], "answers")
    monkeypatch.setattr(Chat, "_render", lambda *_, **__: pytest.fail("rendered"))
    assert chat.rows([THREE], "answers") == found


def test_the_loss_on_the_last_answer_leaves_the_others_to_the_prompt(base: Path) -> None:
    for template in (LLAMA3, QWEN3):
        chat = chat_of(template, base)
        ((tokens,),) = chat.rows([THREE], "last")
        ((begin, end),) = tokens.answers
        assert tokens.ids[:begin] == chat.last_prompt_ids(THREE)
        assert "It still works." in chat.tokenizer.decode(tokens.ids[begin:end])


def test_the_loss_on_the_text_takes_one_text_from_any_template(base: Path) -> None:
    chat = chat_of(QWEN3, base)
    ((tokens,),) = chat.rows([THREE], "text")
    assert chat.tokenizer.decode(tokens.ids).count("<think>") == 1


def test_what_a_template_writes_behind_the_last_answer_alone_is_learned_there_alone(base: Path) -> None:
    chat = chat_of(PHI3, base)
    ((tokens,),) = chat.rows([THREE], "answers")
    assert learned(chat, tokens) == ["Replace it.<|end|>", "Keep it.<|end|>", "It still works.<|end|>\n<|endoftext|>"]


def test_answers_that_a_template_writes_anew_are_no_one_text() -> None:
    assert one_text([("q", "a|"), ("qa|r", "b|")], "|") == [("q", False), ("a|", True), ("r", False), ("b|", True)]
    assert one_text([("q", "a|."), ("qa|r", "b|.")], "|") == [("q", False), ("a|", True), ("r", False), ("b|.", True)]
    assert one_text([("q", "ta|"), ("qa|r", "tb|")], "|") is None
    assert one_text([("q", "a"), ("q2", "b")], "|") is None


@pytest.mark.parametrize(
    "content",
    [
        "{{ loop.index if loop.index > 3 else '' }}{{ m.content }}",
        "{{ 'again' if loop.index == 3 else '' }}{{ m.content }}",
        "{{ m.content | upper if m.role == 'assistant' and not loop.last else m.content }}",
    ],
)
def test_a_template_that_counts_turns_or_changes_earlier_ones_is_rendered(content: str, base: Path) -> None:
    text = CHATML.text.replace("{{ m.content }}", content)
    chat = chat_of(replace(CHATML, text=text), base)
    conversation = Conversation.of(THREE)
    rendered = [chat.answered(conversation, place) for place in conversation.answers()]
    assert chat._framed_turns(conversation) is None
    answers = [answer for tokens in chat.rows([THREE], "answers")[0] for answer in learned(chat, tokens)]
    assert answers == [answer for _, answer in rendered]


def test_a_template_that_changes_the_question_of_an_answered_chat_is_refused(base: Path) -> None:
    text = CHATML.text.replace("{{ m.content }}", "{{ m.content | upper if messages | length == 4 else m.content }}")
    chat = chat_of(replace(CHATML, text=text), base)
    with pytest.raises(SettingsError, match="renders an answered question differently"):
        chat.rows([said("Why?", "So.", "How?", "Thus.")], "answers")


# --- tools and reasoning ---------------------------------------------------------------------------------------------

CALL = {"type": "function", "function": {"name": "light", "arguments": '{"room": "hall"}'}}
CALLED: dict[str, Any] = {
    "system": "",
    "turns": [
        {"role": "user", "content": "Is there light?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "dim"},
        {"role": "assistant", "content": "It is dim.", "reasoning_content": "The sensor says so."},
    ],
    "tools": '[{"type": "function", "function": {"name": "light", "parameters": {}}}]',
}
WITH_TOOLS = replace(
    CHATML,
    text="{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    + CHATML.text.replace(
        "{{ m.content }}",
        "{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}{{ m.content }}"
        "{% for c in m.tool_calls %}{% set f = c.function %}[{{ f.name }}({{ f.arguments.values() | first }})]{% endfor %}",
    ),
)


def test_a_template_with_tools_gets_tools_calls_and_reasoning(base: Path) -> None:
    chat = chat_of(WITH_TOOLS, base)
    assert (chat.takes_tools, chat.knows_calls, chat.shows_reasoning) == (True, True, True)
    ((tokens,),) = chat.rows([CALLED], "answers")
    assert learned(chat, tokens) == ["[light(hall)]<|im_end|>\n", "(The sensor says so.)It is dim.<|im_end|>\n"]
    whole = chat.tokenizer.decode(tokens.ids)
    assert '"name": "light"' in whole
    assert "<|im_start|>tool\ndim<|im_end|>" in whole


@pytest.mark.parametrize("template", [LLAMA3, GEMMA, CHATML], ids=["llama3", "gemma", "chatml"])
def test_a_template_without_tools_gets_calls_as_text(template: Template, base: Path) -> None:
    chat = chat_of(template, base)
    assert (chat.takes_tools, chat.knows_calls, chat.shows_reasoning) == (False, False, False)
    ((tokens,),) = chat.rows([CALLED], "answers")
    call, answer = learned(chat, tokens)
    assert call.startswith('{"name": "light", "arguments": {"room": "hall"}}' + chat.stop_token)
    assert answer.startswith("It is dim." + chat.stop_token)
    whole = chat.tokenizer.decode(tokens.ids)
    assert "dim" in whole
    assert "tool" not in whole
    assert "parameters" not in whole
    assert "sensor" not in whole


def test_what_two_tools_returned_is_one_turn_of_the_user(base: Path) -> None:
    chat = chat_of(GEMMA, base)
    turns = [{"role": "tool", "content": "dim"}, {"role": "tool", "content": "dark"}]
    assert chat.turns(turns) == [{"role": "user", "content": "dim\n\ndark"}]


# --- plain text ------------------------------------------------------------------------------------------------------


def test_plain_text_is_learned_whole_without_a_template(base: Path) -> None:
    chat = chat_of(CHATML, base)
    ((tokens,),) = chat.rows([{"text": "Ferns like shade."}], "answers")
    assert chat.tokenizer.decode(tokens.ids) == "Ferns like shade.<|endoftext|>"
    assert tokens.answers == ((0, len(tokens.ids)),)
    assert chat.lengths([{"text": "Ferns like shade."}], "answers") == [
        Length(len(tokens.ids), len(tokens.ids), len(tokens.ids))
    ]
    assert chat.tokenizer.decode(chat.last_prompt_ids({"text": "Ferns like shade."})) == "Ferns"


def test_plain_text_begins_as_the_tokenizer_begins_it(base: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = tokenizer_of(LLAMA3, base)
    begin = ("<|begin_of_text|>", tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[begin]
    )
    ((tokens,),) = Chat(tokenizer).rows([{"text": "Ferns"}], "answers")
    assert tokenizer.decode(tokens.ids) == "<|begin_of_text|>Ferns<|eot_id|>"
    assert tokens.answers == ((1, len(tokens.ids)),)


# --- templates of real models ----------------------------------------------------------------------------------------

REAL = {
    "llama3_1": ("<|eot_id|>", True),
    "gemma3": ("<end_of_turn>", False),
    "phi3": ("<|end|>", False),
    "qwen2_5": ("<|im_end|>", True),
    "qwen3": ("<|im_end|>", True),
    "gemma4": ("<turn|>", True),
}
"""Name among TRL's templates -> (stop token, whether it has a role for calls of tools)."""


@pytest.mark.parametrize("name", REAL)
def test_templates_of_real_models_teach_every_answer(name: str, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import trl

    path = Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja"
    if not path.exists():
        pytest.skip(f"this version of TRL has no {path.name}")
    stop, calls = REAL[name]
    chat = chat_of(replace(CHATML, text=path.read_text("utf-8"), stop=stop, end=stop), base)
    assert (chat.stop_token, chat.knows_calls) == (stop, calls)
    for row in (THREE, CALLED):
        (texts,) = chat.rows([row], "answers")
        assert sum(len(tokens.answers) for tokens in texts) == (3 if row is THREE else 2)
        last = texts[-1]
        begin, end = last.answers[-1]
        assert last.ids[:begin] == chat.last_prompt_ids(row)
        assert chat.stop_id in last.ids[begin:end]
    fast = chat.rows([THREE], "answers")
    monkeypatch.setattr(Chat, "_framed_turns", lambda *_: None)
    assert chat.rows([THREE], "answers") == fast


@pytest.mark.parametrize("style", STYLES)
def test_an_answer_of_weight_0_is_context_alone(style: str, base: Path) -> None:
    chat = chat_of(STYLES[style], base)
    for place in (1, 3, 5):
        row = said(*(turn["content"] for turn in THREE["turns"]))
        row["turns"][place]["weight"] = 0
        meant = [
            text for text in ("Replace it.", "Keep it.", "It still works.") if text != row["turns"][place]["content"]
        ]
        for loss, texts in (("answers", meant), ("last", meant[-1:])):
            (found,) = chat.rows([row], loss)
            answers = [answer for tokens in found for answer in learned(chat, tokens)]
            assert len(answers) == len(texts)
            assert all(text in answer for text, answer in zip(texts, answers, strict=True))
        before = chat.tokenizer.decode(chat.rows([row], "last")[0][-1].ids)
        assert ("Replace it." in before) and ("Keep it." in before)
    for turn in row["turns"][1::2]:
        turn["weight"] = 0
    assert chat.rows([row], "answers") == [[]]
    assert chat.lengths([row], "answers") == [Length(0, 0, 0, 0)]
