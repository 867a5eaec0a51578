"""The names of a run: random, a new one for each push. What the run leaves elsewhere bears the newest.

A folder may be copied, and each copy may push. So a folder knows as its own only what bears a name that it had made itself, or
held when it was copied. Knows nothing of where that is.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from job.runs.files import write_unredacted
from job.settings.run_files import RUN_NAME


def run_ids(root: Path) -> tuple[str, ...]:
    """All names of the run so far, the newest last. Anything else in their file counts as missing."""
    try:
        lines = (root / "run_id").read_bytes().decode("ascii", "replace").split()
    except (FileNotFoundError, IsADirectoryError):
        return ()
    return tuple(line for line in lines if RUN_NAME.fullmatch(line))


def new_run_id(root: Path) -> tuple[str, ...]:
    """The same with one more, of 32 hexadecimal digits. Written, and synced, before it is used: a killed run keeps it."""
    names = (*run_ids(root), secrets.token_hex(16))
    write_unredacted(root / "run_id", "\n".join(names) + "\n")
    return names
