"""The lock of a run folder: one run at a time works in it.

Two things say who works here. The kernel's lock on `.lock` ends with its processes, but a shared file system may not have it,
or keep it for a host that is gone, and somebody may remove the file. `owner.json` names host and process, and is written anew
with every heartbeat; a dead owner's stays as it was. Containers may share the names of host and kernel and all be process 1, so
a process is known by a random word, and as alive only by the time at which it began.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import secrets
import socket
import time
from pathlib import Path
from typing import IO

from job.errors import FolderInUse, HostUnfit

log = logging.getLogger("job")
LOCK, OWNER = ".lock", "owner.json"
DEAD_SECONDS = 120.0
"""An owner that has not written for so long is gone: four heartbeats."""
WATCH_SECONDS = 36.0
"""So long a younger owner.json is watched: more than one heartbeat."""


class FolderGone(HostUnfit):
    """What a run writes under the old name from then on would be a second, broken run."""

    remedy = (
        "Start again with FINETUNE_OUTPUT_DIR at the folder's new place: the run continues. While a run works, leave its "
        "folder where it is."
    )


class FolderLock:
    """Held until the process and its forks end. `root` must exist.

    `watch_seconds`: how long an owner on another host may take for its next heartbeat.
    """

    def __init__(self, root: Path, watch_seconds: float = WATCH_SECONDS) -> None:
        self.root = root
        self.owner = root / OWNER
        self.watch_seconds = watch_seconds
        self._file: IO[str] | None = None
        self._me = {
            "host": socket.gethostname(),
            "boot": _boot(),
            "pid": os.getpid(),
            "began": _began(os.getpid()),
            "word": secrets.token_hex(8),
        }
        self._beats = 0
        self._folder: list[int] = []

    def take(self) -> None:
        """Raises FolderInUse (72), and OSError if the folder cannot be written."""
        lock = (self.root / LOCK).open("a")
        held = _flock(lock)
        owner = self._read()
        if held is False and (owner is None or owner.get("boot") == _boot()):  # the same kernel: its lock tells
            lock.close()
            raise self._in_use(owner)
        locks_tell = (
            bool(held) and owner is not None and (owner.get("boot"), owner.get("lock")) == (_boot(), _file_id(lock))
        )
        if owner is not None and self._is_alive(owner, locks_tell=locks_tell):
            lock.close()
            raise self._in_use(owner)
        if owner is not None and not _is_here(owner):
            log.warning("stage=start lock=taken_over from_host=%s from_pid=%s", owner.get("host"), owner.get("pid"))
        self._file, self._folder = lock, _id(self.root.stat())
        try:
            self._write()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):  # a full disk is said by who needs its space
                raise

    def beat(self) -> None:
        """Say that this run is alive. Raises FolderInUse (72) if another process took the folder over, since this one gave no
        sign for too long, FolderGone (68) and OSError."""
        self.require_here()
        owner = self._read()
        if owner is not None and not self._is_mine(owner):
            raise self._in_use(owner)
        self._write()

    def require_here(self) -> None:
        """Raises FolderGone (68) if the folder no longer holds the file that this process has locked, FolderInUse (72) if it is
        the same folder with another's owner.json. Where a mount numbers its files anew, this process's owner.json is still
        there."""
        owner = self._read()
        if self._file is None or self._is_mine(owner or {}):
            return
        try:
            folder, found = _id(self.root.stat()), _id((self.root / LOCK).stat())
        except FileNotFoundError:
            folder, found = [], []
        if owner is not None and folder == self._folder:  # .lock was removed, and another run has made a new one
            raise self._in_use(owner)
        if found != _file_id(self._file):
            raise FolderGone(f"The output folder {self.root.absolute()} was moved or removed while the run worked.")

    def _write(self) -> None:
        self._beats += 1
        partial = self.owner.with_name(OWNER + ".partial")
        lock = _file_id(self._file) if self._file else []
        partial.write_text(json.dumps(self._me | {"lock": lock, "beats": self._beats}) + "\n", "utf-8")
        partial.replace(self.owner)

    def release(self) -> None:
        """At a regular end, so that the next start on another host need not watch for a heartbeat."""
        if self._is_mine(self._read() or {}):
            self.owner.unlink(missing_ok=True)

    def _read(self) -> dict[str, object] | None:
        try:
            value = json.loads(self.owner.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def _is_mine(self, owner: dict[str, object]) -> bool:
        return owner | self._me == owner

    def _is_alive(self, owner: dict[str, object], *, locks_tell: bool) -> bool:
        """Whether the owner's process runs here, or else still writes. The ages of two files are compared, so only the file
        system's clock counts. `locks_tell`: the owner would hold the lock that this process has got."""
        if _runs_here(owner):
            return True
        if locks_tell:
            return False
        probe = self.root / f"{LOCK}.probe-{os.getpid()}"
        probe.touch()
        try:
            age = probe.stat().st_mtime - self.owner.stat().st_mtime
        except FileNotFoundError:
            return False
        finally:
            probe.unlink(missing_ok=True)
        if age >= DEAD_SECONDS:
            return False
        log.info(
            "stage=start lock=watched host=%s seconds=%.0f: waiting for the next heartbeat of the run that held this folder",
            owner.get("host"),
            self.watch_seconds,
        )
        until = time.monotonic() + self.watch_seconds
        while time.monotonic() < until:
            time.sleep(min(0.5, self.watch_seconds / 10))
            if (found := self._read()) != owner:
                return found is not None
        return False

    def _in_use(self, owner: dict[str, object] | None) -> FolderInUse:
        who = f" (process {owner.get('pid')} on {owner.get('host')})" if owner else ""
        return FolderInUse(f"Another process is working in {self.root.absolute()}{who}.")


def word_in(root: Path) -> str:
    """What sets apart the run that holds that folder, as everybody reads it who sees the folder; empty without one."""
    try:
        return str(json.loads((root / OWNER).read_text("utf-8")).get("word", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _flock(lock: IO[str]) -> bool | None:
    """Whether this process holds it now; None where the file system has no such locks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _id(facts: os.stat_result) -> list[int]:
    """What JSON gives back as it was."""
    return [facts.st_dev, facts.st_ino]


def _file_id(file: IO[str]) -> list[int]:
    return _id(os.fstat(file.fileno()))


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _is_here(owner: dict[str, object]) -> bool:
    return (owner.get("host"), owner.get("boot")) == (socket.gethostname(), _boot())


def _began(pid: object) -> str:
    """When a process of this machine began, in clock ticks of the kernel; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _runs_here(owner: dict[str, object]) -> bool:
    """A number may be given again, and process 1 is another one in each container."""
    pid = owner.get("pid")
    return _is_here(owner) and isinstance(pid, int) and pid != os.getpid() and _began(pid) == owner.get("began") != ""
