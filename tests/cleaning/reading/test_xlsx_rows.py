"""Workbooks, and what only looks like one."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from job.cleaning.reading import xlsx_rows
from job.cleaning.reading.rows import NoRow
from job.errors import DataError
from tests.cleaning.reading.files import read

SHEET = "xl/worksheets/sheet1.xml"


def workbook(*rows: list[Any], more: tuple[str, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Rows"
    for row in rows:
        sheet.append(row)
    for name in more:
        book.create_sheet(name)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def altered(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """A workbook in which one part reads otherwise."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            found = before.read(name)
            after.writestr(name, found.replace(old, new) if name == part else found)
    return changed.getvalue()


def test_the_first_sheet_is_read_as_text(tmp_path: Path) -> None:
    content = workbook(
        [None, None],
        ["question", "answer", "note"],
        ["Why?", "Two\nlines_x000D_, one.", None],
        [None, None, None],
        [42, 1.5, datetime.date(2024, 2, 29)],
        [7.0, True, datetime.datetime(2024, 2, 29, 8, 30)],
        ["question", "answer", "note"],
        ["Q", "A", "n", "beyond the header"],
        more=("Notes",),
    )
    found, rows = read(tmp_path, "rows.xlsx", content)
    assert found == "XLSX, sheet 'Rows' (first of 2)"
    assert rows == [
        {"question": "Why?", "answer": "Two\nlines\r, one.", "note": ""},
        {"question": "42", "answer": "1.5", "note": "2024-02-29"},
        {"question": "7", "answer": "TRUE", "note": "2024-02-29 08:30:00"},
        "repeated_header",
        "ragged",
    ]
    assert [row.line for row in rows if isinstance(row, NoRow)] == [7, 8]


def test_a_wrong_size_in_the_sheet_hides_no_row(tmp_path: Path) -> None:
    content = workbook(["question", "answer"], *[["Q", "A"]] * 5)
    _, rows = read(tmp_path, "rows.xlsx", altered(content, SHEET, b'ref="A1:B6"', b'ref="A1"'))
    assert rows == [{"question": "Q", "answer": "A"}] * 5


def test_what_would_unpack_to_too_much_is_refused_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_rows, "MOST_UNPACKED", 1_000_000)
    content = altered(
        workbook(["question", "answer"], ["Q", "A"]), SHEET, b"<sheetData>", b"<sheetData>" + b" " * 10**6
    )
    assert len(content) < 20_000
    with pytest.raises(DataError, match=r"would unpack to 1,\d\d\d,\d\d\d bytes, more than 1,000,000") as caught:
        read(tmp_path, "rows.xlsx", content)
    assert "CSV" in caught.value.remedy


def test_a_row_number_that_no_sheet_has_does_not_keep_the_job_busy(tmp_path: Path) -> None:
    content = workbook(["question", "answer"], ["Q", "A"], ["Q", "A"])
    _, rows = read(tmp_path, "rows.xlsx", altered(content, SHEET, b'<row r="3"', b'<row r="999999999999"'))
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (workbook(["question", "answer"])[:-200], "cut off or damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Office document with a password"),
        (b"question,answer\nQ,A\n", "something that begins with b'question,answer"),
        (b"%PDF-1.7", "a PDF"),
        (workbook(), "first sheet of the source .*rows.xlsx, 'Rows', is empty"),
        (workbook(["question", "question"]), "the same name twice: question"),
    ],
)
def test_what_is_no_workbook_with_rows_is_named(content: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read(tmp_path, "rows.xlsx", content)
    assert "FINETUNE_DATA_SOURCES" in caught.value.remedy


def test_another_zip_archive_is_no_workbook(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    with pytest.raises(DataError, match="zip archive without a workbook"):
        read(tmp_path, "rows.xlsx", content.getvalue())


def test_a_title_above_the_header_is_no_header(tmp_path: Path) -> None:
    content = workbook(["Fern care"], [], ["question", "answer"], ["Q", "A"], ["R", "B"])
    found, rows = read(tmp_path, "rows.xlsx", content)
    assert found == "XLSX, sheet 'Rows', below the title 'Fern care'"
    assert rows == [{"question": "Q", "answer": "A"}, {"question": "R", "answer": "B"}]
    alone = read(tmp_path, "text.xlsx", workbook(["text"], ["Ferns like shade."], ["Moss too."]))
    assert alone[1] == [{"text": "Ferns like shade."}, {"text": "Moss too."}]
