"""JSON lines and JSON values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.cleaning.reading.rows import NoRow
from job.errors import DataError
from tests.cleaning.reading.files import read

ROWS = [{"question": f"Q {number}", "answer": "A"} for number in range(3)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.jsonl", LINES, "JSON lines, UTF-8"),
        ("a.jsonl", b"\n\n" + LINES.replace(b"\n", b"\r\n\r\n"), "JSON lines, UTF-8"),
        ("a.jsonl", json.dumps(ROWS).encode(), "a JSON array in spite of its name, UTF-8"),
        ("a.jsonl", json.dumps(ROWS, indent=2).encode(), "a JSON array in spite of its name, UTF-8"),
        ("a.json", json.dumps(ROWS).encode(), "a JSON value, UTF-8"),
        ("a.json", json.dumps({"data": ROWS}).encode(), "a JSON value, UTF-8"),
        ("a.json", json.dumps({"data": ROWS}, indent=2).encode(), "a JSON value, UTF-8"),
        ("a.json", LINES, "JSON lines in spite of its name, UTF-8"),
    ],
)
def test_what_the_file_holds_decides_and_is_said(name: str, content: bytes, found: str, tmp_path: Path) -> None:
    assert read(tmp_path, name, content) == (found, ROWS)


def test_a_list_that_is_left_out_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path, "a.json", json.dumps({"train": ROWS, "test": ROWS[:1], "tags": ["x"]}).encode())[1] == ROWS
    assert "taken=train left_out=test: to train on other lists too, write each to a file of its own" in caplog.text
    caplog.clear()
    read(tmp_path, "a.json", json.dumps({"data": ROWS, "version": 1}).encode())
    assert not caplog.text


def test_a_list_a_line_is_no_row(tmp_path: Path) -> None:
    lines = "".join(json.dumps(list(row.values())) + "\n" for row in ROWS).encode()
    assert read(tmp_path, "a.jsonl", lines) == ("JSON lines, UTF-8", ["bad_json"] * 3)


def test_a_line_that_is_no_object_costs_itself(tmp_path: Path) -> None:
    broken = [b"[1, 2]", b'"text"', b'{"question": "Q', b"null", b"[" * 10**5, b'{"question": "a\x00b"}']
    _, rows = read(tmp_path, "a.jsonl", LINES + b"\n".join(broken) + b"\n")
    assert rows == [*ROWS, *["bad_json"] * len(broken)]
    assert [(row.file, row.line) for row in rows[3:] if isinstance(row, NoRow)] == [
        ("a.jsonl", 4 + n) for n in range(6)
    ]
    assert isinstance(rows[5], NoRow) and rows[5].begins == '{"question": "Q'
    assert isinstance(rows[7], NoRow) and rows[7].begins == "[" * 400


def test_what_is_no_object_in_an_array_has_its_place(tmp_path: Path) -> None:
    _, (row, text) = read(tmp_path, "a.json", b'[{"question": "Q"}, "text"]')
    assert (row, text) == ({"question": "Q"}, "bad_json")
    assert isinstance(text, NoRow) and (text.line, text.begins) == (2, '"text"')


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.json", b'[{"question": "Q"', "it is cut off or damaged .Expecting ',' delimiter: line 1"),
        ("a.json", b'[{"question": "Q", "answer": "To the', "it is cut off or damaged .Unterminated string"),
        ("a.json", b'[{"question": "Q",}, {"question": "R"}]', "it is not valid JSON .*: line 1"),
        ("a.json", b'{"other": []}', "no list of rows"),
    ],
)
def test_a_value_that_is_no_list_of_rows_is_an_error(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=problem):
        read(tmp_path, name, content)
