"""Whose an output folder is: a run never replaces what no run of this job has written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from job.errors import FolderError, SettingsError
from job.results import SCHEMA_VERSION
from job.runs.files import SEAL
from job.settings.fields import OUTPUT_DIR, Settings
from job.settings.files import find_file
from job.settings.run_files import RECORDS, fields_of, holds_run, is_left_by_refusal, is_written


def strangers(root: Path) -> list[str]:
    """What a run would replace in a folder that holds no run; empty for a run's folder, an empty or a missing one."""
    try:
        found = sorted(path.name for path in root.iterdir() if is_written(path, root))
    except OSError:  # none yet, or one that opening it refuses
        return []
    return [] if holds_run(root) else [name for name in found if not is_left_by_refusal(root / name)]


def _of_another_version(root: Path) -> list[str]:
    """Records of another layout than this program's. A flipped bit is none: it spoils one of two copies, or the seal alone.
    Those of 0.1.0 had neither copy nor seal."""
    found = []
    for name in RECORDS:
        with suppress(PermissionError):  # who reads the record says what to do
            record, copy = fields_of(root / name), fields_of(root / f".{name}")
            versions = {one["schema_version"] for one in (record, copy) if isinstance(one.get("schema_version"), int)}
            unsealed = "inputs" in record and SEAL not in record and not (root / f".{name}").exists()
            if (versions and SCHEMA_VERSION not in versions) or unsealed:
                found.append(name)
    return found


def require_this_version(root: Path) -> None:
    """Raises FolderError (61) if another version of this program wrote what lies there."""
    if others := _of_another_version(root):
        raise FolderError(
            f"The folder {root.absolute()} holds a run that another version of this program wrote: {', '.join(others)}.",
            remedy="Set FINETUNE_OUTPUT_DIR to a new folder, or use the version that began the run.",
        )


def require_own(settings: Settings) -> None:
    """Before anything is touched. Raises SettingsError (64) if the run would replace what it did not write or what it reads,
    FolderError (61) if another version wrote it."""
    root = settings.output_dir
    require_this_version(root)
    if found := strangers(root):
        shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if found[5:] else "")
        raise SettingsError(
            [
                f"{OUTPUT_DIR}: {root.absolute()} holds {shown}, which no run of this job wrote and a run would replace; "
                "choose an empty folder, or move them away"
            ]
        )
    base = settings.model.location
    if settings.model.is_local and os.path.realpath(base) == os.path.realpath(root):
        raise SettingsError(
            [
                f"{OUTPUT_DIR}: {root.absolute()} is FINETUNE_MODEL_BASE too; a run's folder is no base, choose another one"
            ]
        )
    if inside := [(variable, path) for variable, path in _given(settings) if is_written(path, root)]:
        raise SettingsError(
            [
                f"{variable}: {path} lies where the run writes its own files (FINETUNE_OUTPUT_DIR is {root.absolute()}); "
                "choose another output folder, or move it away"
                for variable, path in inside
            ]
        )


def _given(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The files and folders on this machine that the settings name."""
    yield from (("FINETUNE_DATA_SOURCES", source.path) for source in settings.data.sources if source.is_local)
    if settings.model.is_local:
        yield "FINETUNE_MODEL_BASE", Path(settings.model.location)
    for variable, name in (
        ("FINETUNE_DATA_SYSTEM_PROMPT_FILE", settings.data.system_prompt_file),
        ("FINETUNE_DATA_RULES_FILE", settings.data.rules_file),
        ("FINETUNE_MODEL_CHAT_TEMPLATE_FILE", settings.model.chat_template_file),
        ("FINETUNE_PROBE_QUESTIONS_FILE", settings.probe.questions_file),
    ):
        if name:
            yield variable, find_file(name)
