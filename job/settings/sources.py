"""The grammar of a source: what FINETUNE_DATA_SOURCES holds, and which files that is."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from job.settings.files import QUICKSTART, absent, find_file, irregular, is_needed, output_dir
from job.settings.run_files import holds_run, is_written

TEXT_KINDS = ("jsonl", "json", "csv", "tsv", "txt")
KINDS = (*TEXT_KINDS, "xlsx", "parquet")
"""Kinds of data files, as their names end."""
PACKED = ("", ".gz", ".zst")
"""How a file of text may be compressed."""
FILE_ENDINGS = (
    *(f".{kind}" for kind in KINDS),
    *(f".{kind}{packed}" for packed in PACKED[1:] for kind in TEXT_KINDS),
)
KNOWN = f"{', '.join(f'.{kind}' for kind in TEXT_KINDS)} (each also with .gz or .zst), .xlsx, .parquet"
SAVED = ("state.json", "dataset_dict.json")
"""One of them lies in a folder that save_to_disk wrote."""
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
HUB_FILES = "hf://datasets/"
HUB_FILE = re.compile(
    rf"{HUB_FILES}(?P<repo>{HUB_ID.pattern})(?:@(?P<revision>refs/(?:pr|convert)/\w+|[^/@]+))?"
    r"/(?P<file>[^@*?\[]+)(?:@(?P<late>[^@]+))?"
)


class Source(BaseModel):
    """One data set: `owner/name[@revision][:split][=rows]` on the Hub, one file there as `hf://datasets/owner/name/file`, or a
    path with optional `=rows`.

    A path starts with `/`, `./` or `../`, ends like a data file or holds a `*`; `quickstart` names the embedded rows. `rows` is
    the number of rows to sample after cleaning; 0 keeps all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    revision: str = "main"
    split: str = "train"
    file: str = ""
    """Of a data set on the Hub, the one file to read; empty for a split."""
    rows: int = 0
    commit: str = ""
    """What the revision named when the run began. No part of the text that stands for a source. Empty until then, and for a
    path."""

    @classmethod
    def parse(cls, text: str) -> Source:
        """Raises ValueError with the sentence for the user."""
        name, _, rows = text.partition("=")
        if rows and not (rows.isdecimal() and int(rows) > 0):
            raise ValueError(f"'{text}': the number of rows after '=' must be a whole number above 0")
        count = int(rows or 0)
        if name.startswith("hf:"):
            return cls._of_hub_file(name, count)
        if is_path(name):
            source = cls(name=name, revision="", split="", rows=count)
            if not source.is_pattern:
                _require_file_or_folder(source.path)
            _require_one_kind(source)
            return source
        rest, _, split = name.partition(":")
        repo, _, revision = rest.partition("@")
        if not HUB_ID.fullmatch(repo):
            raise ValueError(
                f"'{text}' is neither owner/name on the Hub nor a path (a path starts with / or ./, or ends in {KNOWN})"
            )
        return cls(name=repo, revision=revision or "main", split=split or "train", rows=count)

    @classmethod
    def _of_hub_file(cls, name: str, rows: int) -> Source:
        """The revision may follow the data set, as the Hub's own client writes it, or the file."""
        found = HUB_FILE.fullmatch(name)
        if not found or not found["file"].endswith(FILE_ENDINGS) or (found["revision"] and found["late"]):
            raise ValueError(
                f"'{name}' names no data file on the Hub: write hf://datasets/owner/name[@revision]/path/to/file, with one "
                f"file that ends in {KNOWN}; a whole data set is owner/name"
            )
        revision = unquote(found["revision"] or found["late"] or "main")
        return cls(name=found["repo"], revision=revision, split="", file=found["file"], rows=rows)

    @property
    def is_local(self) -> bool:
        return not self.file and is_path(self.name)

    @property
    def path(self) -> Path:
        return QUICKSTART / "rows.jsonl" if self.name == "quickstart" else find_file(self.name)

    def list_files(self) -> tuple[Path, ...]:
        """All files of a local source in the order of their names: of a folder or a pattern the data files, of a folder that
        save_to_disk wrote all. README.md, hidden files and what runs write in their folders are no data; subfolders are
        searched where a pattern names them."""
        own = set(self.list_left_out())
        return tuple(file for file in self._found() if file not in own)

    def list_left_out(self) -> tuple[Path, ...]:
        """Files that a folder or a pattern would bring, and that a run writes, this one or another: with them the next start
        would read others. Who names such a file or folder itself gets it."""
        found = self._found()
        above = {
            folder
            for file in found
            for path in (file.absolute(), Path(os.path.realpath(file)))
            for folder in path.parents
        }
        output = output_dir(os.environ)
        runs = [folder for folder in (output, *above) if folder == output or holds_run(folder)]
        runs = [folder for folder in runs if not is_written(self.path, folder)]
        return tuple(file for file in found if any(is_written(file, folder) for folder in runs))

    def _found(self) -> tuple[Path, ...]:
        path = self.path
        if is_saved(path):
            return tuple(sorted(file for file in path.rglob("*") if file.is_file()))
        if path.is_dir():
            found = list(path.iterdir())
        elif self.is_pattern:
            found = [Path(name) for name in glob.glob(self.name, recursive=True)]  # noqa: PTH207 (which also takes /...)
        else:
            return (path,) if path.is_file() else ()
        return tuple(sorted(file for file in found if kind_of(file.name) and file.name[0] != "." and file.is_file()))

    @property
    def is_pattern(self) -> bool:
        """Whether the name stands for all files that it matches, since it is no file itself."""
        return glob.has_magic(self.name) and not os.path.exists(self.path)  # noqa: PTH110 (it never raises)

    def __str__(self) -> str:
        rows = f"={self.rows}" if self.rows else ""
        if self.file:
            return f"{HUB_FILES}{self.name}@{self.revision}/{self.file}{rows}"
        return f"{self.name}{rows}" if self.is_local else f"{self.name}@{self.revision}:{self.split}{rows}"


