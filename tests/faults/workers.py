"""Several workers, and what may become of one of them: `python -m tests.faults.workers`, about ten minutes on two idle cores.

The real job on a CPU, its workers connected by gloo, without dropout. 1, 2 and 4 workers must come to the same losses, and ask
one trained adapter for the same answers; a run that is stopped goes on with fewer; a worker that is killed or hangs ends the
run, and the next start continues. All that also where the workers hold the base together ("sharded"). Prints two tables, and exits with 1 if a row is not as expected.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import metrics_of, run_job
from tests.faults.runs import disturbed, require_no_secret, small_inputs, variables

OPTIONS = {
    "TRAIN_EPOCHS": "6",
    "TRAIN_EVAL_STEPS": "6",
    "LORA_DROPOUT": "0",
    "WATCHDOG_MINUTES": "1.5",
    "PROBE_CHECKPOINTS": "1",
}
NAMES = (b"job.training.parallel.worker", b"job.probing.worker")
STEP = "stage=train step=7 "
SHOWN = {"none": "", "full": ", sharded"}
QUESTIONS = 1200
"""So many, with long answers, are worth the start of a worker (38 batches, of a second each on two idle cores)."""
PROBED = {"PROBE_MAX_NEW_TOKENS": "440", "PROBE_MINUTES": "30"}
ANSWERED = "stage=probe answered=320 "
"""The leader alone; by then its workers have begun."""


def workers_below(pid: int) -> list[int]:
    """Of a job's process."""
    found: list[int] = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split():
        is_worker = any(name in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for name in NAMES)
        found += [int(child)] if is_worker else workers_below(int(child))
    return found


def signalled(number: int) -> Callable[[subprocess.Popen[str]], None]:
    """Sends that to the last worker."""
    return lambda job: os.kill(workers_below(job.pid)[-1], number)


def stopped(job: subprocess.Popen[str]) -> None:
    job.send_signal(signal.SIGTERM)


def losses(output: Path) -> list[float]:
    train = metrics_of(output)["train"]
    return [train["base_eval_loss"], train["best_eval_loss"], train["final_train_loss"]]


def probing(folder: Path, inputs: tuple[Path, Path]) -> int:
    """How many rows are not as expected."""
    questions = folder / "questions.txt"
    questions.write_text("".join(f"How do I mend part {n} of it?\n" for n in range(QUESTIONS)), "utf-8")
    wrong, wanted = 0, b""

    def wants(output: Path, workers: int) -> dict[str, str]:
        changes = {"TRAIN_DEVICES": str(workers), "PROBE_QUESTIONS_FILE": str(questions)}
        return variables(inputs, output, **OPTIONS | PROBED | changes)

    trained = folder / "trained"
    assert disturbed(wants(trained, 1), "stage=probe started", stopped)[0] == 75
    print("| probe | exit codes | seconds of the last start | answers | as expected |")
    print("| --- | --- | ---: | --- | --- |")
    for what, disturbances, workers in (
        ("1 worker", (), 1),
        ("2 workers", (), 2),
        ("4 workers", (), 4),
        (
            "3 workers, stopped; 2, one killed; 2, one hangs; 1",
            ((3, stopped, 75), (2, signalled(signal.SIGKILL), 1), (2, signalled(signal.SIGSTOP), 74)),
            1,
        ),
    ):
        output = folder / what
        shutil.copytree(trained, output)
        codes = [disturbed(wants(output, count), ANSWERED, act)[0] for count, act, _ in disturbances]
        began = time.monotonic()
        code, log = disturbed(wants(output, workers), "", lambda _: None)
        seconds = time.monotonic() - began
        codes.append(code)
        require_no_secret(output, log)
        found = (output / "probe" / "samples.jsonl").read_bytes() if code == 0 else b""
        wanted = wanted or found
        shared = f"stage=probe workers={workers} " in log
        good = codes == [*(code for *_, code in disturbances), 0] and found == wanted and shared == (workers > 1)
        wrong += not good
        same = "the same" if found == wanted else "OTHERS"
        print(
            f"| {what} | {', '.join(map(str, codes))} | {seconds:.0f} | {same} | {'yes' if good else 'NO'} |",
            flush=True,
        )
    return wrong


def main() -> int:
    """1 if a row is not as expected."""
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = small_inputs(folder)
        wanted: list[float] = []

        def wants(output: Path, workers: int, shard: str = "none") -> dict[str, str]:
            return variables(inputs, output, **OPTIONS | {"TRAIN_DEVICES": str(workers), "TRAIN_SHARD": shard})

        def row(what: str, codes: list[int], output: Path, seconds: float, expected: list[int]) -> None:
            nonlocal wrong, wanted
            found = losses(output) if codes[-1] == 0 else []
            wanted = wanted or found
            furthest = max((abs(a / b - 1) for a, b in zip(found, wanted, strict=False)), default=math.inf)
            good = codes == expected and furthest < 1e-5
            wrong += not good
            shown = ", ".join(map(str, codes))
            print(f"| {what} | {shown} | {seconds:.0f} | {furthest:.0e} | {'yes' if good else 'NO'} |", flush=True)

        print("| what | exit codes | seconds to the end of the disturbed start | losses differ by | as expected |")
        print("| --- | --- | ---: | ---: | --- |")
        for workers, shard in ((1, "none"), (2, "none"), (4, "none"), (2, "full"), (4, "full")):
            output = folder / f"{shard}-{workers}"
            began = time.monotonic()
            code = run_job(wants(output, workers, shard)).returncode
            row(f"{workers} workers{SHOWN[shard]}", [code], output, time.monotonic() - began, [0])
        output = folder / "fewer"
        starts = ((4, "full", STEP), (2, "none", "step=13 "))
        codes = [disturbed(wants(output, count, shard), line, stopped)[0] for count, shard, line in starts]
        codes.append(run_job(wants(output, 1)).returncode)
        row("stopped twice: 4 sharded, then 2, then 1", codes, output, 0, [75, 75, 0])
        for what, number, shard, expected in (
            ("kill -9 of a worker", signal.SIGKILL, "none", 1),
            ("a worker hangs", signal.SIGSTOP, "none", 74),
            ("kill -9 of a worker, sharded", signal.SIGKILL, "full", 1),
            ("a worker hangs, sharded", signal.SIGSTOP, "full", 74),
        ):
            output = folder / what
            moments: list[float] = []

            def act(job: subprocess.Popen[str], number: int = number, moments: list[float] = moments) -> None:
                signalled(number)(job)
                moments.append(time.monotonic())

            code, log = disturbed(wants(output, 3, shard), STEP, act)
            seconds = time.monotonic() - moments[0]
            require_no_secret(output, log)
            print(
                *[line for line in log.splitlines() if "error" in line or "Worker" in line][:2],
                sep="\n",
                file=sys.stderr,
            )
            row(f"{what}, then 2", [code, run_job(wants(output, 2)).returncode], output, seconds, [expected, 0])
        wrong += probing(folder, inputs)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
