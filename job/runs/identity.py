"""The names of a run: random, a new one for each push. What the run leaves elsewhere bears the newest. And the repositories
that it has created, which it may make public.

A folder may be copied, and each copy may push. So a folder knows as its own only what bears a name that it had made itself, or
held when it was copied. Knows nothing of where that is.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from job.runs.files import write_unredacted
from job.settings.run_files import RUN_NAME

CREATED = "created "
"""What a line begins with that names a repository."""


def run_ids(root: Path) -> tuple[str, ...]:
    """All names of the run so far, the newest last. Anything else in their file counts as missing."""
    return tuple(line for line in _lines(root) if RUN_NAME.fullmatch(line))


def new_run_id(root: Path) -> tuple[str, ...]:
    """The same with one more, of 32 hexadecimal digits. Written, and synced, before it is used: a killed run keeps it."""
    _add(root, secrets.token_hex(16))
    return run_ids(root)


def created(root: Path) -> set[str]:
    """The repositories that the run has created, as `note_created` got them."""
    return {line.removeprefix(CREATED) for line in _lines(root) if line.startswith(CREATED)}


def note_created(root: Path, repository: str) -> None:
    _add(root, CREATED + repository)


def _lines(root: Path) -> list[str]:
    try:
        return (root / "run_id").read_bytes().decode("ascii", "replace").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return []


def _add(root: Path, line: str) -> None:
    known = [old for old in _lines(root) if RUN_NAME.fullmatch(old) or old.startswith(CREATED)]
    write_unredacted(root / "run_id", "".join(f"{one}\n" for one in [*known, line]))
