"""The files that a result names, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from job.results import Result
from job.runs.files import Facts


def paths(result: Result) -> Iterator[tuple[str, str]]:
    """Field, and file or folder: the fields named ..._path, and `path` of the results in a list."""
    for name, value in result:
        if name.endswith("_path") and value is not None:
            yield name, value
        elif isinstance(value, list):
            yield from ((name, one.path) for one in value if isinstance(one, Result) and hasattr(one, "path"))


def without(result: Result, fields: Iterable[str], files: Iterable[str]) -> list[str]:
    """Those of the files that are none of the result's in these fields."""
    theirs = {path for name, path in paths(result) if name in fields}
    return [file for file in files if not any(file == path or file.startswith(f"{path}/") for path in theirs)]


def needed_of(result: Result, files: dict[str, Facts]) -> dict[str, Facts]:
    """Without those that only the report reads."""
    return {name: files[name] for name in without(result, result.expendable, files)}
