"""Files with a row a line and its fields between separators: which separator, which header, which lines do not fit."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from job.cleaning.reading import rows
from job.cleaning.reading.columns import header_of, row_under
from job.cleaning.reading.rows import File, Row, Table, in_words
from job.cleaning.reading.text import Text, lines, open_text
from job.errors import DataError


@dataclass(frozen=True)
class Dialect:
    separator: str
    words: str
    quotes: bool = True
    """Whether a field may stand in quotes, with separators and line ends inside."""


DIALECTS = (
    Dialect(",", "comma"),
    Dialect(";", "semicolon"),
    Dialect("\t", "tab"),
    Dialect("|", "pipe"),
    Dialect("\t", "tab, quotes as text", quotes=False),
)
"""Of two that fit equally well the first is taken."""
SEPARATOR_LINE = re.compile(r"""["']?sep=(.)["']?[,;\t|]*[ ]*(?:\r\n?|\n)""", re.IGNORECASE)
"""What Excel writes and reads above the header, in files of its own."""
SNIFFED = 200
"""Records by which dialects are compared."""
ALONE = ("text", "messages", "conversations")
"""Columns that make a row by themselves. Any other that stands alone comes from a separator that was not found."""


def read_separated(file: File) -> Table:
    """Rows with the columns of the header. Raises DataError (65) if no separator fits, and for a header that is none."""
    csv.field_size_limit(rows.MOST_LINE)
    text = open_text(file)
    said = SEPARATOR_LINE.match(text.head)
    dialect = _said(said[1]) if said else _dialect_of(text)
    reader = _reader(islice(_lines_of(text), bool(said), None), dialect)
    header = header_of(next(filter(None, reader), []), file.shown)
    return Table(
        in_words(f"CSV, separator {dialect.words}", *text.facts), _rows(reader, header, text, bool(said)), tuple(header)
    )


def _said(separator: str) -> Dialect:
    known = next((dialect for dialect in DIALECTS if dialect.separator == separator), None)
    return known or Dialect(separator, repr(separator))


def _reader(some: Iterable[str], dialect: Dialect) -> Any:
    return csv.reader(
        some, delimiter=dialect.separator, quoting=csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE
    )


def _lines_of(text: Text) -> Iterator[str]:
    with text.open() as stream:
        yield from (line.replace("\0", "") for line in lines(stream, text.file))


def _dialect_of(text: Text) -> Dialect:
    """The one in which most of the first records have as many fields as the header, at least two; of equal ones the one with
    more columns, then with more records, since a quote that only opens swallows lines.

    Raises DataError (65) if there is none for half of them.
    """
    found = {dialect: _records(text, dialect) for dialect in DIALECTS}
    fits = {
        dialect: (_fitting(records) / len(records), len(records[0]), len(records))
        for dialect, records in found.items()
        if records and len(records[0]) > 1
    }
    best = max(fits, key=lambda dialect: fits[dialect], default=None)
    if best and fits[best][0] > 0.5:
        return _without_quotes(best, fits, text)
    first_line = text.head.strip().splitlines()[0]
    if not best and first_line.strip().strip('"').lower() in ALONE:
        return DIALECTS[0]
    tried = ", ".join(f"{dialect.words} ({_fit(records)})" for dialect, records in found.items())
    raise DataError(
        f"The source {text.file.shown} is no table with a separator that the job knows. Tried on its first lines: {tried}. "
        f"Read as {text.facts[0]}, it begins: {first_line[:200]!r}",
        remedy="Check the file named in FINETUNE_DATA_SOURCES: a header line with at least two columns, one of these "
        "separators, and quotes around fields that hold it. .jsonl needs none of this.",
    )


def _without_quotes(best: Dialect, fits: Mapping[Dialect, tuple[float, int, int]], text: Text) -> Dialect:
    """The same separator with quotes as text, where a field goes on behind its closing quote and no fewer records fit."""
    plain = next((other for other in DIALECTS if other.separator == best.separator and not other.quotes), best)
    goes_on = re.compile(
        rf"""(?:^|{re.escape(best.separator)})"(?:[^"\r\n]|"")*+"[^"\r\n{re.escape(best.separator)}]""", re.MULTILINE
    )
    return plain if fits.get(plain, (0.0,))[0] >= fits[best][0] and goes_on.search(text.head) else best


def _fitting(records: list[list[str]]) -> int:
    return sum(len(record) == len(records[0]) for record in records)


def _fit(records: list[list[str]]) -> str:
    if not records or len(records[0]) == 1:
        return "no second column"
    return f"{len(records[0])} columns, {_fitting(records)} of {len(records)} lines fit"


def _records(text: Text, dialect: Dialect) -> list[list[str]]:
    """The first records that are whole."""
    reader = _reader(io.StringIO(text.head.replace("\0", ""), newline=""), dialect)
    found: list[list[str]] = []
    try:
        for record in islice(filter(None, reader), SNIFFED):
            found.append(record)
    except csv.Error:  # a field without an end, which reading will name with its line
        return found
    return found if text.whole or len(found) in (1, SNIFFED) else found[:-1]


def _rows(reader: Any, header: list[str], text: Text, before: int) -> Iterator[Row]:
    """`before`: lines that the reader does not see. Raises DataError (65) with the line where a field gets too long, as behind
    a quote that nothing closes."""
    try:
        for fields in reader:
            if fields:
                yield row_under(header, fields, text.file.name, reader.line_num + before)
    except csv.Error as error:
        raise DataError(
            f"The source {text.file.shown} cannot be read at line {reader.line_num + before:,}: {error}.",
            remedy="Check that line in the file named in FINETUNE_DATA_SOURCES: a quote may be open or missing.",
        ) from error
