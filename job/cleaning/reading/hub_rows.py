"""Data sets on the Hub: a split, one file, and the first rows of either without fetching the rest."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import quote

from huggingface_hub import HfApi, HfFileSystem, hf_hub_download

from job.cleaning.reading.arrow_rows import rows_of
from job.cleaning.reading.rows import File, Table, local_file
from job.errors import DataError, HubUnavailable, causes
from job.hosts.hub import ask, first_line
from job.settings.sources import Source

T = TypeVar("T")
PIECE = 2**20
"""Bytes that are asked for at once when only the beginning of a file is wanted."""


def read_split(source: Source, token: str) -> Table:
    """Raises DataError (65) for an unknown split and for no data files, and the errors for failures of the Hub."""
    return Table("a data set on the Hub", rows_of(_asked(source, token, lambda: _fetched(source, token))))


def sample_split(source: Source, token: str, rows: int) -> Table:
    """The first rows, of which little more is fetched. Raises as `read_split` does."""

    def first() -> tuple[list[dict[str, Any]], int | None]:
        builder = _builder(source, token)
        split = (builder.info.splits or {}).get(source.split)  # of its card, if that says so
        found = list(islice(builder.as_streaming_dataset(split=source.split), rows))
        return found, (split.num_examples or None) if split else None

    found, total = _asked(source, token, first)
    return Table("a data set on the Hub", iter(found), total=total)


def fetched_file(source: Source, token: str) -> File:
    """The one file that the source names, in the local cache. Raises the errors for failures of the Hub."""

    def fetch() -> str:
        revision = source.commit or source.revision
        return hf_hub_download(source.name, source.file, repo_type="dataset", revision=revision, token=token or False)

    return local_file(Path(_asked(source, token, fetch)), str(source))


def remote_file(source: Source, token: str) -> File:
    """The same file, of which only what is read is fetched."""
    revision = quote(source.commit or source.revision, safe="")
    path = f"datasets/{source.name}@{revision}/{source.file}"

    def open_there() -> BinaryIO:
        files = HfFileSystem(token=token or False, skip_instance_cache=True)
        opened = _asked(source, token, lambda: files.open(path, "rb", block_size=PIECE))
        return cast(BinaryIO, io.BufferedReader(_Remote(opened, source, token), PIECE))

    return File(Path(source.file).name, str(source), open_there)


class _Remote(io.RawIOBase):
    """A file on the Hub whose failures are the job's own errors, with its patience."""

    def __init__(self, opened: Any, source: Source, token: str) -> None:
        self.opened, self.source, self.token = opened, source, token

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self.opened.seek(offset, whence))

    def tell(self) -> int:
        return int(self.opened.tell())

    def readinto(self, buffer: Any) -> int:
        place = self.opened.tell()

        def read() -> bytes:
            self.opened.seek(place)
            return bytes(self.opened.read(len(buffer)))

        found = _asked(self.source, self.token, read)
        buffer[: len(found)] = found
        return len(found)


def _asked(source: Source, token: str, call: Callable[[], T]) -> T:
    what = f"data set {source}" + (f" (commit {source.commit})" if source.commit else "")
    try:
        return ask(call, what, "FINETUNE_DATA_SOURCES", token=token)
    except Exception as error:
        if cast := next((cause for cause in causes(error) if str(cause).startswith("Couldn't cast")), None):
            raise DataError(
                f"The {what} holds files of different forms, which `datasets` cannot read as one table: "
                f"{' '.join(str(cast).split())[:300]}",
                remedy="Name its files in FINETUNE_DATA_SOURCES, separated by commas: the job reads each by itself "
                f"(hf://datasets/{source.name}/FILE).",
            ) from error
        if not isinstance(error, ValueError):  # an unknown split, or no data files
            raise
        raise DataError(f"The {what} cannot be loaded: {first_line(error)}") from error


def _fetched(source: Source, token: str) -> Any:
    builder = _builder(source, token)
    builder.download_and_prepare()
    return builder.as_dataset(split=source.split)


def _builder(source: Source, token: str) -> Any:
    """Of the data set at its commit.

    After any failure `datasets` silently takes the newest commit that its cache holds (5.2.0), and keeps the reason to itself.
    """
    from datasets import load_dataset_builder  # 1.6 s that a run on local files need not wait for

    access = token or False  # False: not even a token that lies in the user's home
    builder = load_dataset_builder(source.name, revision=source.commit or source.revision, token=access)
    if source.commit and builder.hash != source.commit:
        HfApi(token=access).dataset_info(source.name, revision=source.commit)  # raises the reason, if it is still there
        raise HubUnavailable(f"The data set {source} could not be read at its commit {source.commit}.")
    return builder
