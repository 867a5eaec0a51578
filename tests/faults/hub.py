"""A Hub that hangs, trickles, cuts, lies, refuses or forgets, against the real job: `python -m tests.faults.hub [WORD ...]`.

Each fault meets a job in a process of its own, with six seconds of patience. Then the Hub is well again, and the same command
starts once more. Prints a table of what the user sees; exits with 1 if a row is not as expected. Words choose the faults whose
names contain one of them. All of it takes ten minutes on two cores.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import WRITE_TOKEN, make_base, make_rows, metrics_of, run_job, small_run, start_job, write_rows
from tests.standin_hub import StandInHub

FOREVER = 10**6
BASE, ROWS, ADAPTER = "meta/base", "owner/rows", "alice/adapter"


@dataclass(frozen=True)
class Fault:
    name: str
    arrange: Callable[[StandInHub], object]
    code: int
    says: str
    """In the last error or warning of the log."""
    stages: str = "clean"
    """FINETUNE_STAGES of both starts: `clean` downloads, `push` uploads what an earlier run has trained."""
    again: int = 0
    """Exit code of the next start, with a Hub that is well."""
    signal: bool = False
    """SIGTERM arrives a second after a request has met the fault."""


def answers(match: str, status: int) -> Callable[[StandInHub], None]:
    return lambda hub: hub.fail(match, status=status, times=FOREVER)


def hangs(match: str) -> Callable[[StandInHub], None]:
    """Accepts the connection, reads the request, and says nothing for ten minutes."""
    return lambda hub: hub.fail(match, status=None, sleep=600, times=FOREVER)


def cuts(match: str) -> Callable[[StandInHub], None]:
    """Ends the connection in the middle of each answer."""
    return lambda hub: hub.fail(match, times=FOREVER, after=True, drop=True)


def drops(match: str) -> Callable[[StandInHub], None]:
    """Ends the connection without an answer."""
    return lambda hub: hub.fail(match, times=FOREVER, drop=True)


INFO, FILE, LIST, COMMIT = (
    "GET /api/models/meta",
    "GET /meta/base/resolve",
    "GET /api/models/meta/base/tree",
    "/commit/",
)
STORE = "PUT /_lfs"
FAULTS = (
    Fault("hangs when asked for the base", hangs(INFO), 76, "The Hub stands still"),
    Fault("hangs in the middle of the check", hangs(LIST), 76, "The Hub stands still"),
    Fault("hangs when asked for a file", hangs(FILE), 76, "FINETUNE_HUB_RETRY_MINUTES"),
    Fault("hangs when asked for the rows", hangs("/api/datasets/owner"), 76, "The Hub stands still"),
    Fault("trickles a file", lambda hub: hub.trickle(FILE, 20), 76, "The Hub stands still"),
    Fault("cuts each answer", cuts(INFO), 76, "cannot be reached"),
    Fault("cuts each file", cuts("GET /meta/base/resolve/.*json"), 76, "FINETUNE_HUB_RETRY_MINUTES"),
    Fault("lies about the size of a file", lambda hub: hub.lie(FILE, b"{}"), 76, "another size than announced"),
    Fault("is a login page", lambda hub: hub.lie(INFO, b"<html>"), 76, "is not the Hub"),
    Fault("answers 401", answers(INFO, 401), 67, "refused access"),
    Fault("answers 403", answers(INFO, 403), 67, "refused access"),
    Fault("answers 429", answers(INFO, 429), 76, "FINETUNE_HUB_RETRY_MINUTES"),
    Fault("answers 500", answers(INFO, 500), 76, "FINETUNE_HUB_RETRY_MINUTES"),
    Fault("answers 503", answers(INFO, 503), 76, "FINETUNE_HUB_RETRY_MINUTES"),
    Fault("hangs, and SIGTERM arrives", hangs(FILE), 75, "SIGTERM", signal=True),
    Fault("push: hangs before the upload", hangs("preupload"), 76, "The Hub stands still", "push"),
    Fault("push: hangs in the upload", hangs(STORE), 76, "The Hub stands still", "push"),
    Fault("push: hangs at the commit", hangs(COMMIT), 76, "The Hub stands still", "push"),
    Fault("push: cuts the upload", drops(STORE), 76, "FINETUNE_HUB_RETRY_MINUTES", "push"),
    Fault("push: loses the answer to the commit", lambda hub: hub.fail(COMMIT, after=True, drop=True), 0, "try=1", "push"),
    Fault("push: answers 401", answers("preupload", 401), 67, "refused access", "push"),
    Fault("push: answers 403", answers("preupload", 403), 67, "refused access", "push"),
    Fault("push: answers 429", answers("preupload", 429), 76, "FINETUNE_HUB_RETRY_MINUTES", "push"),
    Fault("push: answers 500", answers(COMMIT, 500), 76, "FINETUNE_HUB_RETRY_MINUTES", "push"),
    Fault("push: answers 503 once", lambda hub: hub.fail(COMMIT, status=503), 0, "try=1", "push"),
    Fault("push: answers 503", answers("preupload", 503), 76, "FINETUNE_HUB_RETRY_MINUTES", "push"),
    Fault("push: hangs, and SIGTERM arrives", hangs(STORE), 75, "SIGTERM", "push", signal=True),
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    fault: Fault
    code: int
    seconds: float
    said: str
    again: int
    wrong: str
    """Why this row is not as expected; empty if it is."""


def meet(fault: Fault, files: dict[str, bytes], rows: bytes, finished: Path, place: Path) -> Seen:
    """The job, the fault, and the job again. `finished`: the folder of a run that has pushed nothing."""
    output = place / "output"
    with StandInHub({WRITE_TOKEN: ("alice", "write")}) as hub:
        hub.add_repo("model", BASE, files)
        hub.add_repo("dataset", ROWS, {"train.jsonl": rows})
        if fault.stages == "push":
            shutil.copytree(finished, output)
        variables = {
            **variables_of(fault, finished, output),
            **hub.environment(WRITE_TOKEN),
            "HF_HOME": str(place / "hf"),
        }
        fault.arrange(hub)
        started = time.monotonic()
        first = stopped(variables, hub) if fault.signal else run_job(variables)
        seconds = time.monotonic() - started
        problem = metrics_of(output)["error"]
        hub.forgive()
        second = run_job(variables)
        pushed = [commit.title for commit in hub.commits("model", ADAPTER)] if hub.has("model", ADAPTER) else []
    logs = [run.stdout + run.stderr for run in (first, second)]
    said = re.sub(r"\S+Z ", "", str(problem["message"]) if problem else "everything is done").splitlines()[0]
    wrong = [
        (first.returncode != fault.code, f"exit code {first.returncode} instead of {fault.code}"),
        (second.returncode != fault.again, f"next start {second.returncode} instead of {fault.again}: {second.stderr[-500:]}"),
        (fault.says not in logs[0], f"the log does not say {fault.says!r}: {logs[0][-1500:]}"),
        (WRITE_TOKEN in "".join(logs) or holds(output, WRITE_TOKEN.encode()), "the token was written"),
        (fault.stages == "push" and len(pushed) != 2, f"the commits are {pushed}"),  # the repository's first one and ours
        (seconds > 120, "it took more than two minutes"),  # most of them imports, on a busy machine
    ]  # fmt: skip
    return Seen(
        fault, first.returncode, seconds, said, second.returncode, "; ".join(text for bad, text in wrong if bad)
    )


def variables_of(fault: Fault, finished: Path, output: Path) -> dict[str, str]:
    base, rows = (finished.parent / "base", finished.parent / "rows.jsonl") if fault.stages == "push" else (BASE, ROWS)
    hub = {"HUB_REPO_ID": ADAPTER} if fault.stages == "push" else {}
    return small_run(Path(base), Path(rows), output, STAGES=fault.stages, HUB_RETRY_MINUTES="0.1", **hub)


def stopped(variables: dict[str, str], hub: StandInHub) -> subprocess.CompletedProcess[str]:
    """Started, and asked to stop while it waits for the Hub. The call ends within two seconds; the rest is the end of
    a Python process with torch on a busy machine."""
    child = start_job(variables)
    while not hub.faults_met and child.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    output, errors = child.communicate(timeout=60)
    ended = time.monotonic() - asked
    assert ended < 20, f"it ended {ended:.0f} seconds after SIGTERM: {errors[-2000:]}"
    return subprocess.CompletedProcess(child.args, child.returncode, output, errors)


def holds(folder: Path, secret: bytes) -> bool:
    return any(secret in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def prepare(place: Path) -> tuple[dict[str, bytes], bytes, Path]:
    """The base's files, the rows, and the folder of a finished run that has pushed nothing."""
    base = make_base(place / "base")
    rows = write_rows(place / "rows.jsonl", make_rows(60))
    finished = place / "finished"
    done = run_job(small_run(base, rows, finished))
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in base.iterdir()}, rows.read_bytes(), finished


def meet_all(faults: Iterable[Fault]) -> Iterator[Seen]:
    with tempfile.TemporaryDirectory() as folder:
        files, rows, finished = prepare(Path(folder))
        for number, fault in enumerate(faults):
            yield meet(fault, files, rows, finished, Path(folder) / str(number))


def main(words: list[str]) -> int:
    chosen = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    print("| the Hub | what the user sees | exit code | seconds | next start |\n|---|---|---|---|---|", flush=True)
    wrong = []
    for seen in meet_all(chosen):
        row = (seen.fault.name, seen.said.replace("|", "\\|"), seen.code, f"{seen.seconds:.0f}", seen.again)
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
        wrong += [f"{seen.fault.name}: {seen.wrong}"] if seen.wrong else []
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
