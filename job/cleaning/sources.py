"""Rows from the Hub and from files, as `Raw` questions and answers, row by row.

Files are read without `datasets`: its readers stop at the first row of another type or encoding, but one bad line must
cost only that line.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet
from huggingface_hub import HfApi

from job.cleaning.batch import BAD_JSON, NOT_TEXT, Raw, fault_of
from job.cleaning.layouts import layout_of
from job.errors import DataError, HubUnavailable
from job.hosts.hub import ask, first_line
from job.settings.fields import DataSettings
from job.settings.sources import Source

HEAD = 1000
"""Rows from which the layout is recognised."""
HEAD_CHARACTERS = 64_000_000
"""Fewer rows do if they are that long."""
READ_AHEAD = 1000
MOST_LINE = 32 * 2**20
"""Characters of a line. No row that is kept comes near; a file without line ends must not be read into memory as one."""
MOST_JSON = 500_000_000
"""Characters of a .json file, which is read as a whole: with rows of 1 kB a character takes 2.2 bytes of memory."""


@dataclass
class Loaded:
    rows: Iterator[Raw]
    """An iterator to read once, in order; it may raise DataError."""
    layout: str
    revision: str


def load(source: Source, data: DataSettings, token: str) -> Loaded:
    """A source, whose rows are read as they are consumed.

    Raises DataError (65) for an unreadable or empty source and for columns without a known layout, and the errors
    for failures of the Hub (66, 67, 76).
    """
    rows, revision = (_local_rows(source.path), "") if source.is_local else _hub_rows(source, token)
    head = _head(rows)
    if not head:
        raise DataError(f"The source {source} holds no rows.")
    faults = sum(row is None for row in head)
    if faults > len(head) / 2:
        raise DataError(
            f"The source {source} is not what its name says: {faults:,} of its first {len(head):,} lines are not JSON objects.",
            remedy="Check the file named in FINETUNE_DATA_SOURCES; .jsonl holds one JSON object per line.",
        )
    layout, read = layout_of([row for row in head if row is not None], data, str(source))
    raws = (Raw(fault=BAD_JSON) if row is None else _checked(read(row)) for row in chain(head, rows))
    return Loaded(raws, layout, revision)


def _head(rows: Iterator[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    head, characters = [], 0
    for row in islice(rows, HEAD):
        head.append(row)
        characters += len(repr(row))
        if characters > HEAD_CHARACTERS:
            break
    return head


def _hub_rows(source: Source, token: str) -> tuple[Iterator[dict[str, Any] | None], str]:
    what = f"data set {source}" + (f" (commit {source.commit})" if source.commit else "")
    try:
        rows = ask(lambda: _fetched(source, token), what, "FINETUNE_DATA_SOURCES", token=token)
    except ValueError as error:  # an unknown split, or no data files
        raise DataError(f"The {what} cannot be loaded: {first_line(error)}") from error
    return _arrow_rows(rows), source.commit


def _fetched(source: Source, token: str) -> Any:
    """The split of a data set on the Hub, at its commit.

    After any failure `datasets` silently takes the newest commit that its cache holds (5.2.0), and keeps the reason to itself.
    """
    from datasets import load_dataset_builder  # 1.6 s that a run on local files need not wait for

    access = token or False  # False: not even a token that lies in the user's home
    builder = load_dataset_builder(source.name, revision=source.commit or source.revision, token=access)
    if source.commit and builder.hash != source.commit:
        HfApi(token=access).dataset_info(source.name, revision=source.commit)  # raises the reason, if it is still there
        raise HubUnavailable(f"The data set {source} could not be read at its commit {source.commit}.")
    builder.download_and_prepare()
    return builder.as_dataset(split=source.split)


def _arrow_rows(rows: Any) -> Iterator[dict[str, Any] | None]:
    """Rows of a data set, which lies on disk and is mapped into memory piece by piece."""
    for batch in rows.iter(READ_AHEAD):
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(batch, values, strict=True))


def _local_rows(path: Path) -> Iterator[dict[str, Any] | None]:
    """Rows as dicts; None for a line that is not a JSON object."""
    try:
        yield from _rows_of(path)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"The source {path} cannot be read: {type(error).__name__}: {first_line(error)}",
            remedy="Check the file named in FINETUNE_DATA_SOURCES, and that its extension matches its format.",
        ) from error


def _rows_of(path: Path) -> Iterator[dict[str, Any] | None]:
    name = path.name.removesuffix(".gz")
    if path.is_dir():
        from datasets import load_from_disk

        yield from _arrow_rows(_one_split(load_from_disk(str(path)), path))
    elif name.endswith(".parquet"):
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(READ_AHEAD):
                yield from batch.to_pylist()
    elif name.endswith((".jsonl", ".json", ".csv")):
        with _open(path) as text:
            if name.endswith(".jsonl"):
                yield from (_json_object(line) for line in _lines(text, path) if line.strip())
            elif name.endswith(".json"):
                yield from _json_rows(json.loads(_whole(text, path)), path)
            else:
                yield from _csv_rows(text, path)
    else:
        raise DataError(
            f"The source {path} has no file extension that the job knows.",
            remedy="FINETUNE_DATA_SOURCES takes .jsonl, .json, .csv (each also .gz), .parquet and save_to_disk folders.",
        )


def _lines(text: IO[str], path: Path) -> Iterator[str]:
    """Raises DataError (65) for a line that is too long to be one."""
    for number, line in enumerate(iter(lambda: text.readline(MOST_LINE + 1), ""), 1):
        if len(line) > MOST_LINE:
            raise DataError(
                f"Line {number:,} of the source {path} has more than {MOST_LINE:,} characters.",
                remedy="Check the file named in FINETUNE_DATA_SOURCES; .jsonl and .csv hold one row per line.",
            )
        yield line


def _whole(text: IO[str], path: Path) -> str:
    """Raises DataError (65) for more than fits into memory."""
    found = text.read(MOST_JSON + 1)
    if len(found) > MOST_JSON:
        raise DataError(
            f"The source {path} is one JSON value of more than {MOST_JSON:,} characters, which would have to fit into memory.",
            remedy="Write it as .jsonl, which is read row by row: jq -c '.[]' rows.json > rows.jsonl",
        )
    return found


def _csv_rows(text: IO[str], path: Path) -> Iterator[dict[str, Any]]:
    """Raises DataError (65) with the line where a field gets too long, as behind a quote that nothing closes."""
    csv.field_size_limit(MOST_LINE)
    reader = csv.DictReader(line.replace("\0", "") for line in _lines(text, path))
    try:
        yield from map(dict, reader)
    except csv.Error as error:
        raise DataError(
            f"The source {path} cannot be read at line {reader.line_num:,}: {error}.",
            remedy="Check that line in the file named in FINETUNE_DATA_SOURCES: a quote may be open or missing.",
        ) from error


def _one_split(saved: Any, path: Path) -> Any:
    if hasattr(saved, "keys"):  # a DatasetDict
        if "train" not in saved:
            raise DataError(
                f"The folder {path} holds the splits {', '.join(saved)} but no train split; name one: {path}/SPLIT"
            )
        return saved["train"]
    return saved


def _open(path: Path) -> IO[str]:
    """Text in which a byte that is not UTF-8 becomes a lone surrogate, so that its row can be found and dropped."""
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json_rows(value: object, path: Path) -> list[dict[str, Any] | None]:
    if isinstance(value, dict):
        value = value.get("data", value.get("rows", value.get("train")))
    if not isinstance(value, list):
        raise DataError(f"The source {path} holds no list of rows (nor an object with one under data, rows or train).")
    return [row if isinstance(row, dict) else None for row in value]


def _checked(raw: Raw) -> Raw:
    for name in ("system", "question", "answer", "text"):
        part = getattr(raw, name)
        if part is None:
            setattr(raw, name, "")
        elif not isinstance(part, str):
            return Raw(fault=NOT_TEXT)
        elif fault := fault_of(part):
            return Raw(fault=fault)
    return raw
