"""The grammar of a source: what FINETUNE_DATA_SOURCES holds."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from job.settings.files import QUICKSTART, find_file, irregular

FILE_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".csv.gz")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


class Source(BaseModel):
    """One data set: `owner/name[@revision][:split][=rows]` on the Hub, or a path with optional `=rows`.

    A path starts with `/`, `./` or `../`, or ends like a data file; `quickstart` names the embedded rows. `rows` is the
    number of rows to sample after cleaning; 0 keeps all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    revision: str = "main"
    split: str = "train"
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
        if is_path(name):
            source = cls(name=name, revision="", split="", rows=count)
            _require_file_or_folder(source.path)
            return source
        rest, _, split = name.partition(":")
        repo, _, revision = rest.partition("@")
        if not HUB_ID.fullmatch(repo):
            raise ValueError(
                f"'{text}' is neither owner/name on the Hub nor a path (a path starts with / or ./, "
                f"or ends in {', '.join(FILE_ENDINGS[:4])})"
            )
        return cls(name=repo, revision=revision or "main", split=split or "train", rows=count)

    @property
    def is_local(self) -> bool:
        return is_path(self.name)

    @property
    def path(self) -> Path:
        return QUICKSTART / "rows.jsonl" if self.name == "quickstart" else find_file(self.name)

    def __str__(self) -> str:
        rows = f"={self.rows}" if self.rows else ""
        return f"{self.name}{rows}" if self.is_local else f"{self.name}@{self.revision}:{self.split}{rows}"


def _require_file_or_folder(path: Path) -> None:
    """Raises ValueError with the sentence for the user."""
    try:
        kind = irregular(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"there is no file or folder {path} (working directory: {Path.cwd()})") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    if kind and not path.is_dir():
        raise ValueError(f"{path} is {kind}; a source is a file or a folder, since each start reads it anew")


def is_path(name: str) -> bool:
    return name == "quickstart" or name.startswith(("/", "./", "../")) or name.endswith(FILE_ENDINGS)


def without_path(source: str) -> str:
    """A written source as it may be published: of a file on this machine, only its name."""
    name, equals, rows = source.partition("=")
    return f"{Path(name).name}{equals}{rows}" if is_path(name) else source
