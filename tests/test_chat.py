"""Chat templates as they are: system prompts, stop tokens, begin tokens, and templates that raise or do not end."""

from __future__ import annotations

import json
import logging
import signal
import threading
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from job.cleaning.stage import clean
from job.errors import NotFound, SettingsError
from job.modeling import chat as chats
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles
from job.modeling.template import FIXED_DATE, prepare_template
from job.modeling.tokenizer import load_tokenizer
from job.probing.probe import generate
from job.publishing.cards import _asking
from job.settings.fields import DataSettings, ModelSettings, ProbeSettings
from job.settings.sources import Source
from job.training.stage import _rows
from tests.conftest import make_rows, metrics_of, run_job, small_run, write_rows
from tests.templates import CHATML, GEMMA, LLAMA3, MISTRAL, STYLES, Template, give_template, make_base_of
from tests.test_report import CLEANED

ROW = {"system": "You answer questions on repairs.", "question": "My lamp is broken.", "answer": "Replace it."}


def tokenizer_of(template: Template, base: Path, **tokens: str | None) -> Any:
    """A tokenizer of this style, prepared as a run does it."""
    tokenizer = raw_tokenizer(template, base, **tokens)
    prepare_template(tokenizer, "", "the-base")
    return tokenizer


def raw_tokenizer(template: Template, base: Path, **tokens: str | None) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    give_template(tokenizer, template)
    for name, token in tokens.items():
        setattr(tokenizer, name, token)
    return tokenizer


def load(folder: Path, **model: Any) -> Any:
    return load_tokenizer(BaseFiles(folder, "the-base", ""), ModelSettings(base="the/base", **model))


def cleaned_with(chat: Chat, system: str) -> Any:
    """What the clean stage says of rows with this system prompt."""
    return CLEANED.model_copy(
        update={
            "system_prompt": system,
            "system_in_user_turn": bool(system) and chat.folds_system,
            "thinking_off": bool(chat.options),
            "stop_token": chat.stop_token,
        }
    )


def asked_by_the_card(card: str, tokenizer: Any) -> tuple[list[int], int]:
    """Prompt and end token that the card's lines give to `generate`."""
    seen: dict[str, Any] = {}

    def answer(**given: Any) -> Any:
        seen.update(given)
        return given["input_ids"]

    code = card.partition("```python\n")[2].partition("```")[0]
    exec(code, {"tokenizer": tokenizer, "model": types.SimpleNamespace(device="cpu", generate=answer)})  # noqa: S102
    return seen["input_ids"][0].tolist(), seen["eos_token_id"]


# --- every style -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", ["", ROW["system"]])
@pytest.mark.parametrize("style", STYLES)
def test_training_probe_and_card_ask_the_same(style: str, system: str, base: Path) -> None:
    template = STYLES[style]
    tokenizer = tokenizer_of(template, base)
    chat = Chat(tokenizer)
    row = ROW | {"system": system}
    tokens = chat.rows([row])[0]
    prompt, learned = tokens.ids[: tokens.prompt_length], tokens.ids[tokens.prompt_length :]
    assert prompt == chat.prompt_ids(system, row["question"])
    assert asked_by_the_card(_asking(cleaned_with(chat, system)), tokenizer) == (
        chat.prompt_ids(system, "Your question"),
        tokenizer.convert_tokens_to_ids(template.stop),
    )
    assert system in tokenizer.decode(prompt)
    assert chat.stop_token == template.stop
    assert chat.stop_id in learned
    assert row["answer"] in tokenizer.decode(learned[: learned.index(chat.stop_id)])
    assert tokens.ids.count(tokenizer.bos_token_id) == (1 if "bos_token" in template.text else 0)
    assert chat.lengths([row]) == [(len(prompt), len(learned))]
    assert chat._framed(**row) == chat.text(**row)
    assert chat._frame(system) is not None  # none of these needs to be rendered for every row


@pytest.mark.parametrize("template", [GEMMA, MISTRAL], ids=["refuses", "drops"])
def test_without_a_system_role_the_prompt_is_the_front_of_the_first_user_turn(template: Template, base: Path) -> None:
    chat = Chat(tokenizer_of(template, base))
    assert chat.messages("Be brief.", "Why?") == [{"role": "user", "content": "Be brief.\n\nWhy?"}]
    assert chat.messages("", "Why?") == [{"role": "user", "content": "Why?"}]
    card = _asking(cleaned_with(chat, "Be brief."))
    assert '{"role": "user", "content": "Be brief.\\n\\nYour question"}' in card
    assert "no system role" in card
    assert '"system"' not in card


def test_with_a_system_role_nothing_is_folded(base: Path) -> None:
    chat = Chat(tokenizer_of(LLAMA3, base))
    assert chat.messages("Be brief.", "Why?")[0] == {"role": "system", "content": "Be brief."}
    assert '{"role": "system", "content": "Be brief."}' in _asking(cleaned_with(chat, "Be brief."))


