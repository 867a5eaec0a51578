"""Real faults of processes on the real job: signals in every stage, kills of either process, a hang, two runs on one folder.

`python -m tests.faults.processes` prints a table: what was done, when, the exit code, the seconds until the end, what
metrics.json says, and how the next start ends. It takes some 15 minutes on two cores. A word behind it selects faults by name.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import make_base, make_rows, metrics_of, run_job, start_job, write_rows
from tests.faults.runs import ALL_FORMS, require_no_secret, variables


@dataclass(frozen=True)
class Fault:
    """`at`: the line of the log after which it happens; `code`: the exit code that it must have."""

    name: str
    at: str
    act: Callable[[subprocess.Popen[str]], None]
    code: int


def working(child: subprocess.Popen[str]) -> int:
    """The process that the watching one has forked."""
    found = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    return int(found[0])


def stop(child: subprocess.Popen[str]) -> None:
    child.terminate()


def stop_twice(child: subprocess.Popen[str]) -> None:
    child.terminate()
    time.sleep(1.2)
    child.terminate()


def kill_parent(child: subprocess.Popen[str]) -> None:
    child.kill()


def kill_child(child: subprocess.Popen[str]) -> None:
    os.kill(working(child), signal.SIGKILL)


def hang(child: subprocess.Popen[str]) -> None:
    os.kill(working(child), signal.SIGSTOP)


PLACES = (
    ("check", "stage=start version"),
    ("clean", "stage=clean started"),
    ("training is prepared", "stage=train started"),
    ("a step", "stage=train step=7 "),
    ("an evaluation", "stage=train step=10 of"),
    ("the round trip", "best_step="),
    ("probe", "stage=probe started"),
    ("export", "stage=export started"),
    ("the second form of the export", "stage=export form=lora"),
    ("push", "stage=push started"),
)
FAULTS: tuple[Fault, ...] = (
    *(Fault(f"SIGTERM in {place}", line, stop, 75) for place, line in PLACES),
    *(Fault(f"two SIGTERM in {place}", line, stop_twice, 75) for place, line in PLACES),
    Fault("kill -9 of the parent in a step", "stage=train step=7 ", kill_parent, -9),
    Fault("kill -9 of the child in a step", "stage=train step=7 ", kill_child, 1),
    Fault("kill -9 of the child in probe", "stage=probe started", kill_child, 1),
    Fault("kill -9 of the child in export", "stage=export started", kill_child, 1),
    Fault("the child hangs in a step", "stage=train step=7 ", hang, 74),
)
"""A stage that is over before the signal arrives ends with 0 or in the next stage: that is no error."""


@dataclass(frozen=True)
class Outcome:
    fault: Fault
    code: int
    seconds: float
    status: str
    again: int

    @property
    def as_expected(self) -> bool:
        return self.code in (self.fault.code, 0 if self.fault.code == 75 else self.fault.code) and self.again == 0


def happens(fault: Fault, wanted: dict[str, str], output: Path) -> Outcome:
    """The run with the fault, and the same command once more."""
    child = start_job(wanted, stderr=subprocess.STDOUT)
    assert child.stdout
    lines = iter(child.stdout.readline, "")
    for line in lines:
        if fault.at in line:
            break
    began = time.monotonic()
    fault.act(child)
    log: list[str] = []
    rest = threading.Thread(target=lambda: log.extend(lines), daemon=True)
    rest.start()
    code = child.wait(120)
    seconds = time.monotonic() - began
    status = metrics_of(output)["status"] if (output / "metrics.json").exists() else "none"
    until = time.monotonic() + 60
    again = run_job(wanted)
    while again.returncode == 72 and time.monotonic() < until:  # the child of a killed parent still saves
        time.sleep(1)
        again = run_job(wanted)
    require_no_secret(output, "".join(log) + again.stdout + again.stderr)
    return Outcome(fault, code, seconds, status, again.returncode)


def variables_of(base: Path, rows: Path, output: Path) -> dict[str, str]:
    options = {"TRAIN_EPOCHS": "10", "TRAIN_EVAL_STEPS": "5", "WATCHDOG_MINUTES": "1.5"}
    return variables((base, rows), output, **options, **ALL_FORMS)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        base, rows = make_base(root / "base"), write_rows(root / "rows.jsonl", make_rows(60))
        print("| fault | exit code | seconds to the end | metrics.json | next start | as expected |")
        print("| --- | --- | --- | --- | --- | --- |")
        chosen = [fault for fault in FAULTS if all(word in fault.name for word in sys.argv[1:])]
        for number, fault in enumerate(chosen):
            output = root / str(number)
            found = happens(fault, variables_of(base, rows, output), output)
            print(
                f"| {fault.name} | {found.code} | {found.seconds:.1f} | {found.status} | {found.again} | "
                f"{'yes' if found.as_expected else 'NO'} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
