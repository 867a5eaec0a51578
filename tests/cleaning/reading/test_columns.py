"""Rows below a header."""

from __future__ import annotations

import json

import pytest

from job.cleaning.reading.columns import header_of, row_under
from job.cleaning.reading.rows import NoRow
from job.errors import DataError

HEADER = ["question", "answer"]


def test_a_column_without_a_name_gets_its_number() -> None:
    assert header_of(["", " question ", "answer", ""], "rows.csv") == ["column 1", "question", "answer", "column 4"]


def test_a_name_that_stands_twice_is_named() -> None:
    with pytest.raises(DataError, match=r"header of the source rows.csv has the same name twice: answer\.") as caught:
        header_of(["question", "answer", "answer "], "rows.csv")
    assert "FINETUNE_DATA_SOURCES" in caught.value.remedy


def test_a_row_in_place_of_the_header_is_shown() -> None:
    with pytest.raises(DataError, match=r"first line of the source rows.csv is no header: 'Water it") as caught:
        header_of(["Why?", "Water it once a week. " * 10], "rows.csv")
    assert "names of the columns" in caught.value.remedy


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        (["Q", "A"], {"question": "Q", "answer": "A"}),
        (["Q", "A", "", ""], {"question": "Q", "answer": "A"}),
        (["Q"], "ragged"),
        (["Q", "A", "more"], "ragged"),
        (["question", "answer "], "repeated_header"),
    ],
)
def test_a_line_is_a_row_or_says_why_it_is_none(fields: list[str], row: object) -> None:
    found = row_under(HEADER, fields, "rows.csv", 7)
    assert found == row
    if isinstance(found, NoRow):
        assert (found.file, found.line, json.loads(found.begins)) == ("rows.csv", 7, fields)
