"""What every reader takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

BAD_JSON, RAGGED, REPEATED_HEADER = "bad_json", "ragged", "repeated_header"
"""Why a line is no row; reasons of the registry."""
READ = 400
"""Characters of a line that is no row; half of them are shown once contact data is masked, so that none is cut in two."""


class NoRow(str):
    """The reason why a line is no row, with where it stands and how it begins."""

    file: str
    line: int
    """From 1; of a JSON array the place."""
    begins: str

    @classmethod
    def of(cls, reason: str, file: str, line: int, text: str) -> NoRow:
        made = cls(reason)
        made.file, made.line, made.begins = file, line, beginning(text)
        return made


def beginning(text: str) -> str:
    """Without the halves of characters that a wrong encoding leaves."""
    return text[:READ].encode("utf-8", "replace").decode()


Row = dict[str, Any] | NoRow
"""A row, or why it is none."""
READ_AHEAD = 1000
"""Rows that a reader of columns holds at once."""
MOST_LINE = 32 * 2**20
"""Characters of a line. No row that is kept comes near; a file without line ends must not be read into memory as one."""


@dataclass(frozen=True)
class File:
    """A file to read, here or on the Hub: any number of times, each from its beginning."""

    name: str
    """With the ending that says what it is."""
    shown: str
    """As messages name it."""
    open: Callable[[], BinaryIO]


@dataclass
class Table:
    """The rows of a file or a data set."""

    format: str
    """What was found, in words: kind, separator or sheet, encoding, compression."""
    rows: Iterator[Row]
    """To read once; it may raise DataError."""
    columns: tuple[str, ...] = ()
    """Of a file that names them once; empty where each row names its own."""
    total: int | None = None
    """Rows of all of it, where a sample of a data set on the Hub comes with their number."""


def local_file(path: Path, shown: str = "") -> File:
    return File(path.name, shown or str(path), lambda: path.open("rb"))


def in_words(*facts: str) -> str:
    return ", ".join(filter(None, facts))
