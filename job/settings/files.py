"""Paths: the file that a setting names, what the project ships, where a platform collects results."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from job.errors import SettingsError

PROJECT = Path(__file__).resolve().parents[2]
QUICKSTART = PROJECT / "job" / "quickstart"
MOST_TEXT_BYTES = 10_000_000
"""Of a file that a setting names: a prompt, questions, rules, a template. More is a mistaken path, such as one of rows."""
IRREGULAR = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
READERS = {"rows": ("clean",), "base": ("clean", "train", "probe", "export")}
"""The stages that read local rows and a local base model."""
SAGEMAKER_DIRS = (Path("/opt/ml/checkpoints"), Path("/opt/ml/model"))


def find_file(name: str) -> Path:
    """Resolve a relative path in the working directory, else in the project's own folder, where the shipped files are."""
    path = Path(name)
    shipped = PROJECT / path
    exists = os.path.exists  # Path.exists raises for a name that is too long, and in a folder of another user
    return shipped if not exists(path) and not path.is_absolute() and exists(shipped) else path


def is_needed(what: Literal["rows", "base"], environ: Mapping[str, str]) -> bool:
    """Whether a stage that this start may run reads them: only then must they be on this machine."""
    named = {name.strip() for name in environ.get("FINETUNE_STAGES", "").split(",")} - {""}
    return not named or not named.isdisjoint(READERS[what])


def collected_dir(environ: Mapping[str, str]) -> Path | None:
    """The folder whose contents the platform collects, if it names one: the default output folder.

    Vertex names a bucket and mounts it under /gcs. SageMaker creates folders: it copies checkpoints out while the job runs
    and back before it starts again, the model only at the end.
    """
    bucket = environ.get("AIP_MODEL_DIR", "").removeprefix("gs://").rstrip("/")
    if bucket and environ["AIP_MODEL_DIR"].startswith("gs://"):
        return Path("/gcs") / bucket
    return next((folder for folder in SAGEMAKER_DIRS if folder.is_dir()), None)


def output_dir(environ: Mapping[str, str]) -> Path:
    """Before the settings are read, or where they are wrong."""
    return Path(environ.get("FINETUNE_OUTPUT_DIR", "").strip() or collected_dir(environ) or "output")


def wants_json(environ: Mapping[str, str]) -> bool:
    """The form of the log, as early as `output_dir`."""
    return environ.get("FINETUNE_LOG_FORMAT", "").strip() == "json"


def irregular(path: Path) -> str:
    """What the path leads to, in words, if that is no regular file; else empty. Raises OSError, FileNotFoundError among them.

    Reading some of them never ends, and only a file can be read again by the next start.
    """
    return IRREGULAR.get(stat.S_IFMT(path.stat().st_mode), "")


def absent(path: Path, what: str) -> str:
    """Of a path that leads to nothing. `what`: what should be there."""
    if os.path.islink(path):  # noqa: PTH114 (it never raises)
        return f"{path} is a link to {os.readlink(path)}, which is not there"  # noqa: PTH115 (as it was written)
    return f"there is no {what} {path} (working directory: {Path.cwd()})"


def read_file(path: Path, encoding: str = "utf-8") -> str:
    """The text of a regular file of at most 10 MB. Raises OSError and UnicodeDecodeError."""
    if kind := irregular(path):
        raise OSError(f"it is {kind}, not a file")
    with path.open("rb") as file:
        content = file.read(MOST_TEXT_BYTES + 1)
    if len(content) > MOST_TEXT_BYTES:
        raise OSError(f"it has more than {MOST_TEXT_BYTES:,} bytes")
    return content.decode(encoding)


def read_text(value: str) -> str:
    """The stripped text of the file that a setting names; empty if the setting is empty. Raises SettingsError."""
    return _read_named(value).strip()


def read_lines(value: str) -> list[tuple[int, str]]:
    """(number, stripped text) of the lines that hold something, in the file that a setting names. Raises SettingsError."""
    lines = enumerate(_read_named(value).splitlines(), 1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _read_named(value: str) -> str:
    """Checked when the run began; removed or changed since, it is a setting that is wrong (64)."""
    if not value:
        return ""
    path = find_file(value)
    try:
        return read_file(path)
    except (OSError, UnicodeDecodeError) as error:
        names = [name for name, given in os.environ.items() if name.startswith("FINETUNE_") and given == value]
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SettingsError([f"{', '.join(names)}: the file {path} cannot be read any more ({reason})"]) from error
