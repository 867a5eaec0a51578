"""Disks that fill, and mounts that are no real file systems: `python -m tests.faults.storage [WORD ...]`, about eight
minutes, or the rows whose names hold one of the words.

The real job, on a disk of 64 MB that is full from the moment at which a stage begins, and on an object store that refuses to
rename folders and loses what was not synced. Every run is started again, and must end in the same bytes as an undisturbed one.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from job.errors import DiskFull, HostUnfit
from tests.conftest import metrics_of, run_job
from tests.faults import runs
from tests.faults.object_store import crash, object_store
from tests.faults.runs import disturbed, require_no_secret, results, small_inputs
from tests.faults.small_disk import fill, small_disk

DISK_BYTES = 64 * 2**20
MOMENTS = {
    "the first line": "stage=start version=",
    "clean": "stage=clean started=true",
    "train": "stage=train started=true",
    "the first checkpoint": "stage=train step=0 eval_loss=",
    "the adapter": "stage=train best_step=",
    "probe": "stage=probe started=true",
    "export": "stage=export started=true",
}
"""What the disk is full for, and the line of the log after which it is. Push and report come too fast after each other: for
them a finished run without its last record is started on a full disk."""
ALSO = {"the first line": HostUnfit.exit_code, "the adapter": 0}
"""What a run may end with where the disk is full a moment later: the check of the disk says so, or what a removed checkpoint
has freed is enough for the rest."""
Row = tuple[str, str, str, str]


def variables(inputs: tuple[Path, Path], output: Path) -> dict[str, str]:
    """With the forms of the default."""
    return runs.variables(inputs, output, EXPORT="adapter,lora")


def full_at(moment: str, inputs: tuple[Path, Path], wanted: dict[str, object], folder: Path) -> Row:
    """The disk is full from this moment on; then there is room again."""
    with small_disk(folder, DISK_BYTES) as disk:
        output = disk / "output"
        code, log = disturbed(variables(inputs, output), MOMENTS[moment], lambda _: fill(disk))
        said = next((line for line in log.splitlines() if "error=DiskFull" in line), log[-300:])
        (disk / "ballast").unlink()
        again = run_job(variables(inputs, output))
        same = again.returncode == 0 and results(output) == wanted
        reused = metrics_of(output)["reused"] if same else again.stderr[-500:]
        require_no_secret(output, log + again.stdout + again.stderr)
    assert code in (DiskFull.exit_code, ALSO.get(moment)), (moment, log[-3000:])
    return f"disk full: {moment}", str(code), said[21:120], f"{'equal' if same else 'DIFFERENT'}, reused {reused}"


def full_for_the_push(inputs: tuple[Path, Path], wanted: dict[str, object], folder: Path) -> Row:
    with small_disk(folder, DISK_BYTES) as disk:
        output = disk / "output"
        assert run_job(variables(inputs, output)).returncode == 0
        for name in ("push.json", ".push.json"):
            (output / name).unlink()
        fill(disk)
        result = run_job(variables(inputs, output))
        said = next((line for line in result.stderr.splitlines() if "error=DiskFull" in line), result.stderr[-300:])
        (disk / "ballast").unlink()
        again = run_job(variables(inputs, output))
        same = again.returncode == 0 and results(output) == wanted
        reused = metrics_of(output)["reused"] if same else again.stderr[-500:]
    return (
        "disk full: push",
        str(result.returncode),
        said[21:120],
        f"{'equal' if same else 'DIFFERENT'}, reused {reused}",
    )


def too_small(inputs: tuple[Path, Path], folder: Path) -> Row:
    """A disk that cannot hold the run is found before any work."""
    with small_disk(folder, 8 * 2**20) as disk:
        result = run_job(variables(inputs, disk / "output"))
        cleaned = (disk / "output" / "clean").exists()
    said = next((line for line in result.stderr.splitlines() if "error=" in line), result.stderr[-300:])
    return (
        "disk too small for the run",
        str(result.returncode),
        said[21:120],
        "nothing begun" if not cleaned else "BEGUN",
    )


def on_an_object_store(inputs: tuple[Path, Path], wanted: dict[str, object], folder: Path) -> Row:
    """It goes through, and nothing that a later start relies on was left unsynced."""
    with object_store(folder) as server:
        output = folder / "output"
        result = run_job(variables(inputs, output))
        crash(server, folder)
        again = run_job(variables(inputs, output))
        same = again.returncode == 0 and results(output) == wanted
        reused = metrics_of(output)["reused"] if again.returncode == 0 else again.stderr[-500:]
    return (
        "folders not renamed, a crash",
        str(result.returncode),
        "",
        f"{'equal' if same else 'DIFFERENT'}, reused {reused}",
    )


def stopped_on_an_object_store(inputs: tuple[Path, Path], wanted: dict[str, object], folder: Path) -> Row:
    """Killed in training, with a crash of the store: what its checkpoint says is there."""
    with object_store(folder) as server:
        output = folder / "output"
        code, _ = disturbed(variables(inputs, output), "step=3 ", lambda child: child.kill())
        crash(server, folder)
        again = run_job(variables(inputs, output))
        same = again.returncode == 0 and results(output) == wanted
        step = metrics_of(output)["train"]["resumed_from_step"] if same else again.stderr[-500:]
    return "killed at step 3, a crash", str(code), "", f"{'equal' if same else 'DIFFERENT'}, resumed from step {step}"


def main(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        inputs = small_inputs(folder)
        assert run_job(variables(inputs, folder / "wanted")).returncode == 0
        wanted = results(folder / "wanted")
        rows: dict[str, Callable[[], Row]] = {
            "disk too small": partial(too_small, inputs, folder / "small"),
            **{f"disk full: {moment}": partial(full_at, moment, inputs, wanted, folder / "disk") for moment in MOMENTS},
            "disk full: push": partial(full_for_the_push, inputs, wanted, folder / "full"),
            "folders not renamed": partial(on_an_object_store, inputs, wanted, folder / "store"),
            "killed at step 3": partial(stopped_on_an_object_store, inputs, wanted, folder / "stopped"),
        }
        print("| fault | exit code | said | next start |\n| --- | --- | --- | --- |")
        for name, row in rows.items():
            if not words or any(word in name for word in words):
                print("| " + " | ".join(row()) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
