"""The first pass: dropped rows as they were found, lengths in tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.modeling.chat import Chat
from job.modeling.examples import Length
from job.modeling.files import fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import ModelSettings
from tests.cleaning.stage_runs import cleaned, read
from tests.conftest import make_rows, write_rows


def test_a_dropped_row_is_written_as_it_was_found(base: Path, tmp_path: Path) -> None:
    rows = [
        *make_rows(40),
        {"instruction": "You repair things.", "input": "Why?", "output": "Hello. Too short. Regards"},
    ]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", rows), base, tmp_path)
    (dropped,) = read(tmp_path / result.dropped_path)
    assert (dropped["reason"], dropped["answer"]) == ("short_answer", "Hello. Too short. Regards")


TEMPLATES = {
    "plain": "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}",
    "trims": "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
    "shouts": "{% for m in messages %}<{{ m.role }}>{{ m.content | upper }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
    "counts": "{% for m in messages %}<{{ m.role }}{{ m.content | length }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant{% endif %}",
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_lengths_are_those_of_the_rows_whatever_the_template_does(template: str, base: Path) -> None:
    model = ModelSettings(base=str(base))
    tokenizer = load_tokenizer(fetch_files(model, "", weights=False), model)
    tokenizer.chat_template = TEMPLATES[template]
    chat = Chat(tokenizer)
    rows = [
        {"system": system, "question": question, "answer": answer}
        for system in ("", "You repair things.")
        for question in ("What?", " edges ", "a\n\nb", "</think> <x>", "{{ 1 }}")
        for answer in ("It is 1.\n2.", "{%", "ends \n", "é – 'x'")
    ]
    plain = [chat.text(row["system"], row["question"], row["answer"]) for row in rows]
    assert [chat.framed(row["system"], row["question"], row["answer"]) for row in rows] == plain
    tokens = [text for (text,) in chat.rows(rows, "answers")]
    assert chat.lengths(rows, "answers") == [
        Length(len(text.ids), len(text.ids) - text.answers[0][0], len(text.ids)) for text in tokens
    ]
