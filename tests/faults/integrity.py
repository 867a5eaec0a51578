"""Every file of a run folder damaged: `python -m tests.faults.integrity [PLACES [finished|killed]]`, about twenty minutes.

Of a finished run and of one that was killed in the middle of training, each file in turn gets one flipped bit and the job is
started again, in this process, to its end. `found`: the log names it, and what was made again equals what was. `harmless`:
the log says nothing, and every result is the same. `SILENT`: the job went through, and a result differs; none may be.

Then each file is cut in half, and each is removed, and bits are flipped in 200 places at random, weighted by size. What the
job's own checks do not notice there must lie in a file that is not read: the job is started to see that (once a file in the
folder that was killed, each time in the finished one).
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from job import cli
from job.runs.files import files_of, is_as_recorded, open_sealed
from job.runs.logs import LineFormatter
from job.training import checkpoints
from job.training.candidates import FACTS, Candidates
from tests.conftest import run_job, unwatched
from tests.faults.runs import ALL_FORMS, STAGES, disturbed, require_no_secret, results, small_inputs, variables

NOTICED = re.compile(
    r"broken=|gone=|restored=|begun=unknown|earlier=changed|whole=false|finished=false|candidates=lost|error="
)
NOT_KEPT = (".lock", "manifest.partial")


def start(wanted: dict[str, str]) -> tuple[int, str]:
    """The job in this process, where its libraries are loaded already; its exit code and its log."""
    before, root = dict(os.environ), logging.getLogger()
    handlers, log = root.handlers[:], io.StringIO()
    os.environ.update(wanted)
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log), pytest.MonkeyPatch.context() as patched:
            patched.setattr("job.start.supervise", unwatched)
            code = cli.main([])
    finally:
        os.environ.clear()
        os.environ.update(before)
        root.handlers = handlers
        LineFormatter.stage = "start"
    require_no_secret(Path(wanted["FINETUNE_OUTPUT_DIR"]), log.getvalue())
    return code, log.getvalue()


def flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:  # in place: the file is not truncated
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def is_noticed(root: Path) -> bool:
    """What the job checks before it uses anything, without a start."""
    try:
        for stage in STAGES:
            if not (root / f"{stage}.json").exists():
                continue
            record = open_sealed(root / f"{stage}.json")
            if not all(is_as_recorded(root / name, facts) for name, facts in record.get("files", {}).items()):
                return True
        for checkpoint in root.glob("train/checkpoints/checkpoint-*"):
            if not checkpoints.is_whole(checkpoint):
                return True
        if not (facts := root / "train" / "candidates" / FACTS).exists():
            return False
        open_sealed(facts)
        return not Candidates(root / "train" / "candidates").is_whole()
    except ValueError:
        return True


class Folder:
    """A run folder to be spoilt again and again; `output` is where it is started."""

    def __init__(self, name: str, pristine: Path, output: Path, wanted: dict[str, str], result: dict[str, Any]) -> None:
        self.name, self.pristine, self.output, self.wanted, self.result = name, pristine, output, wanted, result
        self.judged: dict[str, str] = {}

    @property
    def files(self) -> list[Path]:
        found = (path.relative_to(self.pristine) for path in files_of(self.pristine))
        return [path for path in found if path.name not in NOT_KEPT and (self.pristine / path).stat().st_size]

    def fresh(self, file: Path) -> Path:
        """That file in a new copy."""
        shutil.rmtree(self.output, ignore_errors=True)
        shutil.copytree(self.pristine, self.output)
        return self.output / file

    def judge(self) -> str:
        code, log = start(self.wanted)
        noticed = bool(NOTICED.search(log))
        try:
            same = code == 0 and results(self.output) == self.result
        except (OSError, ValueError):
            same = False
        if same:
            return "found" if noticed else "harmless"
        return f"ended with exit code {code}" if code else "SILENT"


def every_file(folder: Folder, numbers: random.Random) -> Counter[str]:
    count: Counter[str] = Counter()
    for file in folder.files:
        size = (folder.pristine / file).stat().st_size
        flip(folder.fresh(file), numbers.randrange(size), numbers.randrange(8))
        verdict = folder.judged[str(file)] = folder.judge()
        count[verdict] += 1
        print(f"| {folder.name} | {file} | {verdict} |", flush=True)
    return count


def every_file_by(damage: Callable[[Path], None], folder: Folder) -> Counter[str]:
    """Cut or removed; the job is started where its checks notice nothing."""
    count: Counter[str] = Counter()
    for file in folder.files:
        damage(folder.fresh(file))
        verdict = "found" if is_noticed(folder.output) else folder.judge()
        count[verdict] += 1
        if verdict != "found":
            print(f"| {folder.name} | {file} {damage.__name__} | {verdict} |", flush=True)
    return count


def sample(folder: Folder, places: int, numbers: random.Random) -> Counter[str]:
    count: Counter[str] = Counter()
    files = folder.files
    sizes = [(folder.pristine / file).stat().st_size for file in files]
    for _ in range(places):
        (file,) = numbers.choices(files, sizes)
        place, bit = numbers.randrange((folder.pristine / file).stat().st_size), numbers.randrange(8)
        flip(folder.fresh(file), place, bit)
        if is_noticed(folder.output):
            verdict = "found"
        elif folder.name == "killed" and folder.judged.get(str(file)) == "harmless":
            verdict = "harmless"
        else:
            verdict = folder.judge()
        count[verdict] += 1
        if verdict == "SILENT":
            print(f"| {folder.name} | {file} bit {bit} of byte {place} | {verdict} |", flush=True)
    return count


def folders(root: Path) -> list[Folder]:
    """A finished run and one that was killed, both to be started in the same place."""
    torch.set_num_threads(1)  # as the jobs in processes of their own: sums by several threads come out otherwise
    inputs, output = small_inputs(root), root / "output"
    wanted = variables(inputs, output, TRAIN_EPOCHS="3", TRAIN_EVAL_STEPS="3", **ALL_FORMS)
    code, _ = disturbed(wanted, "stage=train step=8 of", lambda child: child.kill())
    assert code == -9
    killed = output.rename(root / "killed")
    assert run_job(wanted).returncode == 0
    result = results(output)
    finished = output.rename(root / "finished")
    return [Folder(path.name, path, output, wanted, result) for path in (finished, killed)]


def main(places: int, names: list[str]) -> int:
    numbers = random.Random(1)
    silent = 0
    with tempfile.TemporaryDirectory() as name:
        print("| run | file | one flipped bit |\n| --- | --- | --- |")
        for folder in folders(Path(name)):
            if names and folder.name not in names:
                continue
            for words, count in (
                ("every file", partial(every_file, folder, numbers)),
                ("every file cut", partial(every_file_by, cut, folder)),
                ("every file removed", partial(every_file_by, Path.unlink, folder)),
                (f"{places} places", partial(sample, folder, places, numbers)),
            ):
                found = count()
                silent += found["SILENT"]
                print(f"| {folder.name} | **{words}** | {dict(found)} |", flush=True)
    return int(silent > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2:]))
