"""The names that the job gives to files and folders in its output folder: what bears one of them there is replaced in time."""

from __future__ import annotations

import os
from pathlib import Path

FOLDERS = ("clean", "train", "adapter", "probe", "push")
RECORDS = ("clean.json", "train.json", "probe.json", "push.json")
"""Each with a hidden copy."""
FILES = (
    *("settings.json", "metrics.json", "report.html", "failure.json", "refused.json"),
    *("pins.json", "owner.json", "run_id"),
)
ASIDE = ("broken-", "kept-")
"""What gives way to the job's own keeps its name behind one of these."""


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
