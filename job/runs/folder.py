"""The run folder: the only state of a run, and the reason why the same command continues it.

Each stage leaves `<stage>.json` beside its files: its inputs first, its typed result when it is done. The next start with
the same inputs takes the stored result; with other inputs it stops and prints the difference. Knows nothing of a stage but its
name. Only this module writes records.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from job.errors import FolderError, HostUnfit
from job.results import SCHEMA_VERSION, Result
from job.runs.lock import FolderLock
from job.runs.redaction import redact

log = logging.getLogger("job")
SETTINGS = "settings.json"
"""Written by the first start that is accepted."""
R = TypeVar("R", bound=Result)


def write_text(path: Path, text: str) -> None:
    """Whole or not at all: written under another name, synced, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(redact(text))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_lines(path: Path, kind: type[R]) -> list[R]:
    """The whole lines of a JSONL file that hold a `kind`. A torn or foreign line is left out; a missing file gives []."""
    found = []
    try:
        with path.open("rb") as file:  # as bytes, so that a line that is not UTF-8 costs only itself
            for line in file:
                try:
                    found.append(kind.model_validate_json(line))
                except ValidationError:
                    continue
    except FileNotFoundError:
        return []
    return found


def sync_folder(folder: Path) -> None:
    """Make renames in it durable. Object stores mounted as folders may refuse this; they do not need it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def replace_folder(partial: Path, final: Path) -> None:
    """Put a finished folder in its place. Readers see the old one, none, or the new one; never half of one."""
    if final.exists():
        old = final.with_name(final.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        final.replace(old)
        partial.replace(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.replace(final)
    sync_folder(final.parent)


def difference(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """`train.learning_rate: 0.0002 -> 0.001`, one sentence per field that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from difference(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield f"{name}: {_short(old)} -> {_short(new)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


class RunDir:
    """One run's folder, held by this process alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reused: list[str] = []
        self.stage_seconds: dict[str, float] = {}
        self._lock = FolderLock(root)

    def open(self) -> None:
        """Make the folder, make sure that it can be written, and lock it.

        Raises HostUnfit (68) if it cannot be written, FolderInUse (72) if another process works in it.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock.take()
        except OSError as error:
            raise HostUnfit(
                f"The output folder {self.root.absolute()} cannot be written: {error.strerror or error}.",
                remedy=f"Set FINETUNE_OUTPUT_DIR to a folder that uid {os.getuid()} may write, or run "
                f"`sudo chown -R {os.getuid()} FOLDER` on the host, or start with --user $(id -u):$(id -g).",
            ) from error

    def beat(self) -> None:
        """Say to other processes that this run is alive."""
        self._lock.beat()

    def close(self) -> None:
        """Let the next start in at once, on whatever host."""
        self._lock.release()

    def holds_a_run(self) -> bool:
        """Whether a start has been accepted here before."""
        return (self.root / SETTINGS).exists()

    def record(self, stage: str) -> dict[str, Any] | None:
        """The stage's record, or None if there is none that can be read."""
        try:
            record = json.loads((self.root / f"{stage}.json").read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return record if isinstance(record, dict) and record.get("schema_version") == SCHEMA_VERSION else None

    def has_result(self, stage: str) -> bool:
        record = self.record(stage)
        return bool(record and record["result"] is not None)

    def refuse_other_run(self, stage: str, inputs: dict[str, Any], *, begun: bool) -> None:
        """Raises FolderError (61) if the folder holds this stage of another run.

        An unfinished stage that left nothing to continue (`begun` is false) accepts new inputs.
        """
        record = self.record(stage)
        if record is None or (record["result"] is None and not begun):
            return
        changes = list(difference(record["inputs"], json.loads(json.dumps(inputs))))
        if unknown := [
            f"{section}.{name}" for section in inputs for name in _new_names(record["inputs"], inputs, section)
        ]:
            raise FolderError(
                f"The folder {self.root.absolute()} holds a run of another version of this program, which did not "
                f"have {', '.join(unknown)} ({stage}).",
                remedy="Set FINETUNE_OUTPUT_DIR to a new folder, or use the version that began the run.",
            )
        if changes:
            raise FolderError(
                f"The folder {self.root.absolute()} holds a run with other settings ({stage}):\n  "
                + "\n  ".join(changes)
            )

    def step(
        self,
        stage: str,
        run: Callable[[], R],
        result_type: type[R],
        inputs: dict[str, Any],
        *,
        begun: bool = False,
        replaceable: bool = False,
    ) -> R:
        """Run a stage once in the life of this folder.

        `inputs`: everything that its result depends on, as JSON values. `begun`: an earlier attempt left something that this
        one continues, so other inputs are refused. `replaceable`: a stored result may be replaced by one with other inputs.
        Raises FolderError (61), and what `run` raises.
        """
        if not replaceable:
            self.refuse_other_run(stage, inputs, begun=begun)
        stored = self._stored(stage, result_type, inputs)
        if stored is not None:
            return stored
        started = time.monotonic()
        log.info("stage=%s started=true", stage)
        entry = {"schema_version": SCHEMA_VERSION, "stage": stage, "inputs": inputs, "seconds": None, "result": None}
        write_json(self.root / f"{stage}.json", entry)
        result = run()
        seconds = round(time.monotonic() - started, 3)
        entry |= {"seconds": seconds, "finished_at": now(), "result": result.model_dump(mode="json")}
        write_json(self.root / f"{stage}.json", entry)
        self.stage_seconds[stage] = seconds
        log.info("stage=%s finished=true seconds=%.1f", stage, seconds)
        return result

    def _stored(self, stage: str, result_type: type[R], inputs: dict[str, Any]) -> R | None:
        """The result of an earlier start with the same inputs, if every file that it names is still there."""
        record = self.record(stage)
        if not record or record["result"] is None or record["inputs"] != json.loads(json.dumps(inputs)):
            return None
        try:
            result = result_type.model_validate(record["result"])
        except ValidationError as error:
            raise FolderError(
                f"{self.root / stage}.json was written by another version of this program.",
                remedy="Set FINETUNE_OUTPUT_DIR to a new folder.",
            ) from error
        gone = [path for name, path in result if name.endswith("_path") and not (self.root / path).exists()]
        if gone:
            log.warning("stage=%s gone=%s: the stage runs again", stage, ",".join(gone))
            return None
        self.reused.append(stage)
        self.stage_seconds[stage] = record["seconds"]
        log.info("stage=%s reused=true seconds=%.1f", stage, record["seconds"])
        return result


def _new_names(before: dict[str, Any], now: dict[str, Any], section: str) -> list[str]:
    """Settings of a section that the record lacks."""
    known = before.get(section)
    return sorted(set(now[section]) - set(known)) if isinstance(known, dict) else []


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
