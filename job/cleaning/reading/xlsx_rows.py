"""Workbooks: the rows of the first sheet, as text."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from itertools import chain
from typing import Any

from job.cleaning.reading.columns import header_of, row_under
from job.cleaning.reading.rows import File, Row, Table
from job.cleaning.reading.text import require_kind
from job.errors import DataError

MOST_UNPACKED = 500_000_000
"""Bytes of a workbook's parts when unpacked. All different texts of a sheet are in memory at once."""
MOST_TITLE = 60
"""Characters of a title above the header that the log shows."""
MOST_ROWS = 1_048_576
"""Of a sheet in Excel. A row with a higher number would be preceded by as many empty ones."""


def read_workbook(file: File) -> Table:
    """The first line with something in it is the header, unless it is one title above several columns; lines without anything
    are left out.

    Raises DataError (65) for what is no workbook, has a password, would unpack to too much, or whose first sheet is empty.
    """
    _require_workbook(file)
    import openpyxl  # 0.2 s

    with warnings.catch_warnings(action="ignore"):  # of styles and validations, which no row needs
        book = openpyxl.load_workbook(file.open(), read_only=True, data_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # some writers record a wrong size, to which openpyxl would cut
    records = _records(sheet)
    _, first = next(records, (0, None))
    if first is None:
        raise DataError(
            f"The first sheet of the source {file.shown}, {sheet.title!r}, is empty.",
            remedy="Put the rows of the file named in FINETUNE_DATA_SOURCES into its first sheet.",
        )
    second = next(records, None)
    below = ""
    if second and len(first) == 1 and len(second[1]) > 1:
        below, first, second = f", below the title {first[0][:MOST_TITLE]!r}", second[1], None
    header = header_of(first, file.shown)
    records = chain([second] if second else [], records)
    more = f" (first of {len(book.worksheets)})" if len(book.worksheets) > 1 else ""
    return Table(f"XLSX, sheet {sheet.title!r}{more}{below}", _rows(records, header, file), tuple(header))


def _require_workbook(file: File) -> None:
    """Raises DataError (65)."""
    with file.open() as stream:
        begin = stream.read(100)
        require_kind(begin, file, but=b"PK\x03\x04")
        with zipfile.ZipFile(stream) as parts:
            sizes = {
                part.filename: part.file_size for part in parts.infolist()
            }  # no more is unpacked than is said here
    if "xl/workbook.xml" not in sizes:
        raise DataError(f"The source {file.shown} is not what its name says: it is a zip archive without a workbook.")
    unpacked = sum(size for name, size in sizes.items() if name.endswith(".xml"))
    if unpacked > MOST_UNPACKED:
        raise DataError(
            f"The source {file.shown} would unpack to {unpacked:,} bytes, more than {MOST_UNPACKED:,}.",
            remedy="Save the sheet as CSV, which is read row by row.",
        )


def _records(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """(number, fields) of lines with something in them, without the empty cells at their ends."""
    for number, cells in enumerate(sheet.iter_rows(values_only=True, max_row=MOST_ROWS), 1):
        fields = [_as_text(value) for value in cells]
        while fields and not fields[-1]:
            fields.pop()
        if fields:
            yield number, fields


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        from openpyxl.utils.escape import unescape

        return str(unescape(value)) if "_x" in value else value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return str(value.date())  # a day has no time in Excel, and openpyxl gives it midnight
    return str(value)  # other numbers, dates and times


def _rows(records: Iterator[tuple[int, list[str]]], header: list[str], file: File) -> Iterator[Row]:
    for number, fields in records:
        yield row_under(header, fields + [""] * (len(header) - len(fields)), file.name, number)
