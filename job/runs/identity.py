"""The name of a run: random, made once in the life of its folder. What the run leaves elsewhere bears it.

Knows nothing of where that is.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from job.runs.files import write_unredacted

NAME = re.compile(r"[0-9a-f]{32}")


def run_id(root: Path) -> str:
    """32 hexadecimal digits. Written, and synced, before they are used: a run that is killed keeps its name.

    Anything else under its name counts as missing.
    """
    path = root / "run_id"
    try:
        known = path.read_bytes().decode("ascii", "replace").strip()
    except (FileNotFoundError, IsADirectoryError):
        known = ""
    if not NAME.fullmatch(known):
        known = secrets.token_hex(16)
        write_unredacted(path, known + "\n")
    return known
