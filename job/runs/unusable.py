"""What to do about a run folder that cannot be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

WRONG_KIND = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST)
"""A folder in place of a file, or a file in place of a folder."""


def remedy_of(error: OSError) -> str:
    """The sentence for the user. Root may read and write everything but what its mount refuses."""
    uid = os.getuid()
    if error.errno in WRONG_KIND:
        path = Path(error.filename2 or error.filename)
        found = next(place for place in (path, *path.parents) if place.exists())
        return f"Move {found.absolute()} away, or set FINETUNE_OUTPUT_DIR to another folder."
    elsewhere = f"set FINETUNE_OUTPUT_DIR to a folder that uid {uid} may write"
    if error.errno == errno.EROFS:
        return f"Mount it read-write, or {elsewhere}."
    if uid == 0:
        return f"Mount it read-write, or start with its owner's uid (--user $(stat -c %u:%g FOLDER)), or {elsewhere}."
    return f"Run `sudo chown -R {uid} FOLDER` on the host, or start with --user $(id -u):$(id -g), or {elsewhere}."
