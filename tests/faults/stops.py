"""SIGTERM wherever a run spends its time, on a base of any size: `python -m tests.faults.stops BASE [WORD ...]`.

BASE is a folder, such as the one of Llama 3.2 3B's shape that `python -m tests.bench.random_base BASE` makes; a stand-in Hub
serves it. One run is stopped in each place in turn, and the next start goes on; words choose places by their names. Prints how
long each end took and what the last start came to. Exits with 1 if an end took ten seconds or had another exit code than 75 (0
where the run was over). Needs an NVIDIA GPU; with a base of that shape it takes eight minutes on an H100.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import WRITE_TOKEN, make_rows, metrics_of, run_job, small_run, start_job, write_rows
from tests.faults.hub import FILE, STORE, hangs
from tests.standin_hub import StandInHub

LONGEST_SECONDS = 10.0
BASE, ADAPTER = "meta/base", "alice/adapter"
SHOWN = ("steps", "tokens_per_second", "train_seconds", "checkpoint_seconds", "train_tokens")


def nothing(hub: StandInHub) -> None:
    pass


@dataclass(frozen=True)
class Place:
    """The signal comes `seconds` after a line of the log that holds `line`."""

    name: str
    line: str
    seconds: float
    arrange: Callable[[StandInHub], object] = nothing
    codes: tuple[int, ...] = (75,)


PLACES = (
    Place("imports", "stage=start version", 0.5),
    Place("download of the base", "stage=train started", 4, lambda hub: hub.trickle(f"{FILE}.*safetensors", 10**6)),
    Place("loading of the base", "stage=train precision", 0.5),
    Place("self-test", "stage=train trainable", 2),
    Place("dry run", "optimization=kernels", 0),
    Place("first evaluation", "memory_plan=selected", 1.5),
    Place("a step", "stage=train step=3 ", 0.1),
    Place("evaluation", "stage=train step=10 of", 0.3),
    Place("round trip", "stage=train best_step", 1),
    Place("answers of the base", "stage=probe started", 2),
    Place("answers of the adapter", "stage=probe answered", 1),
    Place("upload", "stage=push started", 4, hangs(STORE)),
    Place("report", "verified=true", 0, codes=(0, 75)),
)


def stopped_in(place: Place, variables: dict[str, str]) -> tuple[int, float, str]:
    """(exit code, seconds from the signal to the end, the last lines of the log)."""
    child = start_job(variables, stderr=subprocess.STDOUT)
    assert child.stdout
    last: deque[str] = deque(maxlen=30)
    for line in iter(child.stdout.readline, ""):
        last.append(line)
        if place.line in line:
            break
    rest = threading.Thread(target=lambda: last.extend(child.stdout or ()), daemon=True)
    rest.start()
    time.sleep(place.seconds)
    began = time.monotonic()
    child.terminate()
    try:
        code = child.wait(120)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    seconds = time.monotonic() - began
    rest.join(10)
    return code, seconds, "".join(last)


def variables_of(hub: StandInHub, root: Path) -> dict[str, str]:
    rows = write_rows(root / "rows.jsonl", make_rows(600))
    changes = {
        "DATA_EVAL_FRACTION": "0.3",
        "MODEL_PAD_TOKEN": "add",
        "MODEL_SAVE_EMBEDDING": "full",
        "TRAIN_LEARNING_RATE": "0.0002",
        "TRAIN_EVAL_STEPS": "10",
        "PROBE_ANSWERS": "8",
        "PROBE_MAX_NEW_TOKENS": "200",
        "HUB_REPO_ID": ADAPTER,
    }
    run = small_run(Path(BASE), rows, root / "output", **changes)
    return {**run, **hub.environment(WRITE_TOKEN), "HF_HOME": str(root / "hf")}


def main(base: Path, words: list[str]) -> int:
    wrong = []
    with (
        tempfile.TemporaryDirectory() as name,
        StandInHub({WRITE_TOKEN: ("alice", "write")}) as hub,
    ):
        root = Path(name)
        hub.add_repo("model", BASE, {path.name: path.read_bytes() for path in base.iterdir()})
        variables = variables_of(hub, root)
        print("| SIGTERM in | exit code | seconds to the end |\n| --- | --- | --- |", flush=True)
        for place in PLACES:
            if words and not any(word in place.name for word in words):
                continue
            place.arrange(hub)
            code, seconds, log = stopped_in(place, variables)
            hub.forgive()
            print(f"| {place.name} | {code} | {seconds:.1f} |", flush=True)
            if code not in place.codes or seconds >= LONGEST_SECONDS:
                wrong.append(f"{place.name}:\n{log}")
        last = run_job(variables)
        train = metrics_of(root / "output")["train"] or {}
        print(f"The last start: {last.returncode}", {name: train.get(name) for name in SHOWN})
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong or last.returncode else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
