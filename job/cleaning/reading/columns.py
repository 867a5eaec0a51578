"""Rows below a header, from files that separate fields and from sheets."""

from __future__ import annotations

import json

from job.cleaning.reading.rows import RAGGED, REPEATED_HEADER, NoRow, Row
from job.errors import DataError

LONGEST_NAME = 200
"""Characters of a column's name; a longer one is a row where the header should be."""


def header_of(fields: list[str], shown: str) -> list[str]:
    """The names of the columns; one without a name gets its number. Raises DataError (65) for what is no header."""
    names = [field.strip() for field in fields]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(
            f"The header of the source {shown} has the same name twice: {', '.join(twice)}.",
            remedy="Give each column of the file named in FINETUNE_DATA_SOURCES a name of its own.",
        )
    longest = max(names, key=len, default="")
    if not names or len(longest) > LONGEST_NAME:
        why = f"{longest[:100]!r}... cannot be the name of a column" if names else "nothing stands there"
        raise DataError(
            f"The first line of the source {shown} is no header: {why}.",
            remedy="Put a line with the names of the columns first in the file named in FINETUNE_DATA_SOURCES.",
        )
    return [name or f"column {number}" for number, name in enumerate(names, 1)]


def row_under(header: list[str], fields: list[str], file: str, line: int) -> Row:
    """Empty fields beyond the header, which spreadsheets write, are left out."""
    width = len(header)
    if len(fields) < width or any(fields[width:]):
        return NoRow.of(RAGGED, file, line, json.dumps(fields, ensure_ascii=False))
    if [field.strip() for field in fields[:width]] == header:
        return NoRow.of(REPEATED_HEADER, file, line, json.dumps(fields, ensure_ascii=False))
    return dict(zip(header, fields, strict=False))
