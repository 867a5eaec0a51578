"""Every kind of file and what reads it, and several files as one source."""

from __future__ import annotations

import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence

from job.cleaning.reading.arrow_rows import read_parquet
from job.cleaning.reading.csv_rows import read_separated
from job.cleaning.reading.json_rows import read_json, read_json_lines
from job.cleaning.reading.rows import File, Row, Table
from job.cleaning.reading.text_rows import read_text
from job.cleaning.reading.xlsx_rows import read_workbook
from job.errors import DataError, JobError
from job.hosts.hub import first_line
from job.settings.sources import KNOWN, kind_of

log = logging.getLogger("job.clean")

FORMATS: tuple[tuple[str, Callable[[File], Table]], ...] = (
    ("jsonl", read_json_lines),
    ("json", read_json),
    ("csv", read_separated),
    ("tsv", read_separated),
    ("txt", read_text),
    ("xlsx", read_workbook),
    ("parquet", read_parquet),
)
"""The kinds of settings.sources.KINDS, and what reads a file of each."""

CUT_OFF = (EOFError, zlib.error, zipfile.BadZipFile)
"""Of gzip and of workbooks."""
CUT_OFF_WORDS = ("Truncated", "magic bytes not found in footer", "CRC check failed", "truncated data")
"""Of Arrow, which reads zstd and Parquet, of gzip and of UTF-16."""


def read_files(files: Sequence[File]) -> Table:
    """The rows of all files, in their order. Raises DataError (65), also while the rows are read."""
    first = read_file(files[0])
    if len(files) == 1:
        return first
    return Table(f"{len(files)} files, {first.format}", _chained(first, files))


def _chained(first: Table, files: Sequence[File]) -> Iterator[Row]:
    yield from first.rows
    for file in files[1:]:
        table = read_file(file)
        lacking = [column for column in first.columns if column not in table.columns]
        if lacking:
            raise DataError(
                f"The file {file.shown} has no column {' and no column '.join(lacking)}, which {files[0].shown} has; its "
                f"columns are {', '.join(table.columns)}.",
                remedy="Give all files of a source the same columns, or name them in FINETUNE_DATA_SOURCES as several sources.",
            )
        if table.format != first.format:
            log.info("stage=clean file=%s format=%r", file.name, table.format)
        yield from table.rows


def read_file(file: File) -> Table:
    """Raises DataError (65), also while the rows are read."""
    readers = dict(FORMATS)
    kind = kind_of(file.name)
    if kind not in readers:
        raise DataError(
            f"The source {file.shown} has no file extension that the job knows.",
            remedy=f"FINETUNE_DATA_SOURCES takes {KNOWN}, folders of these and save_to_disk folders.",
        )
    try:
        table = readers[kind](file)
    except JobError:
        raise
    except Exception as error:
        raise _unreadable(file, error) from error
    table.rows = _guarded(file, table.rows)
    return table


def _guarded(file: File, rows: Iterator[Row]) -> Iterator[Row]:
    try:
        yield from rows
    except JobError:
        raise
    except Exception as error:
        raise _unreadable(file, error) from error


def _is_cut_off(error: Exception) -> bool:
    if isinstance(error, json.JSONDecodeError):  # a string without its end is found at its beginning
        return error.msg.startswith("Unterminated string") or error.pos >= len(error.doc.rstrip())
    return isinstance(error, CUT_OFF) or any(words in str(error) for words in CUT_OFF_WORDS)


def _unreadable(file: File, error: Exception) -> DataError:
    if _is_cut_off(error):
        why = f"it is cut off or damaged ({first_line(error)})."
    elif isinstance(error, json.JSONDecodeError):
        why = f"it is not valid JSON ({first_line(error)})."
    else:
        why = f"{type(error).__name__}: {first_line(error)}"
    return DataError(
        f"The source {file.shown} cannot be read: {why}",
        remedy="Check that the file named in FINETUNE_DATA_SOURCES is whole, and that its extension matches its format.",
    )
