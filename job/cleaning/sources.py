"""A source as `Raw` questions and answers, row by row."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from job.cleaning.batch import NOT_TEXT, Raw, fault_of
from job.cleaning.layouts import Reader, layout_of
from job.cleaning.reading import hub_rows
from job.cleaning.reading.arrow_rows import read_saved
from job.cleaning.reading.formats import read_file, read_files
from job.cleaning.reading.rows import BAD_JSON, RAGGED, REPEATED_HEADER, NoRow, Row, Table, beginning, local_file
from job.errors import DataError
from job.hosts.hub import first_line
from job.settings.fields import DataSettings
from job.settings.sources import Source, is_saved

log = logging.getLogger("job.clean")
HEAD = 1000
"""Rows from which the layout is recognised."""
HEAD_CHARACTERS = 64_000_000
"""Fewer rows do if they are that long."""
FAULTS = (
    (BAD_JSON, "lines are not JSON objects", ".jsonl holds one JSON object per line"),
    (RAGGED, "lines have more or fewer fields than the header", "a field with the separator in it stands in quotes"),
    (REPEATED_HEADER, "lines are the header again", "a table has one header"),
)
"""Why lines are no rows, with the words for a source that is mostly made of them."""


@dataclass
class Loaded:
    rows: Iterator[Raw]
    """An iterator to read once, in order; it may raise DataError."""
    layout: str
    revision: str
    format: str
    """What was found, in words: kind, separator or sheet, encoding, compression."""
    columns: tuple[str, ...]
    total: int | None = None
    """Rows of all of it, where that is known before they are read."""


def load(source: Source, data: DataSettings, token: str) -> Loaded:
    """A source, whose rows are read as they are consumed.

    Raises DataError (65) for an unreadable or empty source and for columns without a known layout, and the errors
    for failures of the Hub (66, 67, 76).
    """
    return _recognised(_table(source, token), source, data)


def sample(source: Source, data: DataSettings, token: str, rows: int) -> Loaded:
    """The first rows of a source, for which no data set on the Hub is fetched as a whole. Raises as `load` does."""
    if source.is_local:
        table = _table(source, token)
    elif source.file:
        table = read_file(hub_rows.remote_file(source, token))
    else:
        table = hub_rows.sample_split(source, token, rows)
    table.rows = islice(table.rows, rows)
    return _recognised(table, source, data)


def _recognised(table: Table, source: Source, data: DataSettings) -> Loaded:
    head = _head(table.rows)
    if not head:
        raise DataError(f"The source {source} holds no rows ({table.format}).")
    faults = Counter(str(row) for row in head if isinstance(row, str))
    if faults.total() > len(head) / 2:
        fault, words, rule = next(entry for entry in FAULTS if entry[0] == faults.most_common(1)[0][0])
        raise DataError(
            f"The source {source} is not what its name says: {faults[fault]:,} of its first {len(head):,} {words}. "
            f"It was read as {table.format}.",
            remedy=f"Check the file named in FINETUNE_DATA_SOURCES; {rule}.",
        )
    rows = [row for row in head if not isinstance(row, str)]
    layout, read = layout_of(rows, data, str(source))
    columns = tuple(dict.fromkeys(column for row in rows[:100] for column in row))
    raws = (_raw(row, number, read) for number, row in enumerate(chain(head, table.rows), 1))
    return Loaded(raws, layout, source.commit, table.format, columns, table.total)


def _raw(row: Row, number: int, read: Reader) -> Raw:
    """`number`: of the row in its source."""
    if isinstance(row, NoRow):
        return Raw(fault=str(row), place={"file": row.file, "line": row.line, "begins": row.begins})
    raw = _checked(read(row))
    if raw.fault:
        raw.place = {"row": number, "begins": beginning(json.dumps(row, ensure_ascii=False, default=str))}
    return raw


def _head(rows: Iterator[Row]) -> list[Row]:
    head, characters = [], 0
    for row in islice(rows, HEAD):
        head.append(row)
        characters += len(repr(row))
        if characters > HEAD_CHARACTERS:
            break
    return head


def _table(source: Source, token: str) -> Table:
    if source.file:
        return read_file(hub_rows.fetched_file(source, token))
    if not source.is_local:
        return hub_rows.read_split(source, token)
    if own := source.list_left_out():
        log.info("stage=clean source=%s left_out=%d: files that the job itself writes, as %s", source, len(own), own[0])
    if is_saved(source.path):
        try:
            return read_saved(source.path)
        except (OSError, ValueError) as error:
            raise DataError(f"The folder {source.path} cannot be read: {first_line(error)}") from error
    paths = source.list_files()
    if not paths:
        raise DataError(f"The source {source} is gone.")
    filled = [path for path in paths if path.stat().st_size] or paths  # engines write empty shards
    return read_files([local_file(path) for path in filled])


def _checked(raw: Raw) -> Raw:
    for name in ("system", "question", "answer", "text"):
        part = getattr(raw, name)
        if part is None:
            setattr(raw, name, "")
        elif isinstance(part, (bool, int, float)):  # as CSV gives it; of a label or a sum
            setattr(raw, name, json.dumps(part))
        elif not isinstance(part, str):
            return Raw(fault=NOT_TEXT)
        elif fault := fault_of(part):
            return Raw(fault=fault)
    return raw