def test_empty_thinking_tags_of_an_answered_chat_are_learned(base: Path) -> None:
    chat = Chat(tokenizer_of(STYLES["qwen3"], base))
    prompt, answer = chat.text(**ROW)
    assert prompt.endswith("<|im_start|>assistant\n")
    assert answer == "<think>\n\n</think>\n\nReplace it.<|im_end|>\n"
    assert chat.options == {}


def test_thinking_is_switched_off_where_only_so_the_prompt_begins_the_answered_chat(base: Path) -> None:
    chat = Chat(tokenizer_of(STYLES["thinking"], base))
    prompt, answer = chat.text(**ROW)
    assert prompt.endswith("<think></think>")
    assert answer == "Replace it.<|im_end|>\n"
    assert "enable_thinking=False" in _asking(cleaned_with(chat, ""))


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
            data, ModelSettings(base=str(folder)), max_tokens=256, loss="answer", seed=1, token="", root=tmp_path
        )
        assert result.system_in_user_turn == bool(system)
        assert result.stop_token == "<end_of_turn>"
        assert caplog.text.count("system_prompt=in_user_turn") == expected
        shown = "".join(result.masked_rows[0].tokens)
        assert (f"user\n{system}\n\nMy" if system else "user\nMy") in shown


# --- stop token ------------------------------------------------------------------------------------------------------

ENDLESS = replace(
    CHATML,
    text="{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}",
)


def test_a_template_without_a_stop_token_is_refused_with_what_to_add(base: Path) -> None:
    with pytest.raises(SettingsError, match="FINETUNE_MODEL_CHAT_TEMPLATE_FILE") as caught:
        tokenizer_of(ENDLESS, base)
    assert "{{ eos_token }} (this tokenizer's <|endoftext|>) stands behind the assistant's content" in str(caught.value)
    assert "the-base" in str(caught.value)
    mended = ENDLESS.text.replace("\n{% endfor", "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor")
    tokenizer = raw_tokenizer(ENDLESS, base)
    prepare_template(tokenizer, mended, "the-base")
    assert Chat(tokenizer).stop_token == "<|endoftext|>"


def test_text_that_the_tokenizer_does_not_know_is_no_stop_token(base: Path) -> None:
    unknown = replace(CHATML, text=CHATML.text.replace("<|im_end|>", "<|finished|>"))
    with pytest.raises(SettingsError, match="no special token behind an answer"):
        tokenizer_of(unknown, base)
    with pytest.raises(SettingsError, match="no special token behind an answer"):  # nor is what it reads it as
        tokenizer_of(unknown, base, unk_token="<|endoftext|>")


def test_a_tokenizer_without_end_token_needs_another_stop_token(base: Path) -> None:
    with pytest.raises(SettingsError, match=r"FINETUNE_MODEL_BASE: the tokenizer of the-base has no end token"):
        tokenizer_of(MISTRAL, base, eos_token=None)
    assert Chat(tokenizer_of(GEMMA, base, eos_token=None)).stop_token == "<end_of_turn>"


def test_padding_is_never_done_with_the_stop_token(tmp_path: Path) -> None:
    """Although it is not the end token, and although the tokenizer itself pads with it."""
    folder = make_base_of(tmp_path / "base", CHATML, pad_token="<|im_end|>")
    tokenizer = load(folder, pad_token="reserved")
    assert Chat(tokenizer).stop_token == "<|im_end|>"
    assert tokenizer.eos_token == "<|endoftext|>"
    assert tokenizer.pad_token == "<|finetune_right_pad_id|>"


@pytest.mark.parametrize("loss", ["answer", "text"])
def test_a_row_that_does_not_learn_the_stop_token_is_refused(loss: str, base: Path, tmp_path: Path) -> None:
    """The one behind the question does not count."""
    sometimes = "{% if '<' not in m.content or m.role == 'user' %}<|im_end|>{% endif %}"
    forgets = replace(CHATML, text=CHATML.text.replace("<|im_end|>", sometimes))
    chat = Chat(tokenizer_of(forgets, base))
    rows = [ROW, ROW | {"answer": "a <b>"}]
    assert len(_rows(chat, write_rows(tmp_path / "train.jsonl", rows[:1]), loss)) == 1
    with pytest.raises(SettingsError, match=r"row 2 in train.jsonl with <\|im_end\|>"):
        _rows(chat, write_rows(tmp_path / "train.jsonl", rows), loss)


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
    (found,) = generate(model, tokenizer, [[1, 2]], ProbeSettings(max_new_tokens=9))
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
    (found,) = generate(model, tokenizer, [[1, 2]], ProbeSettings(max_new_tokens=20))
    assert (found.text, found.stopped) == ("Hello.", True)


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
    assert chat.rows([ROW])[0].ids.count(tokenizer.bos_token_id) == 1
    assert caplog.text.count("chat_template=mended") == 1
    mended = tokenizer.chat_template
    prepare_template(tokenizer, "", "the-base")
    assert tokenizer.chat_template == mended
    assert caplog.text.count("chat_template=mended") == 1


