"""How files of a run come to be and are told from broken ones: written whole, synced, renamed, hashed.

A reader sees the old file or the new one, never half of one. What later starts rely on has its size and its sha256 in a sealed
JSON file, and a sealed file holds the sha256 of its own content. Object stores mounted as folders refuse to rename a folder
(gcsfuse with EMFILE, others with ENOTSUP or EXDEV): its files are moved one by one, and a reader trusts the record, which is
written last.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypedDict, TypeVar

from pydantic import ValidationError

from job.results import Result
from job.runs.progress import advance
from job.runs.redaction import SHORTEST, redact, redact_values

R = TypeVar("R", bound=Result)

log = logging.getLogger("job")
SEAL = "sha256"
"""The field of a sealed file that holds the sha256 of the others."""
SHORTEST_IN_RECORDS = 12
"""Characters of a secret that is starred by its value in what programs read: sealed files and cards. URLs and Hub tokens are
known by their shape."""
CHUNK_BYTES = 4 * 2**20
MOST_ASIDE = 9
"""Files of one name that are kept after they had to give way."""


class Facts(TypedDict):
    """What is known of a file's content."""

    bytes: int
    sha256: str


# --- written whole -----------------------------------------------------------------------------------------------------


def write_text(path: Path, text: str, *, shortest: int = SHORTEST) -> None:
    """Whole or not at all: written under another name, synced, renamed. Redacted; `shortest` as in `redact`."""
    write_unredacted(path, redact(text, shortest=shortest))


def write_unredacted(path: Path, text: str) -> None:
    """Like `write_text`, and as it is: what programs read again and what holds nothing but names, hashes and numbers. There the
    password of a proxy may be a common word."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        move(path, aside := unused(path.with_name(f"broken-{path.name}")))
        log.warning("broken=%s: it is a folder; set aside as %s", path.name, aside.name)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            sync_file(file)
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    """Like `write_text`, and JSON whatever the secrets are."""
    write_unredacted(path, _json(redact_values(value)))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def read_lines(path: Path, kind: type[R]) -> list[R]:
    """The whole lines of a JSONL file that hold a `kind`. A torn or foreign line is left out; a missing file gives []."""
    found = []
    try:
        with path.open("rb") as file:  # as bytes, so that a line that is not UTF-8 costs only itself
            for line in file:
                try:
                    found.append(kind.model_validate_json(line))
                except ValidationError:
                    continue
    except FileNotFoundError:
        return []
    return found


def place(partial: Path, final: Path) -> None:
    """Give a finished file its name, once it is on the disk."""
    settle(partial)
    partial.replace(final)
    sync_folder(final.parent)


def replace_folder(partial: Path, final: Path) -> None:
    """Put a finished folder in its place, once its files are on the disk.

    Readers see the old one, none, or the new one, except on a mount that refuses to rename folders: there the record alone
    says that the folder is whole. What the new folder lacks of the old one is kept: its user may have put it there.
    """
    settle(partial)
    old = final.with_name(final.name + ".old")
    if final.exists() or final.is_symlink():
        retire(old, partial, final.name)
        move(final, old)
    move(partial, final)
    retire(old, final, final.name)


def retire(old: Path, new: Path, name: str) -> None:
    """Remove a folder that another one replaces, except what that one lacks: its user may have put it there, or have edited a
    card. That goes to `kept-NAME`. Of a link the link alone goes: what it points to is not the run's."""
    for path in sorted(old.iterdir()) if old.is_dir() and not old.is_symlink() else ():
        if (new / path.name).exists():
            continue
        kept = old.with_name(f"kept-{name}")
        kept.mkdir(exist_ok=True)
        move(path, target := unused(kept / path.name))
        log.warning("kept=%s/%s: the new %s/ has no such file", kept.name, target.name, name)
    remove(old)


def unused(path: Path) -> Path:
    """The path, or with a number behind it where something bears that name; the last of a few is given again."""
    names = (path, *(path.with_name(f"{path.name}.{number}") for number in range(2, MOST_ASIDE + 1)))
    free = next((name for name in names if not os.path.lexists(name)), names[-1])
    remove(free)
    return free


