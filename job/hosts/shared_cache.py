"""A cache of downloads that several users share: what one of them writes there, the others may use and replace.

That is so where everybody may write HF_HOME, as in the image. Any other cache stays its owner's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTS = ("hub", "datasets", "xet")
"""Of HF_HOME, which may hold a token as well."""


@contextmanager
def shared(home: Path) -> Iterator[None]:
    """While something is downloaded to the cache of `home`. The umask is that of the whole process."""
    if not is_shared(home):
        yield
        return
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)
        share(home, *PARTS)


def is_shared(home: Path) -> bool:
    with suppress(OSError):
        return bool(home.stat().st_mode & stat.S_IWOTH)
    return False


def share(home: Path, *parts: str) -> None:
    """Let everybody read and write what this user has put there. Needed beside the umask for lock files, which the Hub client
    makes with mode 664 (huggingface_hub 2.4.0), and for files that were temporary ones (600)."""
    if not is_shared(home):
        return
    for part in parts:
        for folder, _, names in os.walk(home / part):
            for path in (Path(folder), *(Path(folder, name) for name in names)):
                with suppress(OSError):  # of another user, or gone by now
                    _open_up(path)


def _open_up(path: Path) -> None:
    found = path.lstat()
    wanted = found.st_mode | (0o777 if stat.S_ISDIR(found.st_mode) else 0o666)
    if found.st_uid == os.getuid() and wanted != found.st_mode and not stat.S_ISLNK(found.st_mode):
        path.chmod(stat.S_IMODE(wanted))