@pytest.mark.parametrize("front", ["<s><s>", "<s>{% if messages %}{{ bos_token }}<s>{% endif %}"])
def test_a_template_that_cannot_be_mended_is_refused(front: str, base: Path) -> None:
    with pytest.raises(SettingsError, match=r"template of the-base begins a chat with <s> twice"):
        tokenizer_of(beginning(front), base)


def test_a_begin_token_that_the_tokenizer_adds_by_itself_is_there_once(base: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = raw_tokenizer(LLAMA3, base)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", tokenizer.bos_token_id)]
    )
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    prepare_template(tokenizer, "", "the-base")
    chat = Chat(tokenizer)
    assert chat.rows([ROW])[0].ids.count(tokenizer.bos_token_id) == 1
    assert asked_by_the_card(_asking(cleaned_with(chat, "")), tokenizer)[0].count(tokenizer.bos_token_id) == 1


# --- templates that fail ---------------------------------------------------------------------------------------------

LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


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
def test_whatever_a_template_raises_is_told_with_its_cause(text: str, cause: str, base: Path) -> None:
    with pytest.raises(SettingsError, match=f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: .* does not render: {cause}"):
        tokenizer_of(replace(CHATML, text=text), base)


def test_a_template_that_raises_for_some_rows_is_told_too(base: Path) -> None:
    picky = "{% if '<' in messages[-1].content %}{{ raise_exception('no tags') }}{% endif %}" + CHATML.text
    chat = Chat(tokenizer_of(replace(CHATML, text=picky), base))
    assert chat.lengths([ROW])
    with pytest.raises(SettingsError, match="no tags"):
        chat.lengths([ROW, ROW | {"answer": "<b>"}])


def test_a_template_that_does_not_end_is_stopped(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chats, "RENDER_SECONDS", 0.2)
    tokenizer = raw_tokenizer(replace(CHATML, text=LOOP + CHATML.text), base)
    handler = signal.signal(signal.SIGPROF, lambda *_: None)
    signal.setitimer(signal.ITIMER_PROF, 1000)
    try:
        with pytest.raises(SettingsError, match=r"was stopped after 0\.2 s of computing"):
            prepare_template(tokenizer, "", "the-base")
        left, _interval = signal.setitimer(signal.ITIMER_PROF, 0)
        assert 900 < left < 1000
        assert signal.getsignal(signal.SIGPROF).__name__ == "<lambda>"  # type: ignore[union-attr]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)


def test_in_another_thread_a_template_renders_without_limit(base: Path) -> None:
    found: list[str] = []

    def work() -> None:
        found.append(Chat(tokenizer_of(CHATML, base)).stop_token)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["<|im_end|>"]


def test_of_several_templates_the_default_is_taken(base: Path, tmp_path: Path) -> None:
    tokenizer = raw_tokenizer(CHATML, base)
    tokenizer.chat_template = {"default": CHATML.text, "tool_use": "{{ 1 / 0 }}"}
    tokenizer.save_pretrained(tmp_path)
    assert load(tmp_path).chat_template == CHATML.text
    tokenizer.chat_template = {"rag": CHATML.text, "tool_use": CHATML.text}
    with pytest.raises(SettingsError, match=r"\(rag, tool_use\) none is the default"):
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
            with pytest.raises(NotFound, match="no tokenizer that loads"):
                load(tmp_path)


def test_a_damaged_tokenizer_is_told(base: Path, tmp_path: Path) -> None:
    raw_tokenizer(CHATML, base).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Other"}}', "utf-8")
    with pytest.raises(NotFound, match="no tokenizer that loads"):
        load(tmp_path)


# --- the whole job ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [{}, {"eos_token": None, "bos_token": None}], ids=["gemma", "no-end-token"])
def test_the_whole_job_without_a_system_role(tokens: dict[str, None], rows_file: Path, tmp_path: Path) -> None:
    """Rows bring a system prompt, the template refuses one; the second tokenizer has no end token of its own."""
    folder = make_base_of(tmp_path / "base", GEMMA, **tokens)
    output = tmp_path / "output"
    result = run_job(small_run(folder, rows_file, output, PROBE_MAX_NEW_TOKENS="4"))
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("system_prompt=in_user_turn") == 1
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


@pytest.mark.slow
def test_a_template_that_does_not_end_is_a_wrong_setting_before_rows_are_cleaned(
    base: Path, rows_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "chat.jinja").write_text(LOOP + CHATML.text, "utf-8")
    output = tmp_path / "output"
    result = run_job(small_run(base, rows_file, output, MODEL_CHAT_TEMPLATE_FILE=str(tmp_path / "chat.jinja")))
    assert result.returncode == 64, result.stderr
    metrics = metrics_of(output)
    assert (metrics["stage"], metrics["error"]["kind"]) == ("check", "SettingsError")
    assert "FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template was stopped after 1 s" in metrics["error"]["message"]
    assert not list(output.glob("clean*/"))
