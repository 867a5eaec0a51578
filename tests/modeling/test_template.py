"""The chat template of a run: one of several, its date pinned, one begin token, a stop token."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from job.errors import NotFound, SettingsError
from job.modeling.chat import Chat
from job.modeling.template import FIXED_DATE, prepare_template
from tests.conftest import TEMPLATE
from tests.modeling.chats import LOOP, ROW, load, raw_tokenizer, tokenizer_of
from tests.modeling.spoiling import (
    BASE,
    TEMPLATE_FILE,
    Case,
    both,
    template,
    tokenizer,
    without,
)
from tests.templates import CHATML, MISTRAL, Template


def tokenizer_with(template: str | None, base: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = template
    return tokenizer


def test_the_date_in_a_template_does_not_depend_on_the_day(base: Path) -> None:
    dated = "{{ strftime_now('%d %b %Y') }} " + TEMPLATE
    tokenizer = tokenizer_with(dated, base)
    prepare_template(tokenizer, "", "base")
    assert Chat(tokenizer).prompt("", "Q").startswith(FIXED_DATE)
    prepare_template(tokenizer, "", "base")  # the saved template is the pinned one
    assert tokenizer.chat_template.count("macro strftime_now") == 1


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (None, "has no chat template"),
        ("{{ nothing.at.all }}", "does not render"),
        ("{{ messages | length }}", "renders an answered question differently"),
        ("{% for m in messages %}{{ m['role'] }}{% endfor %}", "leaves out the assistant's answer"),
    ],
)
def test_a_template_that_cannot_be_trained_on_is_a_settings_error(
    template: str | None, reason: str, base: Path
) -> None:
    with pytest.raises(SettingsError, match=reason):
        prepare_template(tokenizer_with(template, base), "", "base")


# --- stop token ------------------------------------------------------------------------------------------------------

ENDLESS = replace(
    CHATML,
    text="{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}",
)


def test_a_template_without_a_stop_token_is_refused_with_what_to_add(base: Path) -> None:
    with pytest.raises(SettingsError, match="FINETUNE_MODEL_CHAT_TEMPLATE_FILE") as caught:
        tokenizer_of(ENDLESS, base)
    assert "{{ eos_token }} (<|endoftext|> for this tokenizer) follows the assistant's content" in str(caught.value)
    assert "the-base" in str(caught.value)
    mended = ENDLESS.text.replace("\n{% endfor", "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor")
    tokenizer = raw_tokenizer(ENDLESS, base)
    prepare_template(tokenizer, mended, "the-base")
    assert Chat(tokenizer).stop_token == "<|endoftext|>"


def test_text_that_the_tokenizer_does_not_know_is_no_stop_token(base: Path) -> None:
    unknown = replace(CHATML, text=CHATML.text.replace("<|im_end|>", "<|finished|>"))
    with pytest.raises(SettingsError, match="no special token after an answer"):
        tokenizer_of(unknown, base)
    with pytest.raises(SettingsError, match="no special token after an answer"):  # nor is what it reads it as
        tokenizer_of(unknown, base, unk_token="<|endoftext|>")


# --- begin token -----------------------------------------------------------------------------------------------------


def beginning(front: str) -> Template:
    return replace(MISTRAL, text=MISTRAL.text.replace("{{ bos_token }}", front))


@pytest.mark.parametrize(
    "front", ["{{ bos_token }}<s>", "<s>{{ bos_token }}", "{{ bos_token }}\n{{- bos_token }}", "<s> {{ bos_token }}"]
)
@pytest.mark.parametrize("date", ["", "{{ strftime_now('%d') }} "])
def test_a_template_that_begins_twice_is_mended(
    front: str, date: str, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And stays as it is when it is read again, from the adapter's folder."""
    caplog.set_level(logging.INFO, "job")
    tokenizer = tokenizer_of(beginning(front + date), base)
    chat = Chat(tokenizer)
    expected = f"<s>{FIXED_DATE} [INST] Why? [/INST]" if date else "<s>[INST] Why? [/INST]"
    assert chat.prompt("", "Why?").replace("<s> ", "<s>") == expected
    assert chat.rows([ROW], "answers")[0][0].ids.count(tokenizer.bos_token_id) == 1
    assert caplog.text.count("chat_template=mended") == 1
    mended = tokenizer.chat_template
    prepare_template(tokenizer, "", "the-base")
    assert tokenizer.chat_template == mended
    assert caplog.text.count("chat_template=mended") == 1


