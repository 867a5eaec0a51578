"""Whole checkpoints only: a manifest with sizes and hashes, written last, says that a checkpoint is complete.

transformers resumes from the highest number even where files are missing or bytes have flipped (a missing optimizer file
or a flipped weight gives exit 0 and other weights). So this module decides what it resumes from. Beside transformers' files a
checkpoint holds the log and the facts of the candidates as they were then: whoever continues from it trusts it alone.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from job.runs.files import (
    facts_of,
    files_of,
    is_as_recorded,
    open_sealed,
    place,
    remove,
    set_aside,
    settle,
    sync_folder,
    write_sealed,
)

log = logging.getLogger("job.train")
MANIFEST = "manifest.json"
BESIDE = ("log.jsonl", "candidates/candidates.json")
"""Files of train/ that a checkpoint keeps a copy of, under their names without a folder."""


def seal(checkpoint: Path) -> None:
    """Copy what belongs to it, bring every file to the disk, and write the manifest. Broken checkpoints are removed then."""
    for name in BESIDE:
        source = checkpoint.parent.parent / name
        if source.exists():
            shutil.copyfile(source, checkpoint / source.name)
    remove(checkpoint / MANIFEST)
    settle(checkpoint)
    files = {path.relative_to(checkpoint).as_posix(): facts_of(path) for path in files_of(checkpoint)}
    write_sealed(checkpoint / MANIFEST, {"files": files})
    sync_folder(checkpoint.parent)
    for broken in checkpoint.parent.glob("broken-*"):
        remove(broken)


def seal_again(checkpoint: Path) -> None:
    """Once the evaluation after it is done: log and candidates as they are now, so that whoever continues from it does not
    repeat that evaluation. Milliseconds, in which a kill would cost this checkpoint: all other files keep their hashes."""
    files = open_sealed(checkpoint / MANIFEST)["files"]
    changed = []
    for name in BESIDE:
        source, copy = checkpoint.parent.parent / name, checkpoint / Path(name).name
        if source.exists():
            partial = copy.with_name(f"{copy.name}.partial")
            shutil.copyfile(source, partial)
            files[copy.name] = facts_of(partial)
            changed.append((partial, copy))
    for partial, copy in changed:
        place(partial, copy)
    write_sealed(checkpoint / MANIFEST, {"files": files})


def is_whole(checkpoint: Path) -> bool:
    try:
        files = open_sealed(checkpoint / MANIFEST)["files"]
        return all(is_as_recorded(checkpoint / name, facts) for name, facts in files.items())
    except (OSError, ValueError, KeyError):
        return False


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def newest_whole(folder: Path) -> Path | None:
    """The checkpoint to continue from. Broken ones are set aside as `broken-...`; ones that were never finished are removed,
    since nothing in them can be trusted and the disk may be full of them."""
    if folder.is_file():
        log.warning("stage=train broken=%s: it is no folder; set aside as %s", folder.name, set_aside(folder).name)
    found = [path for path in folder.glob("checkpoint-*") if path.is_dir() and path.name.rpartition("-")[2].isdecimal()]
    for checkpoint in sorted(found, key=step_of, reverse=True):
        if is_whole(checkpoint):
            return checkpoint
        if (checkpoint / MANIFEST).exists():
            aside = set_aside(checkpoint)
            log.warning("stage=train checkpoint=%s whole=false: set aside as %s", checkpoint.name, aside.name)
        else:
            remove(checkpoint)
            log.warning("stage=train checkpoint=%s finished=false: removed", checkpoint.name)
    return None
