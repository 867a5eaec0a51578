"""kill -9 at random moments: `python -m tests.faults.kills [RUNS [FIRST]]`, 50 by default from seed 0, a minute or two each.

A small job is started again and again, and killed with all its processes at a random moment of the time that it needs, three
times at most; what it comes to is compared byte for byte with an undisturbed run. Every second run begins with a copy of a
finished one and other settings of the probe, so that the kills fall into the probe, the export and the push. After each kill
nothing in the folder may look finished that is not.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from job import pipeline
from job.modeling.adapter_file import WEIGHTS
from job.runs.files import facts_of, is_as_recorded, open_sealed
from job.runs.folder import RunDir
from tests.conftest import run_job, start_job
from tests.faults.runs import ALL_FORMS, require_no_secret, results, small_inputs, variables

MOST_KILLS = 3
"""Then the job may end."""
OPTIONS = {"TRAIN_EPOCHS": "12", "TRAIN_EVAL_STEPS": "5", "TRAIN_LEARNING_RATE": "0.001"} | ALL_FORMS
OTHER_PROBE = {"PROBE_MAX_NEW_TOKENS": "12"}


def kill_all(pid: int) -> None:
    """kill -9 of a process and all that it has started, the first one first: nobody gets to say a word."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return
    for number in below:
        kill_all(int(number))


def half_done(output: Path) -> Iterator[str]:
    """What looks finished and is not."""
    run_dir, ended = RunDir(output), False
    for stage in pipeline.STAGES:
        if not (done := (output / f"{stage.name}.json").exists() and run_dir.has_result(stage.name)):
            ended = True
        elif ended:
            yield f"{stage.name} has a result, and a stage before it has none"
        elif broken := run_dir.not_as_recorded(stage.name, stage.result, pipeline.consumer_of(stage)):
            yield f"{stage.name} has a result without its files: {broken}"
        metrics = output / "metrics.json"
        if not done and metrics.exists() and json.loads(metrics.read_text("utf-8")).get(stage.name):
            yield f"metrics.json has figures of {stage.name}, which has no result"
    if ended and (output / "report.html").exists():  # kills leave none, so it is that of the finished run
        yield "report.html tells of results that are gone"
    for note in output.glob("export/*.json"):
        told = open_sealed(note)
        whole = all(is_as_recorded(output / note.stem / name, facts) for name, facts in told["files"].items())
        if whole and told["origin"]["adapter"] != facts_of(output / "adapter" / WEIGHTS):
            yield f"{note.stem}/ is of another adapter than adapter/"


def killed_until_done(wanted: dict[str, str], seconds: float, numbers: random.Random) -> list[str]:
    """Runs the job to its end; returns when and where each earlier start was killed."""
    moments: list[str] = []
    output = Path(wanted["FINETUNE_OUTPUT_DIR"])
    while len(moments) < MOST_KILLS:
        child = start_job(wanted)
        moment = numbers.uniform(0.2, 0.9 * seconds)
        started = time.monotonic()
        while child.poll() is None and time.monotonic() < started + moment:
            time.sleep(0.01)
        killed = child.poll() is None
        if killed:
            kill_all(child.pid)
        log = "".join(child.communicate())
        require_no_secret(output, log)
        if child.returncode == 0:
            return moments
        assert child.returncode == -9, log
        if killed:
            stages = re.findall(r"stage=(\w+)", log)
            moments.append(f"{moment:.1f} {stages[-1] if stages else 'imports'}")
        if output.exists():
            for problem in half_done(output):
                moments.append(f"HALF DONE: {problem}")
    last = run_job(wanted)
    assert last.returncode == 0, last.stderr
    return moments


def undisturbed(wanted: dict[str, str], output: Path) -> tuple[float, dict[str, object]]:
    """Its seconds, and what it came to."""
    started = time.monotonic()
    assert run_job(wanted).returncode == 0
    return time.monotonic() - started, results(output)


def main(runs: int, first: int) -> int:
    """1 if a run came to anything else than the undisturbed one."""
    equal = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = small_inputs(folder)
        pristine, output = folder / "pristine", folder / "output"
        plain, other = variables(inputs, output, **OPTIONS), variables(inputs, output, **OPTIONS | OTHER_PROBE)
        kinds = [(plain, *undisturbed(plain, output))]
        shutil.copytree(output, pristine)
        kinds.append((other, *undisturbed(other, output)))
        for number in range(first, first + runs):
            wanted, seconds, result = kinds[number % 2]
            shutil.rmtree(output)
            if wanted is other:
                shutil.copytree(pristine, output)
            moments = killed_until_done(wanted, seconds, random.Random(number))
            require_no_secret(output)
            same = results(output) == result and not any(moment.startswith("HALF") for moment in moments)
            equal += same
            words = "other probe settings" if wanted is other else "from nothing"
            print(f"seed {number}, {words}: killed_at={moments} {'equal' if same else 'DIFFERENT'}", flush=True)
            if not same:
                print(f"  kept for a look: {shutil.copytree(output, Path(tempfile.mkdtemp()) / 'output')}", flush=True)
    print(f"{equal} of {runs} runs ended in equal bytes")
    return int(equal != runs)


if __name__ == "__main__":
    runs, first, *_ = map(int, [*sys.argv[1:], *("50", "0")[len(sys.argv) - 1 :]])
    sys.exit(main(runs, first))
