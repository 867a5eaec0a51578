"""Separators, headers and lines that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.cleaning.reading.rows import NoRow
from job.errors import DataError
from tests.cleaning.reading.files import read

HEADER = {"question": "question", "answer": "answer"}


@pytest.mark.parametrize(("separator", "words"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_is_found_whatever_the_texts_hold(
    separator: str, words: str, name: str, end: str, tmp_path: Path
) -> None:
    others = "".join({",", ";", "\t", "|"} - {separator})
    row = {"question": f'Why{others}or "how"?', "answer": f"First{separator} this{end}Then, that; and | the rest."}
    quoted = separator.join('"' + field.replace('"', '""') + '"' for field in row.values())
    content = f"question{separator}answer{end}{end}" + f"{quoted}{end}" * 300
    found, rows = read(tmp_path, name, content.encode())
    assert found == f"CSV, separator {words}, UTF-8"
    assert rows == [row] * 300


def test_quotes_are_text_where_they_enclose_nothing(tmp_path: Path) -> None:
    lines = ["question\tanswer", '"Hello" means what?\t"Good day', 'Why?\tThe 19" screen is "old', '"Odd\tStill a row']
    found, rows = read(tmp_path, "rows.tsv", "\n".join(lines).encode())
    assert found == "CSV, separator tab, quotes as text, UTF-8"
    assert rows[0] == {"question": '"Hello" means what?', "answer": '"Good day'}
    assert len(rows) == 3


def test_a_field_that_goes_on_behind_its_quotes_shows_that_they_are_text(tmp_path: Path) -> None:
    lines = ["question\tanswer", *(f'What is leaf {number}?\t"Leaf" means green, {number}.' for number in range(9))]
    found, rows = read(tmp_path, "rows.tsv", "\n".join(lines).encode())
    assert found == "CSV, separator tab, quotes as text, UTF-8"
    assert rows[0] == {"question": "What is leaf 0?", "answer": '"Leaf" means green, 0.'}
    quoted = 'question\tanswer\n"Why?"\t"Two\n""odd"" lines"\n' * 3
    assert read(tmp_path, "quoted.tsv", quoted.encode())[0] == "CSV, separator tab, UTF-8"


def test_a_quote_that_only_opens_swallows_no_lines(tmp_path: Path) -> None:
    _, rows = read(tmp_path, "rows.tsv", b'question\tanswer\nQ 1\t"Well\nQ 2\tYes\nQ 3\t"No\n')
    assert [row["answer"] for row in rows if isinstance(row, dict)] == ['"Well', "Yes", '"No']


def test_lines_that_do_not_fit_cost_themselves(tmp_path: Path) -> None:
    content = b"question,answer\n" + b"Q,A\n" * 5 + b"only one\nQ,A,more\nquestion,answer\nQ,A,,\n\n"
    _, rows = read(tmp_path, "rows.csv", content)
    fits = {"question": "Q", "answer": "A"}
    assert rows == [*[fits] * 5, "ragged", "ragged", "repeated_header", fits]


@pytest.mark.parametrize(
    ("line", "separator", "words"),
    [("sep=;", ";", "semicolon"), ('"sep=\t"', "\t", "tab"), ("SEP=,", ",", "comma"), ("sep=^", "^", "'^'")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_line_in_which_excel_names_the_separator_is_no_header(
    line: str, separator: str, words: str, end: str, encoding: str, tmp_path: Path
) -> None:
    """Lines are counted with it."""
    content = end.join((line, f"question{separator}answer", f"Why{separator}So", "alone", ""))
    found, (row, alone) = read(tmp_path, "rows.csv", content.encode(encoding))
    assert found.startswith(f"CSV, separator {words}, ")
    assert row == {"question": "Why", "answer": "So"}
    assert isinstance(alone, NoRow) and (alone.line, alone.begins) == (4, '["alone"]')


def test_a_file_of_that_line_alone_has_no_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no header"):
        read(tmp_path, "rows.csv", b"sep=;\n")


def test_a_column_that_is_a_row_by_itself_needs_no_separator(tmp_path: Path) -> None:
    found, rows = read(tmp_path, "rows.csv", b'text\n"Hello, world"\nplain\n')
    assert (found, rows) == ("CSV, separator comma, UTF-8", [{"text": "Hello, world"}, {"text": "plain"}])


@pytest.mark.parametrize(
    ("content", "tried"),
    [
        (
            b"question:answer\nQ:A\n",
            r"comma \(no second column\), semicolon \(no second column\), tab .*pipe .*begins: 'question:answer'",
        ),
        (
            b"question,answer\n" + b"Well, it depends, as always, on you\n" * 9,
            r"comma \(2 columns, 1 of 10 lines fit\), semicolon \(no second column\)",
        ),
    ],
)
def test_a_separator_that_is_not_found_is_named_with_all_that_were_tried(
    content: bytes, tried: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=tried) as caught:
        read(tmp_path, "rows.csv", content)
    assert "as UTF-8" in str(caught.value)
    assert "header line with at least two columns" in caught.value.remedy


def test_a_row_longer_than_what_is_sniffed_is_read(tmp_path: Path) -> None:
    content = b"question;answer\nQ;" + b"a, b | c " * 300_000 + b"\nQ;A\n"
    found, rows = read(tmp_path, "rows.csv", content)
    assert (found, len(rows)) == ("CSV, separator semicolon, UTF-8", 2)