def move(source: Path, target: Path) -> None:
    """Rename a file or a folder; where renaming a folder is refused, file by file. `target` must not exist."""
    try:
        source.replace(target)
    except OSError:
        if not source.is_dir():
            raise
        target.mkdir(exist_ok=True)
        for path in sorted(source.iterdir()):
            move(path, target / path.name)
        source.rmdir()
        sync_folder(target)
    sync_folder(target.parent)


def set_aside(path: Path) -> Path:
    """Rename a broken file or folder to `broken-NAME`, in place of an earlier one of that name."""
    aside = path.with_name(f"broken-{path.name}")
    remove(aside)
    move(path, aside)
    return aside


def remove(path: Path) -> None:
    """A file or a folder, or nothing if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


# --- on the disk ---------------------------------------------------------------------------------------------------------


def settle(path: Path) -> None:
    """Bring a file, or every file below a folder, to the disk, readable as the umask says: safetensors writes mode 0600."""
    umask = os.umask(0)
    os.umask(umask)
    for file_path in files_of(path):
        with contextlib.suppress(OSError):  # object stores mounted as folders have no modes
            file_path.chmod(0o666 & ~umask)
        with file_path.open("rb") as file:
            sync_file(file)
    for folder in [path, *(below for below in path.rglob("*") if below.is_dir())] if path.is_dir() else []:
        sync_folder(folder)


def sync_file(file: IO[Any]) -> None:
    """Raises OSError if the disk is full or fails. A file system without syncing has no more to give."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise


def sync_folder(folder: Path) -> None:
    """Make renames in it durable. Object stores mounted as folders may refuse this; they do not need it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


# --- hashed ----------------------------------------------------------------------------------------------------------------


def files_of(path: Path) -> list[Path]:
    """The file itself, or every file below a folder, in the order of their names."""
    return sorted(below for below in path.rglob("*") if below.is_file()) if path.is_dir() else [path]


def facts_of(path: Path) -> Facts:
    """Raises OSError if the file cannot be read."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            advance("bytes", len(chunk))
    return Facts(bytes=size, sha256=digest.hexdigest())


def is_as_recorded(path: Path, facts: Facts) -> bool:
    try:
        return path.stat().st_size == facts["bytes"] and facts_of(path) == facts
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def remove_unchanged(root: Path, files: Mapping[str, Facts]) -> None:
    """The files that nobody has changed, and a folder that is empty then."""
    for name, facts in files.items():
        if is_as_recorded(root / name, facts):
            remove(root / name)
            with contextlib.suppress(OSError):  # not empty
                (root / name).parent.rmdir()


# --- sealed ----------------------------------------------------------------------------------------------------------------


def seal_of(value: object) -> str:
    """sha256 over JSON values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Adds the seal. Secrets are starred first, so that the seal is that of the file's content."""
    written = as_sealed(value)
    write_unredacted(path, _json(written | {SEAL: seal_of(written)}))


def as_sealed(value: Any) -> Any:
    """JSON values as `write_sealed` writes them, for comparison. A short password may be a common word, and a record in which
    such a word is starred would belong to no run."""
    return redact_values(json.loads(json.dumps(value)), shortest=SHORTEST_IN_RECORDS)


def open_sealed(path: Path) -> dict[str, Any]:
    """What `write_sealed` wrote. Raises FileNotFoundError, and ValueError for anything else than that."""
    value = json.loads(path.read_bytes().decode("utf-8"))
    if not isinstance(value, dict) or value.pop(SEAL, None) != seal_of(value):
        raise ValueError(f"{path.name} is not as it was written")
    return value


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What `write_sealed` wrote, or None. A file that is not as it was written is set aside with a warning."""
    try:
        return open_sealed(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError, IsADirectoryError):
        aside = set_aside(path)
        log.warning("broken=%s: it is not as it was written; set aside as %s", path.name, aside.name)
        return None
