"""How long a start takes until the end of its first step, from outside: any checkout of the job, by the lines of its log.

    python -m tests.bench.start_speed                                       this checkout, the quickstart's base and rows
    python -m tests.bench.start_speed --base FOLDER --job OTHER --cold      another base and checkout, from an empty page cache

It starts a run, prints when each line of interest came, and kills the run once the line of step 1 is there. `--cold` asks the
kernel to forget the pages of the installed packages and of the base before; where it keeps some, the start is as warm as these.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
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


def start(job: Path, base: str, out: Path) -> Iterator[tuple[float, str, str]]:
    """(seconds since the process began, what had come by then, the line)."""
    settings = {
        "FINETUNE_STAGES": "clean,train",
        "FINETUNE_TRAIN_LOG_STEPS": "1",
        "FINETUNE_OUTPUT_DIR": str(out),
        "PYTHONPATH": str(job),
        "XDG_CACHE_HOME": str(out / "cache"),  # no kernel of an earlier start
    }
    if base:
        settings |= {"FINETUNE_MODEL_BASE": base, "FINETUNE_MODEL_PAD_TOKEN": "reserved"}
    command = [sys.executable, "entrypoint.py", "--env-file", "env/quickstart.env"]
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
    options = parser.parse_args()
    if options.cold:
        for folder in (*packages(), *([Path(options.base)] if options.base else [])):
            forget(folder)
    with tempfile.TemporaryDirectory() as place:
        before = 0.0
        for seconds, words, line in start(options.job.resolve(), options.base, Path(place) / "run"):
            print(f"{seconds:6.2f} {seconds - before:+6.2f}  {words}", flush=True)
            if words == "parts":
                print("       " + line.partition("first_step=done ")[2])
            before = seconds
    return 0


if __name__ == "__main__":
    sys.exit(main())
