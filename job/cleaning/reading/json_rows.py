"""JSON lines and JSON values, whichever of the two the name promises."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from job.cleaning.reading.rows import BAD_JSON, File, NoRow, Row, Table, in_words
from job.cleaning.reading.text import Text, lines, open_text
from job.errors import DataError

log = logging.getLogger("job.clean")

MOST_JSON = 500_000_000
"""Characters of a JSON value, which is read as a whole: with rows of 1 kB a character takes 2.2 bytes of memory."""


def read_json_lines(file: File) -> Table:
    """One object a line. A file that begins with `[` is one value in spite of its name."""
    text = open_text(file)
    if text.head.lstrip().startswith("[") and not _is_lists(text.head):
        return Table(in_words("a JSON array in spite of its name", *text.facts), _whole(text))
    return Table(in_words("JSON lines", *text.facts), _by_line(text))


def read_json(file: File) -> Table:
    """A list of rows, or an object with one. A file of several objects, one a line, is JSON lines in spite of its name."""
    text = open_text(file)
    if _is_lines(text.head):
        return Table(in_words("JSON lines in spite of its name", *text.facts), _by_line(text))
    return Table(in_words("a JSON value", *text.facts), _whole(text))


def _is_lines(head: str) -> bool:
    some = [line for line in head.split("\n", 100) if line.strip()][:2]
    return len(some) == 2 and isinstance(_json_object(some[0]), dict) and some[1].lstrip().startswith("{")


def _is_lists(head: str) -> bool:
    """Whether each line is a list by itself; none is a row, and the message says so."""
    some = [line for line in head.split("\n", 100) if line.strip()][:2]
    try:
        return len(some) == 2 and isinstance(json.loads(some[0]), list) and some[1].lstrip().startswith("[")
    except (json.JSONDecodeError, RecursionError):
        return False


def _by_line(text: Text) -> Iterator[Row]:
    with text.open() as stream:
        for number, line in enumerate(lines(stream, text.file), 1):
            if line.strip():
                found = _json_object(line)
                yield NoRow.of(BAD_JSON, text.file.name, number, line.strip()) if found is None else found


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _whole(text: Text) -> Iterator[Row]:
    """Raises DataError (65) for more than fits into memory, and for a value without a list of rows."""
    shown = text.file.shown
    with text.open() as stream:
        found = stream.read(MOST_JSON + 1)
    if len(found) > MOST_JSON:
        raise DataError(
            f"The source {shown} is one JSON value of more than {MOST_JSON:,} characters, which would have to fit into memory.",
            remedy="Write it as .jsonl, which is read row by row: jq -c '.[]' rows.json > rows.jsonl",
        )
    value = json.loads(found)
    del found
    if isinstance(value, dict):
        lists = [name for name, held in value.items() if isinstance(held, list) and held and isinstance(held[0], dict)]
        taken = next((name for name in ("data", "rows", "train") if name in value), "")
        if others := [name for name in lists if taken and name != taken]:
            log.warning(
                "stage=clean source=%s taken=%s left_out=%s: to train on other lists too, write each to a file of its own",
                shown,
                taken,
                ",".join(others),
            )
        value = value.get(taken)
    if not isinstance(value, list):
        raise DataError(f"The source {shown} holds no list of rows (nor an object with one under data, rows or train).")
    for number, row in enumerate(value, 1):
        yield (
            row
            if isinstance(row, dict)
            else NoRow.of(BAD_JSON, text.file.name, number, json.dumps(row, ensure_ascii=False))
        )
