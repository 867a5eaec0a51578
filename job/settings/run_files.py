"""The names that the job gives to files and folders in its output folder, where what bears one of them is replaced in time; and
the marks by which a folder is known to be a run's."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from job.settings.files import read_file

TRACKING = "tracking"
"""What a tracker writes that keeps its runs in files."""
FOLDERS = ("clean", "train", "adapter", "probe", "export", "lora", "merged", "push", TRACKING)
RECORDS = ("clean.json", "train.json", "probe.json", "export.json", "push.json")
"""Each with a hidden copy."""
FILES = (
    *("settings.json", "metrics.json", "report.html", "failure.json", "refused.json"),
    *("pins.json", "owner.json", "run_id"),
)
ASIDE = ("broken-", "kept-")
"""What gives way to the job's own keeps its name behind one of these."""
MARKS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*RECORDS, *(f".{name}" for name in RECORDS)), ("inputs", "result")),
    "settings.json": ("data", "hf_token"),
    "metrics.json": ("settings", "status", "stage", "exit_code"),
    "pins.json": ("pins", "sha256"),
}
"""Files by which a folder is known to be a run's, with the fields that they hold. One is enough: the others may be damaged.
Each is written after a start was accepted, and settings.json before any folder. metrics.json holds no settings until then."""
LEFT_BY_REFUSAL: dict[str, tuple[str, ...]] = {
    "metrics.json": ("status", "stage", "exit_code"),
    "failure.json": ("exit_code", "kind", "remedy"),
    "refused.json": ("exit_code", "kind", "remedy"),
    "owner.json": ("host", "pid"),
}
"""What a start may leave that was never accepted: what lies beside them may be the user's."""
RUN_NAME = re.compile(r"[0-9a-f]{32}")
"""What `run_id` holds. Other programs give such names too."""


def holds_run(folder: Path) -> bool:
    """Whether a start of this job was ever accepted there."""
    return any(_is_mark(folder / name) for name in MARKS)


def _is_mark(path: Path) -> bool:
    try:
        fields = fields_of(path)
    except PermissionError:  # one of another owner ends the start before anything is replaced
        return path.name in RECORDS
    accepted = path.name != "metrics.json" or fields.get("settings")
    return bool(accepted) and all(name in fields for name in MARKS[path.name])


def is_left_by_refusal(path: Path) -> bool:
    """Whether this may be all that is left of a start that was refused, or killed before it wrote anything else."""
    try:
        if path.name == "run_id":
            return any(RUN_NAME.fullmatch(line) for line in read_file(path, "ascii").split())
        if path.suffix == ".partial" and path.stem in (*FILES, *RECORDS):
            return path.is_file()
        fields = fields_of(path) if path.name in LEFT_BY_REFUSAL else {}
    except (OSError, ValueError):
        return False
    return bool(fields) and all(name in fields for name in LEFT_BY_REFUSAL[path.name])


def fields_of(path: Path) -> dict[str, Any]:
    """Those of a JSON file, whoever wrote it; none if it is torn, or larger than any of ours. Raises PermissionError."""
    try:
        value = json.loads(read_file(path))
    except PermissionError:
        raise
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_written(path: Path, root: Path) -> bool:
    """Whether the path is one of these in the output folder `root`, lies in one, or is one that is half done or set aside.

    Both as it is written and where its links lead.
    """
    led = (Path(os.path.realpath(one)) for one in (path, root))  # Path.resolve raises for links in a circle
    for place, folder in ((path.absolute(), root.absolute()), tuple(led)):
        if place != folder and place.is_relative_to(folder):
            name = place.relative_to(folder).parts[0]
            plain = name.removeprefix(".").removesuffix(".partial").removesuffix(".old")
            if name.startswith(ASIDE) or plain in (*FOLDERS, *RECORDS, *FILES):
                return True
    return False
