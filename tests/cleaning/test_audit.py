"""What the result says of rules and rows."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from job.cleaning import audit
from job.cleaning.audit import counts, masked_row, repeated_sentences, token_counts
from job.cleaning.repeated import Repeated
from job.cleaning.rules import Rules
from job.cleaning.rules.rule import Count
from job.modeling.chat import Chat
from job.results import Example, MaskedRow
from job.settings.fields import DataSettings
from job.settings.rule_file import UserRule
from job.settings.sources import Source
from tests.cleaning.stage_runs import cleaned, read
from tests.conftest import make_rows, write_rows
from tests.training.building import tokenizer_of


def test_the_result_shows_what_each_rule_did_and_what_the_limit_cost(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    rows[0]["output"] = "Please mail me at jane@plants.org now. " + rows[0]["output"]
    rows[5]["output"] = rows[5]["output"].replace(
        "Take the", "Carry it out into the yard and set it on a dry board. Take the"
    )
    path = write_rows(tmp_path / "rows.jsonl", rows)
    result = cleaned(path, base, tmp_path, max_tokens=100)  # the rows have 87 tokens each, but for the one made longer
    assert result.rules["opening"].changed >= 39
    assert result.rules["opening"].examples[-1].before.startswith("Hello, thanks for your question.")
    assert result.rules["email"].changed == 1
    assert result.rules["email"].examples == []
    assert "jane@plants.org" not in result.model_dump_json()
    counts = result.token_counts
    assert sum(counts.rows) == result.train_rows + result.eval_rows
    assert counts.rows_above == result.dropped["too_many_tokens"]
    assert counts.rows_above == 1
    assert counts.longest_above > 100
    assert len(result.rules_sha256) == 64


def test_the_masked_rows_are_what_is_trained_on(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(40))
    result = cleaned(path, base, tmp_path)
    first = read(tmp_path / result.train_path)[0]
    row = result.masked_rows[0]
    assert len(result.masked_rows) == 3
    assert first["question"] in "".join(row.tokens[: row.learned[0][0]])
    assert "".join(row.tokens[row.learned[0][0] :]).startswith(first["answer"])


def test_of_a_long_row_only_the_beginning_is_shown(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Chat(tokenizer_of(base))
    row = {"system": "", "question": "Why?", "answer": "So it is, and so it was."}
    whole = masked_row(chat, row, "answers", 256)
    monkeypatch.setattr(audit, "MOST_SHOWN", 8)
    assert masked_row(chat, row, "answers", 256) == MaskedRow(tokens=whole.tokens[:8], learned=[])


def test_lengths_are_counted_in_sixteen_steps_up_to_the_limit() -> None:
    found = token_counts(numpy.array([1, 32, 33, 512]), array("I", [513, 900]), 512)
    assert found.step == 32
    assert found.rows == [2, 1, *[0] * 13, 1]
    assert (found.rows_above, found.longest_above, found.median) == (2, 900, 32)


def test_rules_see_the_rows_that_those_before_them_left() -> None:
    tally = {"empty": Count(dropped=2), "short_answer": Count(dropped=3), "repetitive": Count(dropped=1)}
    dropped = {"bad_json": 4, "empty": 2, "short_answer": 3, "repetitive": 1, "too_many_tokens": 5, "duplicate": 6}
    found = counts(tally, 100, dropped, Rules(user_rules=(UserRule("votes", "x", False),)))
    assert {name: rule.seen for name, rule in found.items()} == {
        "empty": 96,
        "own:votes": 94,
        "short_answer": 94,
        "repetitive": 91,
    }


def test_an_example_in_which_only_the_spelling_of_a_brand_changes_is_not_shown() -> None:
    changes = [
        ("Ask Leaf Talk today.", "Ask ourforum today."),
        ("Ask Leaf Talk.\r\nMist it.", "Ask ourforum.\nMist it."),
    ]
    options = Rules(brands=("LeafTalk",))
    found = counts({"repair": Count(changed=2, examples=changes)}, 2, {}, options)["repair"].examples
    assert found == [Example(before="Ask LeafTalk.\r\nMist it.", after="Ask LeafTalk.\nMist it.")]


def test_repeated_sentences_come_by_side_and_share_with_names_masked() -> None:
    data = DataSettings(sources=(Source.parse("a/b"), Source.parse("c/d")))
    one = Repeated("answer_end", "Yours, Dr. Fern.", ("yours, dr. fern",), 30, 0.2, True)
    listed = [[replace(one, share=0.1), one, replace(one, side="question_end", cut=False)], [one]]
    found = repeated_sentences(listed, data)
    shown = [(sentence.source, sentence.side, sentence.share, sentence.fate) for sentence in found]
    assert shown == [
        ("a/b@main:train", "question_end", 0.2, "stays"),
        ("a/b@main:train", "answer_end", 0.2, "can_be_cut"),
        ("a/b@main:train", "answer_end", 0.1, "can_be_cut"),
        ("c/d@main:train", "answer_end", 0.2, "can_be_cut"),
    ]
    assert "Fern" not in found[0].text
    cut = repeated_sentences(listed, data.model_copy(update={"repeated": "cut"}))
    assert [sentence.fate for sentence in cut] == ["stays", "cut", "cut", "cut"]
    assert repeated_sentences([], data) == []
