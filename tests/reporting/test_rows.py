"""The rows whose loss changed most, and their texts."""

from __future__ import annotations

import json
from pathlib import Path

from job.reporting.rows import SHOWN, ChangedRows, read_texts, shown_rows
from job.results import RowLoss
from tests.sample_results import LOSSES, TEXTS


def loss(row: int, base: float, tuned: float) -> RowLoss:
    return RowLoss(row=row, question=row, tokens=9, base=base, tuned=tuned)


def test_worst_and_best_stand_apart() -> None:
    found = ChangedRows.of(LOSSES, TEXTS)
    assert [row.number for row in found.worst] == [8, 7, 6, 5]
    assert [row.number for row in found.best] == [1, 2, 3, 4]
    assert (found.rose, found.rows) == (1, 8)
    assert (found.worst[0].question, found.best[0].question) == ("How is number 7?", "")


def test_one_row_is_shown_once() -> None:
    found = ChangedRows.of([loss(0, 2.0, 1.0)], {})
    assert (len(found.worst), found.best) == (1, [])
    assert ChangedRows.of([], {}).rows == 0


def test_a_loss_that_is_no_number_is_left_out() -> None:
    assert ChangedRows.of([loss(0, 2.0, float("nan")), loss(1, 2.0, 1.0)], {}).rows == 1


def test_only_the_rows_that_are_shown_are_read() -> None:
    many = [loss(number, 2.0, number / 100) for number in range(100)]
    assert shown_rows(many) == {*range(SHOWN), *range(100 - SHOWN, 100)}


def test_texts_come_from_rows_of_any_kind(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hm"},
        {"role": "user", "content": "Why?"},
    ]
    rows = [
        {"question": "How?", "answer": "So."},
        {"turns": [*turns, {"role": "assistant", "content": "Thus."}]},
        {"text": "Moss " * 100},
        {"other": 1},
        {"turns": [{"role": "user", "content": "Hi"}]},
    ]
    path = tmp_path / "eval.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"torn', "utf-8")
    found = read_texts(path, range(9))
    assert found == {0: ("How?", "So."), 1: ("Why?", "Thus."), 2: ("Moss " * 20, "Moss " * 100)}
    assert read_texts(tmp_path / "missing.jsonl", {0}) == {}
