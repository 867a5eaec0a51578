"""Ollama's Modelfile: its template gives the chat template's prompts, or is left out with a reason."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from job.exporting.modelfile import Inexpressible, no_template, template_of, write_modelfile
from job.exporting.source import Source
from job.modeling.chat import Chat
from job.modeling.conversation import Conversation
from tests.modeling.chats import tokenizer_of
from tests.templates import CHATML, LLAMA3, STYLES

SYSTEM = "You repair things. Be brief: <b>."
TURNS = (
    "My lamp is dark.",
    "Change the bulb.",
    "It is {{ still }} dark, & 'why'?",
    "Then the fuse is gone.",
    "Thanks!\n\nWhich?",
)


def rendered(template: str, system: str, turns: tuple[str, ...]) -> str:
    """What Go makes of the few words that our templates use, which Jinja has too. Without `-`, neither trims blanks."""
    ends: list[str] = []

    def word(found: re.Match[str]) -> str:
        text = found[1]
        if text.startswith(("if ", "range ")):
            ends.append({"if": "{% endif %}", "range": "{% endfor %}"}[text.split()[0]])
        words = {
            "if .System": "{% if System %}",
            ".System": "{{ System }}",
            "else": "{% else %}",
            "range .Messages": "{% for m in Messages %}",
            'if eq .Role "user"': "{% if m.Role == 'user' %}",
            'else if eq .Role "assistant"': "{% elif m.Role == 'assistant' %}",
            ".Content": "{{ m.Content }}",
        }
        return ends.pop() if text == "end" else words[text]

    jinja = re.sub(r"\{\{ (.*?) \}\}", word, template)
    messages = [{"Role": ("user", "assistant")[place % 2], "Content": text} for place, text in enumerate(turns)]
    if system:
        messages.insert(0, {"Role": "system", "Content": system})
    return Environment(keep_trailing_newline=True).from_string(jinja).render(System=system, Messages=messages)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [1, 3, 5], ids=["one question", "two", "three"])
@pytest.mark.parametrize("system", [SYSTEM, ""], ids=["system", "none"])
def test_ollama_gives_the_prompts_of_the_chat_template(style: str, count: int, system: str, base: Path) -> None:
    chat = Chat(tokenizer_of(STYLES[style], base))
    template = template_of(chat)
    assert not isinstance(template, Inexpressible), template
    turns = [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate((*TURNS[:count], "An answer."))
    ]
    expected, _ = chat.answered(Conversation(system, tuple(turns)), count)
    assert rendered(template, system, TURNS[:count]) == expected


def test_a_begin_token_that_the_tokenizer_adds_is_left_to_ollama(base: Path) -> None:
    chat = Chat(tokenizer_of(LLAMA3, base))
    assert "<|begin_of_text|>" in template_of(chat)
    chat.text_begin = "<|begin_of_text|>"  # as if the tokenizer wrote it
    assert "<|begin_of_text|>" not in template_of(chat)
    chat = Chat(tokenizer_of(CHATML, base))
    chat.text_begin = "<s>"
    assert template_of(chat) == "Ollama would write <s> first, as the tokenizer does, and the chat template does not"


def test_what_ollamas_reader_leaves_out_is_not_left_to_it(base: Path, source: Source, tmp_path: Path) -> None:
    """It drops all that Go calls unprintable: a no-break space joined two words in Ollama 0.33.0."""
    tokenizer = tokenizer_of(LLAMA3, base)

    def written(system: str) -> str:
        cleaned = source.cleaned.model_copy(update={"system_prompt": system})
        write_modelfile(replace(source, cleaned=cleaned), tokenizer, tmp_path)
        return (tmp_path / "Modelfile").read_text("utf-8")

    assert 'SYSTEM """Caf\u00e9:\n\tbe brief. \u4f60\u597d \U0001f331"""' in written(
        "Caf\u00e9:\n\tbe brief. \u4f60\u597d \U0001f331"
    )
    for system, lost in (
        ("Be\u00a0brief.", "U+00A0 NO-BREAK SPACE"),
        ("\u4f60\u3000\u597d", "U+3000 IDEOGRAPHIC SPACE"),
    ):
        text = written(system)
        assert f"# No SYSTEM: Ollama would leave out {lost} of the system prompt." in text
        assert 'SYSTEM "' not in text


def test_blanks_around_the_system_prompt_stay_where_the_chat_template_leaves_them(
    base: Path, source: Source, tmp_path: Path
) -> None:
    cleaned = source.cleaned.model_copy(update={"system_prompt": " Be brief.\n"})
    for style, written in ((LLAMA3, 'SYSTEM """Be brief."""'), (CHATML, 'SYSTEM """ Be brief.\n"""')):
        write_modelfile(replace(source, cleaned=cleaned), tokenizer_of(style, base), tmp_path)
        assert written in (tmp_path / "Modelfile").read_text("utf-8")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (LLAMA3.text.replace("<|eot_id|>", "{{ loop.index0 }}<|eot_id|>"), "writes a turn differently"),
        (LLAMA3.text.replace("m.content | trim", "m.content | trim | upper"), "changes texts"),
        (LLAMA3.text.replace("\n\n", "{{ '{{' }}"), "braces or quotation marks"),
        (LLAMA3.text.replace("\n\n", "{{ '{' }}"), "braces or quotation marks"),
        (LLAMA3.text.replace("\n\n", '"""'), "braces or quotation marks"),
        (LLAMA3.text.replace("\n\n", "\u3000"), "Ollama would leave out U+3000 IDEOGRAPHIC SPACE"),
        (
            "{% if messages[0].role != 'system' %}{{ raise_exception('say who you are') }}{% endif %}" + LLAMA3.text,
            "does not render a chat without a system prompt",
        ),
    ],
    ids=[
        "counts turns",
        "upper case",
        "braces",
        "a brace before what Go fills in",
        "quotes",
        "unprintable",
        "wants a system prompt",
    ],
)
def test_what_go_cannot_say_is_left_out_with_the_reason(
    template: str, said: str, base: Path, source: Source, tmp_path: Path
) -> None:
    tokenizer = tokenizer_of(LLAMA3, base)
    tokenizer.chat_template = template
    write_modelfile(source, tokenizer, tmp_path)
    text = (tmp_path / "Modelfile").read_text("utf-8")
    assert 'TEMPLATE "' not in text
    assert said in no_template(tmp_path)
    assert 'PARAMETER stop "<|eot_id|>"' in text


