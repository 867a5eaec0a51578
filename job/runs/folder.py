"""The run folder: the only state of a run, and the reason why the same command continues it.

Each stage leaves `<stage>.json` beside its files: its inputs first; its typed result and the hashes of its files when it is
done. The next start with the same inputs takes the stored result, if the files are as recorded; with other inputs it stops and
prints the difference. Knows nothing of a stage but its name, which is that of its folder too. Only this module writes records.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

from pydantic import ValidationError

from job.errors import DiskFull, FolderError, HostUnfit
from job.results import SCHEMA_VERSION, Result
from job.runs.differences import difference, refusal
from job.runs.files import (
    Facts,
    as_sealed,
    facts_of,
    files_of,
    is_as_recorded,
    move,
    read_sealed,
    remove,
    remove_unchanged,
    retire,
    seal_of,
    set_aside,
    settle,
    unused,
    write_sealed,
)
from job.runs.lock import FolderLock
from job.runs.named_files import needed_of, paths, without
from job.runs.unusable import readable, remedy_of

log = logging.getLogger("job")
SETTINGS = "settings.json"
"""Written by the first start that is accepted."""
R = TypeVar("R", bound=Result)
ROOM, ROOM_BYTES = ".room", 512 * 1024
"""A file in the run folder that gives way to the last words of a run whose disk is full."""
OF_THE_VOLUME = "lost+found"
"""Belongs to root on every volume with ext4."""


class Consumer(NamedTuple):
    """The stage for which some files of the one before it are made."""

    stage: str
    returns: type[Result]
    inputs: dict[str, Any] | None = None
    """Those of its result; None for any."""


class FileChanged(HostUnfit):
    """A file of an earlier stage is no longer what this start has written or checked."""

    remedy = "Nothing but the job may write to its folder. If nothing else does, the volume is faulty: use another one."


class RunDir:
    """One run's folder, held by this process alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reused: list[str] = []
        self.stage_seconds: dict[str, float] = {}
        self._lock = FolderLock(root)
        self._files: dict[str, dict[str, Facts]] = {}
        """What each stage of this start has left or reused."""
        self._unchanged: dict[str, tuple[int, int, int]] = {}
        """Size, time and inode of each file when its hash was known to be that of the record."""
        self._given_up: set[str] = set()
        """Broken files of reused results that nothing needs any more."""

    def open(self) -> None:
        """Make the folder, make sure that it and the folders in it can be written, and lock it.

        Raises HostUnfit (68) if they cannot, FolderInUse (72) if another process works in it.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock.take()
            for folder in (
                path for path in sorted(self.root.rglob("*")) if path.is_dir() and path.name != OF_THE_VOLUME
            ):
                if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                    reason = f"no right to change {folder.relative_to(self.root)}/"
                    raise PermissionError(errno.EACCES, reason, str(folder))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"The disk of {self.root.absolute()} is full: {error.strerror}.") from error
            raise HostUnfit(
                f"The output folder {self.root.absolute()} cannot be written: {error.strerror or error}.",
                remedy=remedy_of(error, self.root),
            ) from error
        with contextlib.suppress(OSError):  # nearly full: the run will find that soon enough
            (self.root / ROOM).write_bytes(b"\0" * ROOM_BYTES)

    def make_room(self) -> None:
        """Free some space on a full disk, so that metrics.json can tell how the run ended."""
        remove(self.root / ROOM)

    def beat(self) -> None:
        """Say to other processes that this run is alive. Raises FolderInUse (72), FolderGone (68)."""
        self._lock.beat()

    def require_here(self) -> None:
        """Raises FolderGone (68) if the folder was moved or removed."""
        self._lock.require_here()

    def close(self) -> None:
        """Let the next start in at once, on whatever host."""
        self._lock.release()

    def holds_a_run(self) -> bool:
        """Whether a start has been accepted here before. Raises HostUnfit (68) if that cannot be read."""
        with readable(self.root):
            return (self.root / SETTINGS).exists() or any(self.root.glob(".*.json"))

    def forget(self) -> None:
        """Begin the walk over the stages again, as another start would."""
        self.reused.clear()
        self._files.clear()
        self._unchanged.clear()
        self._given_up.clear()

    def record(self, stage: str) -> dict[str, Any] | None:
        """The stage's record, or None without one.

        Records are kept twice. One that is not as it was written is set aside with a warning, and its copy takes its place.
        Raises HostUnfit (68) if it cannot be read.
        """
        path, copy = self.root / f"{stage}.json", self.root / f".{stage}.json"
        with readable(self.root):
            if not path.exists():
                return None
            record = read_sealed(path)
            if record is None and (record := read_sealed(copy)):
                write_sealed(path, record)
                log.warning("stage=%s restored=%s: from its copy", stage, path.name)
        return record if record and record.get("schema_version") == SCHEMA_VERSION else None

    def _write_record(self, stage: str, entry: dict[str, Any]) -> None:
        for name in (f".{stage}.json", f"{stage}.json"):
            write_sealed(self.root / name, entry)

    def has_result(self, stage: str) -> bool:
        record = self.record(stage)
        return bool(record and record["result"] is not None)

    def has_result_of(self, stage: str, inputs: dict[str, Any]) -> bool:
        """Whether the stage has a result with these inputs."""
        record = self.record(stage)
        return bool(record and record["result"] is not None and record["inputs"] == as_sealed(inputs))

    def not_as_recorded(self, stage: str, result_type: type[Result], consumer: Consumer | None = None) -> list[str]:
        """The files of a stored result that are gone or have changed, without those that nothing else needs.

        `consumer`: the next stage, for which some were made.
        """
        record = self.record(stage)
        if not record or record["result"] is None:
            return []
        result = self._result(stage, record, result_type)
        broken = self._broken(needed_of(result, record["files"]))
        handed_on_alone = not without(result, result.handed_on, broken)
        return [] if handed_on_alone and self._is_done(consumer) else broken

    def _is_done(self, consumer: Consumer | None, earlier: dict[str, str] | None = None) -> bool:
        """Whether its result and its files are there. `earlier`: what it must have been made from."""
        record = self.record(consumer.stage) if consumer else None
        if not consumer or not record or record["result"] is None:
            return False
        if consumer.inputs is not None and record["inputs"] != as_sealed(consumer.inputs):
            return False
        return earlier in (None, record["earlier"]) and not self.not_as_recorded(consumer.stage, consumer.returns)

    def _result(self, stage: str, record: dict[str, Any], result_type: type[R]) -> R:
        """Raises FolderError (61)."""
        try:
            return result_type.model_validate(record["result"])
        except ValidationError as error:
            raise FolderError(
                f"{self.root / stage}.json was written by another version of this program.",
                remedy="Set FINETUNE_OUTPUT_DIR to a new folder.",
            ) from error

    def refuse_other_run(self, stage: str, inputs: dict[str, Any], *, begun: bool, why: str = "") -> None:
        """Raises FolderError (61) if the folder holds this stage of another run.

        An unfinished stage that left nothing to continue (`begun` is false) accepts new inputs. `why`: a sentence on what
        stands in the way of making the result again.
        """
        record = self.record(stage)
        if record is None or (record["result"] is None and not begun):
            return
        if refused := refusal(self.root, stage, record["inputs"], as_sealed(inputs), why):
            raise refused

    def step(
        self,
        stage: str,
        run: Callable[[], R],
        result_type: type[R],
        inputs: dict[str, Any],
        *,
        begun: bool = False,
        replaceable: bool = False,
        again: bool = False,
        later: Sequence[str] = (),
        lacking: Callable[[list[str]], NoReturn] | None = None,
        consumer: Consumer | None = None,
    ) -> R:
        """Run a stage once in the life of this folder.

        `inputs`: everything that its result depends on, as JSON values. `begun`: an earlier attempt left something that this
        one continues, so other inputs are refused. `replaceable`: a stored result may be replaced by one with other inputs;
        those of the stages `later`, which came of it, are discarded then. `again`: a stored result is made again.
        `lacking`: called in place of `run`, with the names of broken or missing files, where this start may not run the stage:
        nothing is touched then. `consumer`: the next stage, for which some files are made. Raises FolderError (61), and what
        `run` or `lacking` raises.
        """
        if not replaceable:
            self.refuse_other_run(stage, inputs, begun=begun)
        record = self.record(stage)
        stored = None if again else self._stored(stage, record, result_type, inputs, lacking, consumer)
        if stored is not None:
            return stored
        if lacking:
            lacking([])
        self._require_intact()
        if begun and (record is None or record["earlier"] != self.earlier()):
            self._begin_anew(stage, "begun=unknown: what it was begun with is unknown or has changed")
        if (self.root / stage).is_file():
            self._begin_anew(stage, f"broken={stage}: it is no folder")
        if record and record["result"] is not None and record["inputs"] != as_sealed(inputs):
            self._discard(stage, record["inputs"], inputs, later)
        started = time.monotonic()
        log.info("stage=%s started=true", stage)
        entry = {
            "schema_version": SCHEMA_VERSION,
            "stage": stage,
            "inputs": inputs,
            "earlier": self.earlier(),
            "seconds": None,
            "result": None,
        }
        self._write_record(stage, entry)
        result = run()
        hashed = self._hash(result)
        self._files[stage] = needed_of(result, hashed)
        seconds = round(time.monotonic() - started, 3)
        entry |= {"seconds": seconds, "finished_at": now(), "result": result.model_dump(mode="json"), "files": hashed}
        self._write_record(stage, entry)
        self._remove_aside(stage)
        self.stage_seconds[stage] = seconds
        log.info("stage=%s finished=true seconds=%.1f", stage, seconds)
        return result

    def _stored(
        self,
        stage: str,
        record: dict[str, Any] | None,
        result_type: type[R],
        inputs: dict[str, Any],
        lacking: Callable[[list[str]], NoReturn] | None,
        consumer: Consumer | None,
    ) -> R | None:
        """The result of an earlier start with the same inputs, if its files and those of the stages before it are as recorded.

        Files that were made for the next stage alone may be gone once that is done. Broken files are set aside. Raises
        HostUnfit (68) for a file that cannot be read.
        """
        if not record or record["result"] is None or record["inputs"] != as_sealed(inputs):
            return None
        result = self._result(stage, record, result_type)
        if record["earlier"] != self.earlier():
            log.warning("stage=%s earlier=changed: what it was made from is no longer the same; it runs again", stage)
            return None
        broken = self._broken(record["files"])
        files = needed_of(result, record["files"])
        needed = [name for name in broken if name in files]
        handed_on_alone = needed and not without(result, result.handed_on, needed)
        if handed_on_alone and self._is_done(consumer, {**self.earlier(), stage: seal_of(files)}):
            needed = []
        if needed and lacking:
            lacking(needed)
        for name in broken:
            self._set_aside(stage, name, "the stage runs again" if needed else "nothing else needs it")
        if needed:
            return None
        self._files[stage] = files
        self._given_up.update(broken)
        self.reused.append(stage)
        self.stage_seconds[stage] = record["seconds"]
        log.info("stage=%s reused=true seconds=%.1f", stage, record["seconds"])
        return result

    def _discard(self, stage: str, before: dict[str, Any], inputs: dict[str, Any], later: Sequence[str]) -> None:
        """The results that came of the one that is about to be replaced, the last stage's first, with those of their files
        that nobody has changed and no earlier stage has. A record goes after its files: half of a result is none."""
        log.info("stage=%s replaced=true: %s", stage, "; ".join(difference(before, as_sealed(inputs))))
        if later:  # a page is written at every ending but a kill, which would leave that of results that are gone
            remove(self.root / "report.html")
        kept = {name for files in self._files.values() for name in files}
        for name in reversed(later):
            files = (self.record(name) or {}).get("files") or {}
            remove_unchanged(self.root, {file: facts for file, facts in files.items() if file not in kept})
            for path in (self.root / f"{name}.json", self.root / f".{name}.json"):
                remove(path)

    # --- what it wrote is what it reads ------------------------------------------------------------------------------

    def _hash(self, result: Result) -> dict[str, Facts]:
        """Size and sha256 of every file that a result names, on the disk by then."""
        facts = {}
        for _, path in paths(result):
            settle(self.root / path)
            for file in files_of(self.root / path):
                relative = file.relative_to(self.root).as_posix()
                facts[relative] = facts_of(file)
                self._unchanged[relative] = _identity(file)
        return facts

    def _broken(self, files: dict[str, Facts]) -> list[str]:
        """Those that are not as recorded. A file is read again unless size and time are those of when it was read last.

        Raises HostUnfit (68) for a file that cannot be read.
        """
        broken = []
        for name, facts in files.items():
            path = self.root / name
            try:
                if name in self._unchanged and self._unchanged[name] == _identity(path):
                    continue
                if is_as_recorded(path, facts):
                    self._unchanged[name] = _identity(path)
                else:
                    broken.append(name)
            except OSError as error:
                what = f"{path} cannot be read: {error.strerror}."
                raise HostUnfit(what, remedy=remedy_of(error, self.root)) from error
        return broken

    def earlier(self) -> dict[str, str]:
        """What a stage is made from: a digest over the files of each stage before it."""
        return {stage: seal_of(files) for stage, files in self._files.items() if files}

    def _require_intact(self) -> None:
        """Raises FileChanged if a file of an earlier stage changed while this run worked."""
        for stage, files in self._files.items():
            if broken := self._broken({name: facts for name, facts in files.items() if name not in self._given_up}):
                raise FileChanged(
                    f"{', '.join(broken)} (stage {stage}) changed after this run had written or checked it."
                )

    def _set_aside(self, stage: str, name: str, then: str) -> None:
        path = self.root / name
        if not path.exists():
            log.warning("stage=%s gone=%s: %s", stage, name, then)
            return
        aside = unused(self.root / f"broken-{path.name}")  # an earlier one may be rows that the user has edited
        move(path, aside)
        log.warning("stage=%s broken=%s: it is not as recorded; set aside as %s, %s", stage, name, aside.name, then)

    def _begin_anew(self, stage: str, why: str) -> None:
        """Set aside what lies in the stage's place: nothing shows that it was made from the same inputs."""
        if (self.root / stage).exists():
            aside = set_aside(self.root / stage)
            log.warning("stage=%s %s; set aside as %s, it begins anew", stage, why, aside.name)

    def _remove_aside(self, stage: str) -> None:
        """The attempt that a finished one has replaced: gigabytes of checkpoints. A file in its place is not the job's."""
        if (aside := self.root / f"broken-{stage}").is_dir():
            retire(aside, self.root / stage, stage)


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
