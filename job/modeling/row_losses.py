"""train/row_losses/: what each evaluation row lost in training's evaluations, for the probe.

Training takes the loss of every evaluation row at each evaluation, the first time with the base model's. That is a fifth of its
own time for the two models that the probe compares, and it need not be spent twice. Nothing depends on these files: what is
missing or broken is computed again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from job.runs.files import open_sealed, remove, write_sealed

FOLDER = "row_losses"


def write(folder: Path, step: int, sums: Sequence[float], *, keep: Collection[int]) -> None:
    """`sums`: of each row. `keep`: the steps of other files that stay."""
    folder.mkdir(exist_ok=True)
    write_sealed(_path(folder, step), {"sums": list(sums)})
    stay = {_path(folder, other) for other in (step, *keep)}
    for path in folder.iterdir():
        if path not in stay:
            remove(path)


def read(folder: Path, steps: Collection[int], rows: int) -> dict[int, list[float]] | None:
    """Step -> the sum of each of so many rows; None unless all of these steps are there."""
    try:
        found = {step: [float(total) for total in open_sealed(_path(folder, step))["sums"]] for step in steps}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if all(len(sums) == rows for sums in found.values()) else None


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step}.json"
