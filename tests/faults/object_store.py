"""An object store mounted as a folder, at its worst: it refuses to rename folders, and in a crash it loses every file that was
not synced since it was written.

`python -m tests.faults.object_store BACKING MOUNTPOINT` serves it until it is unmounted; SIGUSR1 is the crash. gcsfuse refuses
to rename folders with EMFILE by default; a file that is renamed without a sync and is empty after a power cut is ext4's and
most network file systems' behaviour.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def object_store(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`folder` on such a store; yields its server. Skips the test where FUSE cannot be mounted."""
    pytest.importorskip("mfusepy", reason="FUSE for Python (mfusepy) or its libfuse is missing", exc_type=Exception)
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("no FUSE here (/dev/fuse)")
    backing = folder.with_name(folder.name + "-backing")
    for made in (folder, backing):
        made.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.object_store", str(backing), str(folder)], stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 10
        while not os.path.ismount(folder):
            if server.poll() is not None or time.monotonic() > end:
                server.kill()
                pytest.skip(f"FUSE cannot be mounted here: {server.communicate()[1].decode()[-300:]}")
            time.sleep(0.05)
        yield server
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
        server.wait(timeout=10)


def crash(server: subprocess.Popen[bytes], folder: Path) -> None:
    """Every file that was not synced is empty after this."""
    server.send_signal(signal.SIGUSR1)
    (folder / ".crashed").write_bytes(b"")  # answered after the signal was handled
    (folder / ".crashed").unlink()


def serve(backing: str, mountpoint: str) -> None:
    import mfusepy

    unsynced: set[Path] = set()
    """Paths in `backing` that were written since they were synced."""

    def lose(*_: object) -> None:
        for path in unsynced:
            if path.exists():
                os.truncate(path, 0)
        unsynced.clear()

    class Store(mfusepy.Operations):  # type: ignore[misc]
        use_ns = True

        def at(self, path: str) -> Path:
            return Path(backing + path)

        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
            found = self.at(path).lstat()
            names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino")
            times = {f"st_{name}time": getattr(found, f"st_{name}time_ns") for name in "amc"}
            return {name: getattr(found, name) for name in names} | times

        def readdir(self, path: str, fh: int) -> list[str]:
            return [".", "..", *(below.name for below in self.at(path).iterdir())]

        def mkdir(self, path: str, mode: int) -> int:
            self.at(path).mkdir(mode)
            return 0

        def rmdir(self, path: str) -> int:
            self.at(path).rmdir()
            return 0

        def unlink(self, path: str) -> int:
            self.at(path).unlink()
            unsynced.discard(self.at(path))
            return 0

        def rename(self, old: str, new: str) -> int:
            if self.at(old).is_dir():
                raise mfusepy.FuseOSError(errno.EMFILE)
            self.at(old).rename(self.at(new))
            unsynced.discard(self.at(new))
            if self.at(old) in unsynced:
                unsynced.remove(self.at(old))
                unsynced.add(self.at(new))
            return 0

        def create(self, path: str, mode: int, fi: Any = None) -> int:
            unsynced.add(self.at(path))
            return os.open(self.at(path), os.O_RDWR | os.O_CREAT, mode)

        def open(self, path: str, flags: int) -> int:
            return os.open(self.at(path), os.O_RDWR if flags & 3 else os.O_RDONLY)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            return os.pread(fh, size, offset)

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            unsynced.add(self.at(path))
            return os.pwrite(fh, data, offset)

        def truncate(self, path: str, length: int, fh: int | None = None) -> int:
            unsynced.add(self.at(path))
            os.truncate(self.at(path), length)
            return 0

        def fsync(self, path: str, datasync: int, fh: int) -> int:
            unsynced.discard(self.at(path))
            return 0

        def flush(self, path: str, fh: int) -> int:
            return 0

        def release(self, path: str, fh: int) -> int:
            os.close(fh)
            return 0

        def chmod(self, path: str, mode: int) -> int:
            raise mfusepy.FuseOSError(errno.ENOTSUP)

        def utimens(self, path: str, times: Any = None) -> int:
            return 0

        def statfs(self, path: str) -> dict[str, int]:
            found = os.statvfs(backing)
            return {name: getattr(found, name) for name in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail")}

    signal.signal(signal.SIGUSR1, lose)
    mfusepy.FUSE(Store(), mountpoint, foreground=True, nothreads=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