def kind_of(name: str) -> str:
    """One of KINDS, or empty."""
    if not name.endswith(FILE_ENDINGS):
        return ""
    return name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]


def is_saved(path: Path) -> bool:
    """Whether save_to_disk of `datasets` wrote the folder."""
    return any((path / name).is_file() for name in SAVED)


def _require_file_or_folder(path: Path) -> None:
    """Raises ValueError with the sentence for the user."""
    try:
        kind = irregular(path)
    except (FileNotFoundError, NotADirectoryError):
        if not is_needed("rows", os.environ):
            return
        raise ValueError(absent(path, "file or folder")) from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    if kind and not path.is_dir():
        raise ValueError(f"{path} is {kind}; a source is a file or a folder, since each start reads it anew")


def _require_one_kind(source: Source) -> None:
    """Of the files of a folder or a pattern. Raises ValueError with the sentence for the user."""
    if is_saved(source.path) or not (source.is_pattern or source.path.is_dir()):
        return
    kinds = sorted({kind_of(path.name) for path in source.list_files()})
    if not kinds and is_needed("rows", os.environ):
        raise ValueError(
            f"there is no data file ({KNOWN}) in {source.name} (working directory: {Path.cwd()}), and save_to_disk did not "
            "write it; files in subfolders are found by a pattern such as data/*/*.jsonl"
        )
    if len(kinds) > 1:
        folder = source.path if source.path.is_dir() else source.path.parent
        raise ValueError(
            f"{source.name} holds data files of {len(kinds)} kinds ({', '.join(kinds)}); name those of one kind by a pattern "
            f"such as {folder / f'*.{kinds[0]}'}"
        )


def is_path(name: str) -> bool:
    if name.startswith("hf:"):
        return False
    return name == "quickstart" or name.startswith(("/", "./", "../")) or name.endswith(FILE_ENDINGS) or "*" in name


def without_path(source: str) -> str:
    """A written source as it may be published: of a file on this machine, only its name."""
    name, equals, rows = source.partition("=")
    return f"{Path(name).name}{equals}{rows}" if is_path(name) else source
