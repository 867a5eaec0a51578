"""Rows as text and tokens in every style of chat template: training, probe and card ask the same."""

from __future__ import annotations

import json
import logging
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from job.cleaning.stage import clean
from job.errors import SettingsError
from job.modeling.chat import Chat
from job.modeling.examples import Length
from job.modeling.files import fetch_files
from job.modeling.generation import generate
from job.modeling.template import prepare_template
from job.modeling.tokenizer import load_tokenizer
from job.publishing.cards import how_to_ask
from job.settings.fields import DataSettings, ModelSettings
from job.settings.sources import Source
from tests.conftest import make_rows, metrics_of, small_run, write_rows
from tests.modeling.chats import ROW, asked_by_the_card, cleaned_with, load, raw_tokenizer, tokenizer_of
from tests.templates import CHATML, GEMMA, LLAMA3, MISTRAL, STYLES, Template, make_base_of


def test_the_prompt_of_training_is_the_prompt_of_the_probe(base: Path) -> None:
    model = ModelSettings(base=str(base))
    chat = Chat(load_tokenizer(fetch_files(model, "", weights=False), model))
    row = {"system": "You repair things.", "question": "My lamp is broken.", "answer": "Replace it."}
    ((tokens,),) = chat.rows([row], "answers")
    ((begin, end),) = tokens.answers
    assert tokens.ids[:begin] == chat.prompt_ids(row["system"], row["question"])
    assert chat.tokenizer.decode(tokens.ids[begin:end]) == "Replace it.<|eot_id|>"


@pytest.mark.parametrize("system", ["", ROW["system"]])
@pytest.mark.parametrize("style", STYLES)
def test_training_probe_and_card_ask_the_same(style: str, system: str, base: Path) -> None:
    template = STYLES[style]
    tokenizer = tokenizer_of(template, base)
    chat = Chat(tokenizer)
    row = ROW | {"system": system}
    ((tokens,),) = chat.rows([row], "answers")
    ((begin, end),) = tokens.answers
    prompt, learned = tokens.ids[:begin], tokens.ids[begin:]
    assert prompt == chat.prompt_ids(system, row["question"])
    assert asked_by_the_card(how_to_ask(cleaned_with(chat, system)), tokenizer) == (
        chat.prompt_ids(system, "Your question"),
        tokenizer.convert_tokens_to_ids(template.stop),
    )
    assert system in tokenizer.decode(prompt)
    assert chat.stop_token == template.stop
    assert chat.stop_id in learned
    assert row["answer"] in tokenizer.decode(learned[: learned.index(chat.stop_id)])
    assert tokens.ids.count(tokenizer.bos_token_id) == (1 if "bos_token" in template.text else 0)
    assert end == len(tokens.ids)
    assert chat.lengths([row], "answers") == [Length(end, len(learned), end)]
    assert chat.framed(**row) == chat.text(**row)
    assert chat.frame(system) is not None  # none of these needs to be rendered for every row


@pytest.mark.parametrize("template", [GEMMA, MISTRAL], ids=["refuses", "drops"])
def test_without_a_system_role_the_prompt_is_the_front_of_the_first_user_turn(template: Template, base: Path) -> None:
    chat = Chat(tokenizer_of(template, base))
    assert chat.messages("Be brief.", "Why?") == [{"role": "user", "content": "Be brief.\n\nWhy?"}]
    assert chat.messages("", "Why?") == [{"role": "user", "content": "Why?"}]
    card = how_to_ask(cleaned_with(chat, "Be brief."))
    assert '{"role": "user", "content": "Be brief.\\n\\nYour question"}' in card
    assert "no system role" in card
    assert '"system"' not in card


def test_with_a_system_role_nothing_is_folded(base: Path) -> None:
    chat = Chat(tokenizer_of(LLAMA3, base))
    assert chat.messages("Be brief.", "Why?")[0] == {"role": "system", "content": "Be brief."}
    assert '{"role": "system", "content": "Be brief."}' in how_to_ask(cleaned_with(chat, "Be brief."))


def test_empty_thinking_tags_of_an_answered_chat_are_learned(base: Path) -> None:
    chat = Chat(tokenizer_of(STYLES["qwen3"], base))
    prompt, answer = chat.text(**ROW)
    assert prompt.endswith("<|im_start|>assistant\n")
    assert answer == "<think>\n\n</think>\n\nReplace it.<|im_end|>\n"
    assert chat.options == {}


def test_thinking_is_switched_off_where_only_then_the_prompt_begins_the_answered_chat(base: Path) -> None:
    chat = Chat(tokenizer_of(STYLES["thinking"], base))
    prompt, answer = chat.text(**ROW)
    assert prompt.endswith("<think></think>")
    assert answer == "Replace it.<|im_end|>\n"
    assert "enable_thinking=False" in how_to_ask(cleaned_with(chat, ""))


def test_the_log_says_once_that_the_system_prompt_is_folded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_base_of(tmp_path / "base", GEMMA)
    caplog.set_level(logging.INFO, "job")
    for system, expected in (("You repair things.", 1), ("", 0)):
        caplog.clear()
        rows = [row | {"instruction": system} for row in make_rows(40)]
        data = DataSettings(
            sources=(Source.parse(str(write_rows(tmp_path / "rows.jsonl", rows))),), min_answer_words=5, min_rows=2
        )
        result = clean(
            data, ModelSettings(base=str(folder)), max_tokens=256, loss="answers", seed=1, token="", root=tmp_path
        )
        assert result.system_in_user_turn == bool(system)
        assert result.stop_token == "<end_of_turn>"
        assert caplog.text.count("system_prompt=in_user_turn") == expected
        shown = "".join(result.masked_rows[0].tokens)
        assert (f"user\n{system}\n\nMy" if system else "user\nMy") in shown


