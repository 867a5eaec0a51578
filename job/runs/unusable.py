"""What to do about a run folder that cannot be used."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from job.errors import HostUnfit
from job.hosts.mounts import place_of, remedy
from job.settings.fields import OUTPUT_DIR

WRONG_KIND = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST)
"""A folder in place of a file, or a file in place of a folder."""


def remedy_of(error: OSError, root: Path) -> str:
    """The sentence for the user of the run folder `root`."""
    if error.errno in WRONG_KIND:
        path = Path(error.filename2 or error.filename)
        found = next(place for place in (path, *path.parents) if place.exists())
        return f"Move {found.absolute()} away, or set {OUTPUT_DIR} to another folder."
    return remedy(place_of(root, Path(error.filename or root)), error.errno, OUTPUT_DIR)


@contextmanager
def readable(root: Path) -> Iterator[None]:
    """Inside, what this user may not read of the run folder is HostUnfit (68)."""
    try:
        yield
    except PermissionError as error:
        raise HostUnfit(f"{error.filename} cannot be read: {error.strerror}.", remedy=remedy_of(error, root)) from error
