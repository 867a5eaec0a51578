"""The loaded models answer as the probe did, and say what does not fit."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from job.asking import session as asking
from job.asking.session import Session, _show, opened, precision_here, so_far
from job.asking.source import Source, of_run
from job.errors import HostUnfit, MemoryExhausted, NotFound, SettingsError
from job.modeling.spread import is_spread
from job.modeling.stacked import Mixed
from job.settings.fields import ModelSettings
from tests.asking.conftest import SYSTEM
from tests.conftest import make_base
from tests.exporting.conftest import QUESTIONS, make_source
from tests.modeling.two_cards import two_cards

Run = tuple[Path, dict[str, str]]


@pytest.fixture(scope="module")
def source(asked_run: Run) -> Source:
    return of_run(asked_run[0], "")


@pytest.fixture(scope="module")
def session(source: Source) -> Iterator[Session]:
    with opened(source, "", "") as found:
        yield found


def test_the_tuned_model_says_what_it_said_and_is_watched(session: Session, asked_run: Run) -> None:
    for question, text in asked_run[1].items():
        shown: list[tuple[str, str, bool]] = []
        answers = session.answer(question, lambda *now: shown.append(now))  # noqa: B023
        assert answers["tuned"].text == text
        assert answers["base"].text != text
        for name, answer in answers.items():
            grown = [text for of, text, _ in shown if of == name]
            assert grown[-1] == answer.text.rstrip("\ufffd").rstrip() and len(grown) >= answer.tokens


def test_an_adapter_that_cannot_be_stacked_answers_after_the_base(
    session: Session, source: Source, asked_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, text = next(iter(asked_run[1].items()))
    base = session.answer(question, lambda *_: None)["base"]
    real = asking.generate

    def mixed(*arguments: Any, **options: Any) -> Any:
        if "entering" in options:
            raise Mixed("rows are mixed")
        return real(*arguments, **options)

    monkeypatch.setattr(asking, "generate", mixed)
    order: list[str] = []
    with opened(source, "", "") as apart:
        answers = apart.answer(question, lambda name, *_: order.append(name))
        assert apart.stack is None
    assert (answers["base"].text, answers["tuned"].text) == (base.text, text)
    assert order == sorted(order)


def test_one_model_alone_says_the_same(source: Source, asked_run: Run) -> None:
    question, text = next(iter(asked_run[1].items()))
    with opened(source, "tuned", "") as alone:
        assert {name: answer.text for name, answer in alone.answer(question, lambda *_: None).items()} == {
            "tuned": text
        }


def test_a_base_that_is_spread_over_cards_says_the_same(
    source: Source, asked_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cards(monkeypatch)
    question, text = next(iter(asked_run[1].items()))
    with opened(source, "", "") as parted:
        assert is_spread(parted.model) and parted.stack
        assert parted.answer(question, lambda *_: None)["tuned"].text == text


def test_an_adapter_with_rows_of_the_embedding_answers_too(base: Path, tmp_path: Path) -> None:
    """It is more than plain LoRA, so its layers cannot be stacked."""
    made = make_source(base, tmp_path / "adapter", save_embedding="rows")
    model = ModelSettings(base=str(base))
    source = Source(tmp_path / "adapter", model, SYSTEM, False, 12, 1.0, "float32")
    with opened(source, "", "") as session:
        answers = session.answer(QUESTIONS[0], lambda *_: None)
        assert session.stack is None
    assert answers["tuned"].ids == tuple(made.said[0].answer) != answers["base"].ids


def test_plain_texts_are_continued_without_a_template(session: Session) -> None:
    texts = replace(session, source=replace(session.source, only_texts=True))
    begin = texts.chat.text_begin + "Once upon"
    assert texts._prompt("Once upon") == session.chat.tokenizer(begin, add_special_tokens=False)["input_ids"]


def test_a_question_that_is_too_long_is_refused_with_the_numbers(session: Session) -> None:
    with pytest.raises(SettingsError, match=r"it has [\d,]+ tokens .* may have 500: the model has 512 positions"):
        session.answer("lamp " * 600, lambda *_: None)


def test_memory_that_runs_out_during_an_answer_is_62(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(asking, "generate", full)
    with pytest.raises(MemoryExhausted, match="ran out during an answer"):
        session.answer("Why?", lambda *_: None)


def test_an_adapter_of_another_base_is_refused(source: Source, tmp_path: Path) -> None:
    """peft takes the first without an error, and leaves the third layer as it is."""
    for name, shape, reason in (
        ("deep", {"num_hidden_layers": 3}, "its layers are not those of this model"),
        ("wide", {"hidden_size": 128}, "size mismatch|Error"),
    ):
        other = make_base(tmp_path / name, **shape)
        model = source.model.model_copy(update={"base": str(other)})
        with (
            pytest.raises(NotFound, match=f"belongs to another base model than .*{name}: .*({reason})"),
            opened(replace(source, model=model), "", ""),
        ):
            pass


def test_a_tokenizer_that_does_not_load_is_66(source: Source, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(NotFound, match="The tokenizer of the adapter in"):
        asking._tokenizer(replace(source, adapter=tmp_path))


def test_a_large_base_without_a_gpu_is_slow_or_does_not_fit(
    llama_3b: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(asking, "usable_cpus", lambda: 4)
    monkeypatch.setattr(asking, "main_memory_bytes", lambda: 8 * 10**9)
    with caplog.at_level(logging.WARNING):
        asking._require_main_memory(llama_3b)
    assert "may take 2.7 s on the 4 CPUs here, an answer of 100 tokens 4 minutes" in caplog.text
    monkeypatch.setattr(asking, "main_memory_bytes", lambda: 2 * 10**9)
    with pytest.raises(HostUnfit, match=r"needs 3\.2 GB of main memory; 2\.0 GB are free"):
        asking._require_main_memory(llama_3b)


def test_the_precision_is_that_of_training_where_the_machine_has_it() -> None:
    assert precision_here("bfloat16", "llama", (9, 0)) == "bfloat16"
    assert precision_here("bfloat16", "llama", (7, 5)) == "float16"
    assert precision_here("float16", "llama", (9, 0)) == "float16"
    assert precision_here("bfloat16", "llama", None) == "float32"
    assert precision_here("", "llama", (9, 0)) == "bfloat16"


def test_padding_behind_an_answer_is_not_shown(session: Session) -> None:
    """As transformers' own loop fills it in, while the other answer still grows."""
    shown: list[tuple[str, str, bool]] = []
    (word,) = session.chat.tokenizer("lamp", add_special_tokens=False)["input_ids"][:1]
    step = partial(_show, lambda *now: shown.append(now), ["base", "tuned"], [[], []], {7}, session.chat, [0, 1])
    step([7, word])
    step([0, 7])
    assert [(name, ended) for name, _, ended in shown] == [("base", True), ("tuned", False), ("tuned", True)]


def test_half_a_character_is_not_shown(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = session.chat.tokenizer("lamp é", add_special_tokens=False)["input_ids"]
    assert so_far(ids[:-1], set(), session.chat) == "lamp"
    monkeypatch.setitem(session.chat.__dict__, "opening", "lamp é\n")
    assert so_far(ids[:-1], set(), session.chat) == "", "what the template writes itself"
