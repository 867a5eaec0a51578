"""Small files for the tests of the readers."""

from __future__ import annotations

from pathlib import Path

from job.cleaning.reading.formats import read_file
from job.cleaning.reading.rows import Row, local_file


def read(folder: Path, name: str, content: bytes) -> tuple[str, list[Row]]:
    """(what was found, all rows) of a file with that content."""
    path = folder / name
    path.write_bytes(content)
    table = read_file(local_file(path))
    return table.format, list(table.rows)
