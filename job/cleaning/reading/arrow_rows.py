"""Columns on disk: Parquet files, and folders that save_to_disk of `datasets` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet

from job.cleaning.reading.rows import READ_AHEAD, File, Row, Table
from job.cleaning.reading.text import require_kind
from job.errors import DataError


def read_parquet(file: File) -> Table:
    with file.open() as stream:
        require_kind(stream.read(1000), file, but=b"PAR1")
    table = pyarrow.parquet.ParquetFile(file.open())
    return Table("Parquet", _parquet_rows(table), tuple(table.schema_arrow.names))


def _parquet_rows(table: Any) -> Iterator[Row]:
    with table:
        for batch in table.iter_batches(READ_AHEAD):
            yield from batch.to_pylist()


def read_saved(folder: Path) -> Table:
    """Raises DataError (65) for several splits without one named train."""
    from datasets import load_from_disk

    return Table("save_to_disk", rows_of(_one_split(load_from_disk(str(folder)), folder)))


def rows_of(saved: Any) -> Iterator[Row]:
    """Rows of a data set, which lies on disk and is mapped into memory piece by piece."""
    for batch in saved.iter(READ_AHEAD):
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(batch, values, strict=True))


def _one_split(saved: Any, path: Path) -> Any:
    if hasattr(saved, "keys"):  # a DatasetDict
        if "train" not in saved:
            raise DataError(
                f"The folder {path} holds the splits {', '.join(saved)} but no train split; name one: {path}/SPLIT"
            )
        return saved["train"]
    return saved