def test_what_was_trained_on_plain_texts_continues_them(base: Path, source: Source, tmp_path: Path) -> None:
    rows = source.cleaned.train_rows + source.cleaned.eval_rows
    cleaned = source.cleaned.model_copy(update={"texts": rows, "system_prompt": "Be brief."})
    write_modelfile(replace(source, cleaned=cleaned), tokenizer_of(LLAMA3, base), tmp_path)
    text = (tmp_path / "Modelfile").read_text("utf-8")
    assert 'TEMPLATE """{{ .Prompt }}"""' in text
    assert "SYSTEM" not in text


def test_decoding_and_system_prompt_are_those_of_the_run(base: Path, source: Source, tmp_path: Path) -> None:
    def lines(**changes: Any) -> list[str]:
        cleaned = source.cleaned.model_copy(update={"system_prompt": changes.pop("system", "Be brief.\nBe kind.")})
        write_modelfile(replace(source, cleaned=cleaned, **changes), tokenizer_of(LLAMA3, base), tmp_path)
        return (tmp_path / "Modelfile").read_text("utf-8").splitlines()

    found = lines(repetition_penalty=1.2)
    assert found[1] == "FROM ."
    assert found[found.index('SYSTEM """Be brief.') + 1] == 'Be kind."""'
    assert {"PARAMETER temperature 0", "PARAMETER repeat_penalty 1.2", "PARAMETER num_predict 12"} <= set(found)
    assert no_template(tmp_path) == ""
    assert not [line for line in lines(system="") if 'SYSTEM "' in line]
    assert '# No SYSTEM: the system prompt holds """' in lines(system='Say """.')
