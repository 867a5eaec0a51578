"""The first pass: dropped rows as they were found, lengths in tokens."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize("contacts", ["mask", "keep"])
def test_a_row_that_could_not_be_read_says_where_it_stands(contacts: str, base: Path, tmp_path: Path) -> None:
    """Lines of the file, and rows of the source where the line was read; contact data is masked where it is in the rows."""
    path = write_rows(tmp_path / "rows.jsonl", make_rows(40))
    odd = {"instruction": ["Write to ana@plants.org"], "input": "Why?", "output": "So."}
    with path.open("ab") as file:
        file.write(b'\nWrite to ana@plants.org, "please" ' + b"and " * 100 + b"\n")
        file.write(json.dumps(odd).encode() + b"\n")
        file.write(b'{"instruction": "", "input": "Wh\xff?", "output": "So."}\n')
    result = cleaned(path, base, tmp_path, remove_contacts=contacts, cleaning=("qa-forum",))
    bad, listed, broken = read(tmp_path / result.dropped_path)
    name = "ana@plants.org" if contacts == "keep" else "[…]"
    assert bad["begins"].startswith(f'Write to {name}, "please" and and')
    assert 180 < len(bad.pop("begins")) <= 200
    assert bad == {"reason": "bad_json", "source": str(path), "file": "rows.jsonl", "line": 42}
    assert listed.pop("begins") == json.dumps(odd).replace("ana@plants.org", name)
    assert listed == {"reason": "not_text", "source": str(path), "row": 42}
    assert (broken["reason"], broken["row"]) == ("broken_utf8", 43)
    assert "Wh?" in broken["begins"]


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
