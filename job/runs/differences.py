"""How the inputs of two starts differ, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from job.errors import FolderError


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


def refusal(root: Path, stage: str, recorded: dict[str, Any], inputs: dict[str, Any], why: str) -> FolderError | None:
    """What to raise where a folder holds a stage with other inputs. `why`: a sentence on what stands in the way of making its
    result again."""
    if unknown := [f"{section}.{name}" for section in inputs for name in _new_names(recorded, inputs, section)]:
        return FolderError(
            f"The folder {root.absolute()} holds a run of another version of this program, which did not have "
            f"{', '.join(unknown)} ({stage}).",
            remedy="Set FINETUNE_OUTPUT_DIR to a new folder, or use the version that began the run.",
        )
    if changes := list(difference(recorded, inputs)):
        lines = "\n  ".join([*changes, why] if why else changes)
        return FolderError(f"The folder {root.absolute()} holds a run with other settings ({stage}):\n  {lines}")
    return None


def _new_names(before: dict[str, Any], now: dict[str, Any], section: str) -> list[str]:
    """Settings of a section that the record lacks."""
    known = before.get(section)
    return sorted(set(now[section]) - set(known)) if isinstance(known, dict) else []
