"""The files that the stage leaves, and what the result says of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.cleaning.stage_runs import cleaned, read
from tests.conftest import make_rows, write_rows


def test_the_files_are_what_the_result_says(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    result = cleaned(write_rows(tmp_path / "rows.jsonl", [*rows, rows[3]]), base, tmp_path)
    train, evaluation = read(tmp_path / result.train_path), read(tmp_path / result.eval_path)
    assert (len(train), len(evaluation)) == (result.train_rows, result.eval_rows) == (36, 4)
    assert set(train[0]) == {"system", "question", "answer", "source"}
    assert {row["source"] for row in train + evaluation} == {"rows.jsonl"}  # they may be published: no path
    (dropped,) = read(tmp_path / result.dropped_path)
    assert dropped["reason"] == "duplicate"
    (source,) = result.sources
    assert (source.rows_in, source.rows_out, source.layout) == (41, 40, "instruction as system prompt, input/output")
    assert result.system_prompt == "You repair things."
    assert result.longest_tokens * result.train_rows >= result.train_tokens > result.answer_tokens > 0


def test_the_hash_is_over_the_rows_of_both_files_in_their_order(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    result = cleaned(write_rows(tmp_path / "rows.jsonl", rows), base, tmp_path)
    lines = [
        line
        for path in (result.train_path, result.eval_path)
        for line in (tmp_path / path).read_bytes().splitlines(keepends=True)
    ]
    order = [row["input"] for row in rows]
    lines.sort(key=lambda line: order.index(json.loads(line)["question"]))
    assert result.sha256 == hashlib.sha256(b"".join(lines)).hexdigest()