def test_a_tokenizer_without_end_token_needs_another_stop_token(base: Path) -> None:
    with pytest.raises(SettingsError, match=r"FINETUNE_MODEL_BASE: the tokenizer of the-base has no end token"):
        tokenizer_of(MISTRAL, base, eos_token=None)
    assert Chat(tokenizer_of(GEMMA, base, eos_token=None)).stop_token == "<end_of_turn>"


@pytest.mark.parametrize("ends", [None, 7, [7, 8]])
def test_the_probe_stops_at_the_stop_token_and_at_the_models_own(ends: Any, base: Path) -> None:
    tokenizer = tokenizer_of(GEMMA, base, eos_token=None)
    stop = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    word = tokenizer("lamp", add_special_tokens=False)["input_ids"]
    seen: list[list[int]] = []

    def answer(*, input_ids: torch.Tensor, eos_token_id: list[int], **_: Any) -> torch.Tensor:
        seen.append(eos_token_id)
        return torch.cat([input_ids, torch.tensor([[*word, stop, *word]])], dim=1)

    config = types.SimpleNamespace(eos_token_id=ends)
    model = types.SimpleNamespace(generation_config=config, device="cpu", generate=answer)
    (found,) = generate(model, Chat(tokenizer), [[1, 2]], max_new_tokens=9)
    assert (found.text, found.tokens, found.stopped) == ("lamp", len(word), True)
    own = [] if ends is None else [7] if ends == 7 else [7, 8]
    assert seen == [[*own, stop]]


def test_what_the_template_opens_an_answer_with_is_no_part_of_the_probes_answer(base: Path) -> None:
    """`<think>` is no special token of Qwen3, so that decoding leaves it in, and a greeting behind it would not be seen."""
    tokenizer = tokenizer_of(STYLES["qwen3"], base)
    (said,) = tokenizer(["<think>\n\n</think>\n\nHello.<|im_end|>"], add_special_tokens=False)["input_ids"]
    model = types.SimpleNamespace(
        generation_config=types.SimpleNamespace(eos_token_id=None),
        device="cpu",
        generate=lambda input_ids, **_: torch.cat([input_ids, torch.tensor([said])], dim=1),
    )
    (found,) = generate(model, Chat(tokenizer), [[1, 2]], max_new_tokens=20)
    assert (found.text, found.stopped) == ("Hello.", True)


def test_a_begin_token_that_the_tokenizer_adds_by_itself_is_there_once(base: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = raw_tokenizer(LLAMA3, base)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", tokenizer.bos_token_id)]
    )
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    prepare_template(tokenizer, "", "the-base")
    chat = Chat(tokenizer)
    assert chat.rows([ROW], "answers")[0][0].ids.count(tokenizer.bos_token_id) == 1
    assert asked_by_the_card(how_to_ask(cleaned_with(chat, "")), tokenizer)[0].count(tokenizer.bos_token_id) == 1


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ raise_exception('not today') }}", "TemplateError: not today"),
        ("{{ 'x' ** 3 }}", "TypeError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ range(999999) }}", "OverflowError"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
    ],
)
def test_whatever_a_template_raises_is_reported_with_its_cause(text: str, cause: str, base: Path) -> None:
    with pytest.raises(SettingsError, match=f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: .* does not render: {cause}"):
        tokenizer_of(replace(CHATML, text=text), base)


def test_a_template_that_raises_for_some_rows_is_reported_too(base: Path) -> None:
    picky = "{% if '<' in messages[-1].content %}{{ raise_exception('no tags') }}{% endif %}" + CHATML.text
    chat = Chat(tokenizer_of(replace(CHATML, text=picky), base))
    assert chat.lengths([ROW], "answers")
    with pytest.raises(SettingsError, match="no tags"):
        chat.lengths([ROW, ROW | {"answer": "<b>"}], "answers")


@pytest.mark.slow
@pytest.mark.usefixtures("round_trip_here")
@pytest.mark.parametrize("tokens", [{}, {"eos_token": None, "bos_token": None}], ids=["gemma", "no-end-token"])
def test_the_whole_job_without_a_system_role(
    tokens: dict[str, None],
    command: Callable[..., int],
    rows_file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Rows bring a system prompt, the template refuses one; the second tokenizer has no end token of its own."""
    folder = make_base_of(tmp_path / "base", GEMMA, **tokens)
    output = tmp_path / "output"
    capfd.readouterr()
    assert command(small_run(folder, rows_file, output, PROBE_MAX_NEW_TOKENS="4")) == 0
    assert "".join(capfd.readouterr()).count("system_prompt=in_user_turn") == 1
    metrics = metrics_of(output)
    assert metrics["clean"]["system_prompt"] == "You repair things."
    assert metrics["clean"]["system_in_user_turn"]
    assert metrics["clean"]["stop_token"] == "<end_of_turn>"
    samples = [json.loads(line) for line in (output / "probe" / "samples.jsonl").read_text("utf-8").splitlines()]
    assert len(samples) == metrics["probe"]["eval_rows"] == 2
    assert all("You repair things." not in sample["question"] for sample in samples)
    card = (output / "adapter" / "README.md").read_text("utf-8")
    assert '{"role": "user", "content": "You repair things.\\n\\nYour question"}' in card

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(output / "adapter")
    prompt, end = asked_by_the_card(card.partition("## How to ask it")[2], tokenizer)
    assert prompt == Chat(load(folder)).prompt_ids("You repair things.", "Your question")
    assert tokenizer.decode([end]) == "<end_of_turn>"
