"""How long a start takes until the end of its first step, from outside: any checkout of the job, by the lines of its log.

    python -m tests.bench.start_speed                                       this checkout, the quickstart's base and rows
    python -m tests.bench.start_speed --base FOLDER --job OTHER --cold      another base and checkout, from an empty page cache
    python -m tests.bench.start_speed --alone                               as in the image: with no other packages than it has

It starts a run, prints when each line of interest came, and kills the run once the line of step 1 is there. `--cold` asks the
kernel to forget the pages of the installed packages and of the base before; where it keeps some, the start is as warm as these.
`--alone` runs Python without its site folders, on links to the packages that the job requires, and to what they require:
transformers and TRL look through all that are installed, and import some that they find.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parents[2]
LINKS = Path(tempfile.gettempdir()) / "start_speed" / "site-packages"
"""The same each time, since bytecode goes by it; dill takes what lies in a folder of another name for Python's own."""
LINES = (
    ("the run begins", "stage=start version"),
    ("libraries are imported, the machine is checked", "stage=clean started"),
    ("rows are cleaned", "stage=clean finished"),
    ("the training's modules are imported, rows are read", "precision="),
    ("the base is loaded", "trainable_parameters="),
    ("the reference gradients are known", "self_test=measured"),
    ("the first optimization is on", "optimization=packed_rows"),
    ("all optimizations are on", "optimization=loss"),
    ("the memory plan is chosen", "memory_plan=selected"),
    ("the whole step is compared", "whole_step="),
    ("graphs are decided on", "optimization=graphs"),
    ("the base is evaluated", "step=0 eval_loss="),
    ("parts", "first_step=done"),
    ("the first step is done", "step=1 of="),
)


def start(job: Path, base: str, out: Path, packages: Sequence[Path] = ()) -> Iterator[tuple[float, str, str]]:
    """(seconds since the process began, what had come by then, the line). `packages`: the only folders with any."""
    settings = {
        "FINETUNE_STAGES": "clean,train",
        "FINETUNE_TRAIN_LOG_STEPS": "1",
        "FINETUNE_OUTPUT_DIR": str(out),
        "PYTHONPATH": os.pathsep.join(map(str, (job, *packages))),
        "XDG_CACHE_HOME": str(out / "cache"),  # no kernel of an earlier start
    }
    if base:
        settings |= {"FINETUNE_MODEL_BASE": base, "FINETUNE_MODEL_PAD_TOKEN": "reserved"}
    command = [sys.executable, *(["-S"] if packages else []), "entrypoint.py", "--env-file", "env/quickstart.env"]
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=job, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout
        left = list(LINES)
        for line in run.stdout:
            for number, (words, sign) in enumerate(left):
                if sign in line:
                    yield time.monotonic() - began, words, line.strip()
                    del left[: number + 1]
                    break
            if not left:
                break
        run.terminate()
        run.stdout.read()


def required(job: Path) -> set[str]:
    """The names of what the job requires, and of what that requires, as far as it is installed."""
    lines = tomllib.loads((job / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    found: set[str] = set()
    while lines:
        wanted = [one for one in map(Requirement, lines) if not one.marker or one.marker.evaluate({"extra": ""})]
        lines = []
        for name in {one.name for one in wanted} - found:
            found.add(name)
            try:
                lines += distribution(name).requires or []
            except PackageNotFoundError:
                found.discard(name)
    return found


def link(names: set[str], folder: Path) -> None:
    """Their files and folders, as they stand in a site folder."""
    for name in names:
        installed = distribution(name)
        for first in {file.parts[0] for file in installed.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            place = folder / first
            if not place.exists() and not first.endswith(".pth"):
                place.symlink_to(Path(str(installed.locate_file(first))).resolve())


def packages() -> set[Path]:
    """Where they are installed. None is imported here: mapped pages are not forgotten."""
    specs = [find_spec(name) for name in ("torch", "transformers", "bitsandbytes", "trl")]
    return {Path(spec.origin).parents[1] for spec in specs if spec and spec.origin}


def forget(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", default="", help="a folder; the quickstart's without it")
    parser.add_argument("--job", type=Path, default=HERE, help="a checkout of the job")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--alone", action="store_true", help="with no other packages than the job requires")
    options = parser.parse_args()
    if options.cold:
        for folder in (*packages(), *([Path(options.base)] if options.base else [])):
            forget(folder)
    job, before, words = options.job.resolve(), 0.0, ""
    if options.alone:
        LINKS.mkdir(parents=True, exist_ok=True)
        link(required(job), LINKS)
    with tempfile.TemporaryDirectory() as place:
        for seconds, words, line in start(job, options.base, Path(place) / "run", [LINKS] if options.alone else []):
            print(f"{seconds:6.2f} {seconds - before:+6.2f}  {words}", flush=True)
            if words == "parts":
                print("       " + line.partition("first_step=done ")[2])
            before = seconds
    if words != LINES[-1][0]:
        print("the run ended before", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
