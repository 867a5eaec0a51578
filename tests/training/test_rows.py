"""Rows that teach the end of an answer, of conversations and of plain text, a piece of the file at a time."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from job.errors import SettingsError
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.template import prepare_template
from job.modeling.tokenizer import load_tokenizer
from job.runs.progress import counts
from job.settings.fields import ModelSettings
from job.training import rows as reading
from job.training.rows import read_rows
from tests.conftest import write_rows
from tests.templates import CHATML, give_template


@pytest.mark.parametrize("loss", ["answers", "last", "text"])
def test_a_row_that_does_not_learn_the_stop_token_is_refused(loss: str, base: Path, tmp_path: Path) -> None:
    """The one behind the question does not count."""
    sometimes = "{% if '<' not in m.content or m.role == 'user' %}<|im_end|>{% endif %}"
    forgets = replace(CHATML, text=CHATML.text.replace("<|im_end|>", sometimes))
    tokenizer = AutoTokenizer.from_pretrained(base)
    give_template(tokenizer, forgets)
    prepare_template(tokenizer, "", "the-base")
    chat = Chat(tokenizer)
    row = {"system": "You answer.", "question": "My lamp is broken.", "answer": "Replace it."}
    rows = [row, row | {"answer": "a <b>"}]
    assert len(read_rows(chat, write_rows(tmp_path / "train.jsonl", rows[:1]), loss, 512)) == 1
    with pytest.raises(SettingsError, match=r"<\|im_end\|>, but not that of row 2 in train\.jsonl"):
        read_rows(chat, write_rows(tmp_path / "train.jsonl", rows), loss, 512)


def test_a_call_of_a_tool_may_end_with_a_token_of_its_own(base: Path, tmp_path: Path) -> None:
    stops = "{% if m.tool_calls %}{{ m.tool_calls[0].function }}{% else %}<|im_end|>{% endif %}"
    text = CHATML.text.replace("<|im_end|>", stops)
    tokenizer = AutoTokenizer.from_pretrained(base)
    give_template(tokenizer, replace(CHATML, text=text))
    prepare_template(tokenizer, "", "the-base")
    call = {"function": {"name": "light", "arguments": '{"room": 1}'}}
    turns = [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "dim"},
        {"role": "assistant", "content": "So."},
    ]
    path = write_rows(tmp_path / "train.jsonl", [{"system": "", "turns": turns}])
    chat = Chat(tokenizer)
    assert chat.knows_calls
    (row,) = read_rows(chat, path, "answers", 512)
    (call_begin, call_end), (begin, end) = row.learned
    assert chat.stop_id not in row.ids[call_begin:call_end]
    assert chat.stop_id in row.ids[begin:end]


def test_a_conversation_is_a_row_that_learns_each_answer_and_a_long_one_several(base: Path, tmp_path: Path) -> None:
    model = ModelSettings(base=str(base))
    chat = Chat(load_tokenizer(fetch_files(model, "", weights=False), model))
    said = [f"{word} {'water it ' * 5}" for word in ("Why?", "So.", "How?", "Thus.", "When?", "Now.")]
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(said)]
    path = write_rows(tmp_path / "train.jsonl", [{"system": "", "turns": turns}, {"text": "Ferns like shade."}])
    whole, text = read_rows(chat, path, "answers", 4096)
    assert (len(whole.learned), text.learned) == (3, ((0, len(text.ids)),))
    split = read_rows(chat, path, "answers", len(whole.ids) - 1)
    assert [len(row.learned) for row in split] == [2, 1, 1]
    (last, _) = read_rows(chat, path, "last", 4096)
    assert last.learned == whole.learned[-1:]


def test_rows_are_read_in_pieces_and_hold_four_bytes_a_token(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelSettings(base=str(base))
    chat = Chat(load_tokenizer(fetch_files(model, "", weights=False), model))
    rows = [{"system": "", "question": f"Why {number}?", "answer": f"So {number}."} for number in range(7)]
    path = write_rows(tmp_path / "train.jsonl", rows)
    whole = read_rows(chat, path, "answers", 512)
    before = counts().get("rows", 0)
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 3)
    assert read_rows(chat, path, "answers", 512) == whole
    assert counts()["rows"] - before == 7
    assert [list(row.ids) for row in whole] == [tokens.ids for (tokens,) in chat.rows(rows, "answers")]
    assert {row.ids.itemsize for row in whole if isinstance(row.ids, array)} == {4}
