"""Whole checkpoints only: a manifest with sizes and hashes, written last, says that a checkpoint is complete.

transformers resumes from the highest number even where files are missing or bytes have flipped (a missing optimizer file
or a flipped weight gives exit 0 and other weights). So this module decides what it resumes from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path

from job.runs.folder import sync_folder, write_json

log = logging.getLogger("job.train")
MANIFEST = "manifest.json"


def seal(checkpoint: Path) -> None:
    """Sync every file and write the manifest."""
    files = {}
    for path in sorted(checkpoint.iterdir()):
        if path.name == MANIFEST:
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
            files[path.name] = {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    write_json(checkpoint / MANIFEST, files)
    sync_folder(checkpoint.parent)


def is_whole(checkpoint: Path) -> bool:
    try:
        files = json.loads((checkpoint / MANIFEST).read_text("utf-8"))
        for name, facts in files.items():
            with (checkpoint / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != facts["sha256"]:
                    return False
    except (OSError, ValueError, KeyError):
        return False
    return True


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def newest_whole(folder: Path) -> Path | None:
    """The checkpoint to continue from. Broken ones are moved to `broken-...`, never deleted."""
    found = [path for path in folder.glob("checkpoint-*") if path.is_dir() and path.name.rpartition("-")[2].isdecimal()]
    for checkpoint in sorted(found, key=step_of, reverse=True):
        if is_whole(checkpoint):
            return checkpoint
        aside = folder / f"broken-{checkpoint.name}"
        shutil.rmtree(aside, ignore_errors=True)
        checkpoint.replace(aside)
        log.warning("stage=train checkpoint=%s whole=false: moved to %s", checkpoint.name, aside.name)
    return None
