"""What is asked: an adapter, its base, the system prompt and the decoding of its run, as the records of a run folder say.

The folder is only read, without a lock, so this works beside a run that is still at work in it, and on a read-only mount.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from job import pipeline
from job.errors import ArgumentError, FolderError, HostUnfit, NotFound
from job.results import SCHEMA_VERSION, Cleaned, Probed, Result, Trained
from job.runs.files import is_as_recorded, open_sealed
from job.runs.folder import RunDir
from job.settings.fields import ModelSettings
from job.trained_base import base_of

R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Source:
    adapter: Path
    model: ModelSettings
    """The base, at the commit that was trained on."""
    system: str
    only_texts: bool
    """It was trained on plain texts alone: a question is a beginning, which the models continue."""
    max_new_tokens: int
    repetition_penalty: float
    precision: str = ""
    """Of training; empty if that is not known."""


def of_run(folder: Path, base: str) -> Source:
    """`base`: where the user says that the base is; empty for where the run found it.

    Raises ArgumentError (64) if there is no run, or one that the probe has not finished, FolderError (61) for one of another
    version, NotFound (66) for an adapter that is damaged and a base that is gone or another one, HostUnfit (68) if the folder
    cannot be read.
    """
    with _readable(folder):
        records = _records(folder)
        cleaned, trained = _result(folder, records, Cleaned), _result(folder, records, Trained)
        probed = _result(folder, records, Probed)
        adapter = folder / probed.adapter_path
        _require_intact(adapter, folder, records[Probed]["files"])
    said, asked = records[Trained]["inputs"]["model"], records[Probed]["inputs"]["probe"]
    return Source(
        adapter,
        base_of(said["base"], trained.base_revision or said["revision"], said["files"], base),
        cleaned.system_prompt,
        cleaned.only_texts,
        asked["max_new_tokens"],
        asked["repetition_penalty"],
        trained.precision.value,
    )


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostUnfit(
            f"{error.filename or folder} cannot be read: {error.strerror or error}.",
            remedy=f"Make it readable for uid {os.getuid()} (chmod -R a+rX {folder.absolute()}), or start as its owner "
            "(docker run --user).",
        ) from error


def _records(folder: Path) -> dict[type[Result], dict[str, Any]]:
    """Of the stages that are done. `RunDir.record` would mend a damaged one, and here nothing is written."""
    found = {stage.result: record for stage in pipeline.STAGES if (record := _record(folder, stage.name))}
    done = {kind: record for kind, record in found.items() if record.get("result") is not None}
    where = folder.absolute()
    if not found and not RunDir(folder).holds_a_run():
        above = "; it is an adapter alone, so name the folder of its run" if _is_adapter(folder) else ""
        there = (
            ", ".join(sorted(path.name for path in folder.iterdir())[:5]) if folder.is_dir() else "there is no folder"
        )
        raise ArgumentError(
            [f"--output: {where} holds no run ({there or 'it is empty'}){above}; FINETUNE_OUTPUT_DIR names it too"]
        )
    if other := [
        name for name in (record.get("schema_version") for record in found.values()) if name != SCHEMA_VERSION
    ]:
        raise FolderError(
            f"The run in {where} was written by another version of this program (schema {other[0]}, not {SCHEMA_VERSION}).",
            remedy="Ask with the version that wrote it, or train again in a new folder.",
        )
    missing = [kind for kind in (Cleaned, Trained, Probed) if kind not in done]
    if missing:
        names = {stage.result: stage.name for stage in pipeline.STAGES}
        there = ", ".join(names[kind] for kind in done) or "nothing"
        raise ArgumentError(
            [
                f"--output: the run in {where} is not finished: done is {there}, missing "
                f"{', '.join(names[kind] for kind in missing)}; start it again with its settings, it goes on from there"
            ]
        )
    return done


def _is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").exists()


def _record(folder: Path, stage: str) -> dict[str, Any] | None:
    """From the record or its copy, whichever is as it was written."""
    for name in (f"{stage}.json", f".{stage}.json"):
        try:
            return open_sealed(folder / name)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, RecursionError):
            continue
    return None


def _result(folder: Path, records: dict[type[Result], dict[str, Any]], kind: type[R]) -> R:
    try:
        return kind.model_validate(records[kind]["result"])
    except ValidationError as error:
        raise FolderError(
            f"The run in {folder.absolute()} was written by another version of this program.",
            remedy="Ask with the version that wrote it, or train again in a new folder.",
        ) from error


def _require_intact(adapter: Path, folder: Path, files: dict[str, Any]) -> None:
    mine = {name: facts for name, facts in files.items() if (folder / name).is_relative_to(adapter)}
    broken = [name for name, facts in mine.items() if not is_as_recorded(folder / name, facts)]
    if broken:
        raise NotFound(
            f"{', '.join(broken)} in {folder.absolute()} is gone or no longer as the run wrote it.",
            remedy="Start the run again with its settings: it makes the adapter anew.",
        )
