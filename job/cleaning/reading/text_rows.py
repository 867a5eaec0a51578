"""Plain text: a row a paragraph, or a row a line where no blank line parts paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from job.cleaning.reading import rows
from job.cleaning.reading.rows import File, Row, Table, in_words
from job.cleaning.reading.text import Text, lines, open_text
from job.errors import DataError

BLANK_LINE = re.compile(r"\S[^\n]*\n[ \t\r]*\n\s*\S")
"""Between two lines with something on them."""


def read_text(file: File) -> Table:
    """Rows with the one column `text`. The head of the file decides whether a row is a paragraph or a line."""
    text = open_text(file)
    if BLANK_LINE.search(text.head):
        return Table(in_words("text, a row a paragraph", *text.facts), _paragraphs(text))
    return Table(in_words("text, a row a line", *text.facts), _lines(text))


def _lines(text: Text) -> Iterator[Row]:
    with text.open() as stream:
        yield from ({"text": line.strip()} for line in lines(stream, text.file) if line.strip())


def _paragraphs(text: Text) -> Iterator[Row]:
    """Raises DataError (65) for one that is too long to be a row."""
    some: list[str] = []
    characters = 0
    with text.open() as stream:
        for line in lines(stream, text.file):
            if line.strip():
                some.append(line)
                characters += len(line)
            if characters > rows.MOST_LINE:
                raise DataError(
                    f"A paragraph of the source {text.file.shown} has more than {rows.MOST_LINE:,} characters. It begins: "
                    f"{some[0][:100]!r}",
                    remedy="Part the texts of the file named in FINETUNE_DATA_SOURCES by blank lines.",
                )
            if not line.strip() and some:
                yield {"text": "".join(some).strip()}
                some, characters = [], 0
    if some:
        yield {"text": "".join(some).strip()}
