"""kill -9 at random moments: `python -m tests.faults.kills [RUNS]`, 50 by default, a minute or two each.

A small job is started again and again, and killed with all its processes at a random moment of the time that it needs, three
times at most; what it comes to is compared byte for byte with an undisturbed run.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import run_job, start_job
from tests.faults.runs import ALL_FORMS, require_no_secret, results, small_inputs, variables

MOST_KILLS = 3
"""Then the job may end."""


def kill_all(pid: int) -> None:
    """kill -9 of a process and all that it has started, the first one first: nobody gets to say a word."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return
    for number in below:
        kill_all(int(number))


def killed_until_done(wanted: dict[str, str], seconds: float, numbers: random.Random) -> list[float]:
    """Runs the job to its end; returns when each earlier start was killed."""
    moments: list[float] = []
    while len(moments) < MOST_KILLS:
        child = start_job(wanted)
        moment = numbers.uniform(0.2, 0.8 * seconds)
        started = time.monotonic()
        while child.poll() is None and time.monotonic() < started + moment:
            time.sleep(0.01)
        if child.poll() is None:
            kill_all(child.pid)
            moments.append(round(moment, 2))
        log = "".join(child.communicate())
        require_no_secret(Path(wanted["FINETUNE_OUTPUT_DIR"]), log)
        if child.returncode == 0:
            return moments
        assert child.returncode == -9, log
    last = run_job(wanted)
    assert last.returncode == 0, last.stderr
    return moments


def main(runs: int) -> int:
    """1 if a run came to anything else than the undisturbed one."""
    equal = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = small_inputs(folder)
        options = {"TRAIN_EPOCHS": "12", "TRAIN_EVAL_STEPS": "5", "TRAIN_LEARNING_RATE": "0.001"} | ALL_FORMS
        started = time.monotonic()
        assert run_job(variables(inputs, folder / "wanted", **options)).returncode == 0
        seconds = time.monotonic() - started
        wanted = results(folder / "wanted")
        for number in range(runs):
            output = folder / f"output-{number}"
            moments = killed_until_done(variables(inputs, output, **options), seconds, random.Random(number))
            require_no_secret(output)
            same = results(output) == wanted
            equal += same
            print(f"run {number + 1} killed_at_seconds={moments} {'equal' if same else 'DIFFERENT'}", flush=True)
            if not same:
                print(f"  kept for a look: {output.rename(Path(tempfile.mkdtemp()) / 'output')}")
    print(f"{equal} of {runs} runs ended in equal bytes")
    return int(equal != runs)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