@pytest.mark.parametrize("front", ["<s><s>", "<s>{% if messages %}{{ bos_token }}<s>{% endif %}"])
def test_a_template_that_cannot_be_mended_is_refused(front: str, base: Path) -> None:
    with pytest.raises(SettingsError, match=r"template of the-base begins a chat with <s> twice"):
        tokenizer_of(beginning(front), base)


# --- one of several --------------------------------------------------------------------------------------------------


def test_of_several_templates_the_default_is_taken(base: Path, tmp_path: Path) -> None:
    tokenizer = raw_tokenizer(CHATML, base)
    tokenizer.chat_template = {"default": CHATML.text, "tool_use": "{{ 1 / 0 }}"}
    tokenizer.save_pretrained(tmp_path)
    assert load(tmp_path).chat_template == CHATML.text
    tokenizer.chat_template = {"rag": CHATML.text, "tool_use": CHATML.text}
    with pytest.raises(SettingsError, match=r"\(rag, tool_use\) is the default"):
        prepare_template(tokenizer, "", "the-base")


def test_templates_in_a_list_as_older_tokenizers_have_them(base: Path, tmp_path: Path) -> None:
    tokenizer = raw_tokenizer(CHATML, base)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text("utf-8"))
    for templates in ([{"name": "default", "template": CHATML.text}], [{"name": "default"}], 5):
        path.write_text(json.dumps(config | {"chat_template": templates}), "utf-8")
        if templates == 5:
            with pytest.raises(SettingsError, match="has no chat template"):
                load(tmp_path)
        elif "template" in templates[0]:  # type: ignore[index]
            assert load(tmp_path).chat_template == CHATML.text
        else:
            with pytest.raises(NotFound, match=r"The tokenizer of the base model .* does not load"):
                load(tmp_path)


# --- in a run --------------------------------------------------------------------------------------------------------

CHAT = "{% for m in messages %}<|start_header_id|>{{ m['content'] }}"
CASES = (
    Case(
        "no end token",
        both(tokenizer(eos_token=None), template("{% for m in messages %}{{ m['content'] }}\n{% endfor %}")),
        64,
        (BASE, "no end token", "would never stop"),
    ),
    Case("no template", without("chat_template.jinja"), 64, (BASE, "has no chat template")),
    Case("a template that raises", template("{{ raise_exception('no!') }}"), 64, (TEMPLATE_FILE, "does not render", "no!")),
    Case("a template torn", template(CHAT), 64, (TEMPLATE_FILE, "does not render", "endfor")),
    Case("a template that loops", template(LOOP), 64, (TEMPLATE_FILE, "stopped the chat template after 1 s", "loops")),
    Case(
        "a template without the question",
        template("{% for m in messages if m.role != 'user' %}{{ m.content }}<|eot_id|>{% endfor %}"),
        64,
        (TEMPLATE_FILE, "leaves out the user's question"),
    ),
    Case(
        "a template that cuts answers",
        template("{% for m in messages %}{{ m.content[:20] }}{% if m.role == 'assistant' %}<|eot_id|>{% endif %}{% endfor %}"),
        64,
        (TEMPLATE_FILE, "leaves out the assistant's answer, or changes its words"),
    ),
    Case("a template without stop token", template(CHAT + "{% endfor %}"), 64, (TEMPLATE_FILE, "would never stop")),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_template_that_cannot_be_trained_on_in_a_run_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)
