"""Several hosts, and what may become of one: `python -m tests.faults.nodes [FAULT ...]`, about 15 minutes on two idle cores.

The real job on a CPU, as two processes on loopback that see one folder under two names, connected by gloo, without dropout.
Two hosts must come to the losses of one; whatever ends one of them ends both in time, and the next start continues. Prints a
table, and exits with 1 if a row is not as expected.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import PROJECT, clean_environment, metrics_of, start_job
from tests.faults.runs import require_no_secret, small_inputs, variables

OPTIONS = {
    "TRAIN_EPOCHS": "6",
    "TRAIN_EVAL_STEPS": "6",
    "TRAIN_DEVICES": "1",
    "LORA_DROPOUT": "0",
    "WATCHDOG_MINUTES": "3",
    "PROBE_CHECKPOINTS": "1",
}
STEP = "stage=train step=7 "
Act = Callable[[Sequence["subprocess.Popen[str]"]], None]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def below(pid: int) -> list[int]:
    """That process and all that come of it."""
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
        return [pid, *(one for child in children for one in below(int(child)))]
    return [pid]


def killed(rank: int) -> Act:
    """The whole host, at once."""

    def act(jobs: Sequence[subprocess.Popen[str]]) -> None:
        for pid in below(jobs[rank].pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    return act


def dark(jobs: Sequence[subprocess.Popen[str]]) -> None:
    """The other host has no power: its connections stay open, and no word comes, until rank 0 has ended."""
    gone = below(jobs[1].pid)
    for pid in gone:
        os.kill(pid, signal.SIGSTOP)
    threading.Thread(target=lambda: (jobs[0].wait(), [os.kill(pid, signal.SIGKILL) for pid in gone])).start()


def worker_gets(number: int) -> Act:
    """The worker of the other host, alone."""
    return lambda jobs: os.kill(below(jobs[1].pid)[-1], number)


def terminated(rank: int) -> Act:
    return lambda jobs: jobs[rank].send_signal(signal.SIGTERM)


@dataclass
class Hosts:
    """Some that see `folder` under names of their own, rank 0's first."""

    inputs: tuple[Path, Path]
    folder: Path
    changes: Sequence[Mapping[str, str]] = ({}, {})
    """Each host's own settings."""
    name: str = "host"
    """Of their logs."""
    homes: Sequence[Path] = ()
    """Their working folders, in which relative paths begin; without any, this process's."""
    capabilities: Sequence[str] = ()
    """What their GPUs are said to be (tests/faults/carded.py); without any, none has one."""
    codes: list[int] = field(default_factory=list)
    seconds: float = math.nan
    """From the act to the end of the last."""

    def view(self, rank: int) -> Path:
        view = self.folder / f"host-{rank}"
        if not view.exists():
            (self.folder / "output").mkdir(parents=True, exist_ok=True)
            view.symlink_to(self.folder / "output")
        return view

    def log(self, rank: int) -> str:
        return (self.folder / f"{self.name}-{rank}.log").read_text("utf-8", "replace")

    def run(self, line: str = "", act: Act | None = None) -> Hosts:
        """`act` is called once, when rank 0 logs a line that holds `line`."""
        port = free_port()
        jobs = []
        for rank, changes in enumerate(self.changes):
            home = self.homes[rank] if self.homes else None
            place = {"NNODES": str(len(self.changes)), "NODE_RANK": str(rank), "MASTER_ADDR": "127.0.0.1"}
            settings = variables(self.inputs, self.view(rank), **{**OPTIONS, **changes})
            settings |= place | {"MASTER_PORT": str(port)}
            with (self.folder / f"{self.name}-{rank}.log").open("w") as log:
                if self.capabilities:
                    command = [sys.executable, "-m", "tests.faults.carded", self.capabilities[rank]]
                    jobs.append(
                        subprocess.Popen(
                            command,
                            env=clean_environment(settings),
                            text=True,
                            stdout=log,
                            stderr=subprocess.STDOUT,
                            cwd=PROJECT,
                        )
                    )
                else:
                    jobs.append(start_job(settings, stdout=log, stderr=subprocess.STDOUT, cwd=home))
        acted = time.monotonic()
        while any(job.poll() is None for job in jobs):
            if act and line in self.log(0):
                act(jobs)
                act, acted = None, time.monotonic()
            time.sleep(0.1)
        self.seconds = time.monotonic() - acted
        self.codes = [job.returncode for job in jobs]
        for rank in range(len(jobs)):
            require_no_secret(self.folder / "output", self.log(rank))
        return self

    def losses(self) -> list[float]:
        train = metrics_of(self.folder / "output")["train"]
        return [train["base_eval_loss"], train["best_eval_loss"], train["final_train_loss"]]


def by_torchrun(hosts: Hosts) -> Hosts:
    """Two processes a host, which torchrun starts."""
    settings = variables(hosts.inputs, hosts.view(0), **OPTIONS)
    command = ("-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}")
    with (hosts.folder / "host-0.log").open("w") as log:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, *command, str(PROJECT / "entrypoint.py")],
            env=clean_environment(settings),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    hosts.codes, hosts.seconds = [done.returncode], time.monotonic() - began
    return hosts


@dataclass(frozen=True)
class Fault:
    name: str
    codes: list[int]
    run: Callable[[Hosts], Hosts]
    said: str = ""
    """By rank 0, or by the other where rank 0 was killed."""
    within: float = math.inf
    """Seconds, from the fault to the end of all."""
    again: Sequence[Mapping[str, str]] | None = None
    """The hosts of the next start, which must come to the losses of an undisturbed run."""


ONE: Sequence[Mapping[str, str]] = ({"TRAIN_DEVICES": "1"},)
TWO: Sequence[Mapping[str, str]] = ({}, {})
TOGETHER: Sequence[Mapping[str, str]] = ({"TRAIN_SHARD": "full"}, {"TRAIN_SHARD": "full"})
"""The workers of both hold the base."""


def with_changes(*changes: Mapping[str, str]) -> Callable[[Hosts], Hosts]:
    def run(hosts: Hosts) -> Hosts:
        hosts.changes = changes
        return hosts.run()

    return run


def hanging(hosts: Hosts) -> Hosts:
    hosts.changes = ({"WATCHDOG_MINUTES": "1"}, {"WATCHDOG_MINUTES": "1"})
    return hosts.run(STEP, worker_gets(signal.SIGSTOP))


def together(hosts: Hosts) -> Hosts:
    hosts.changes = TOGETHER
    hosts.run()
    assert metrics_of(hosts.folder / "output")["train"]["held"] == "sharded"
    return hosts


def another_base(hosts: Hosts) -> Hosts:
    """Under the same name: each host has its own, and that of one has another epsilon."""
    hosts.homes = [hosts.folder / f"home-{rank}" for rank in range(2)]
    hosts.changes = ({"MODEL_BASE": "./base"}, {"MODEL_BASE": "./base"})
    for home, changed in zip(hosts.homes, ({}, {"rms_norm_eps": 1e-3}), strict=True):
        shutil.copytree(hosts.inputs[0], home / "base")
        config = home / "base" / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | changed), "utf-8")
    return hosts.run()


def apart(hosts: Hosts) -> Hosts:
    (hosts.folder / "host-1").mkdir(parents=True)
    return hosts.run()


def alone(hosts: Hosts) -> Hosts:
    """Rank 0 was never started."""
    place = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    settings = variables(hosts.inputs, hosts.view(1), **{**OPTIONS, "WATCHDOG_MINUTES": "0.1"})
    began = time.monotonic()
    with (hosts.folder / "host-0.log").open("w") as log:
        job = start_job(settings | place, stdout=log, stderr=subprocess.STDOUT)
        hosts.codes = [job.wait()]
    hosts.seconds = time.monotonic() - began
    return hosts


def late(hosts: Hosts) -> Hosts:
    """Rank 0 was there and has finished."""
    assert hosts.run().codes == [0, 0]
    return alone(hosts)


FAULTS: tuple[Fault, ...] = (
    Fault("two hosts", [0, 0], lambda hosts: hosts.run(), "workers=2", again=TWO),
    Fault("two hosts hold the base together", [0, 0], together, "workers=2", again=TOGETHER),
    Fault("torchrun", [0], by_torchrun, "workers=2", again=ONE),
    Fault(
        "kill -9 of a worker",
        [1, 1],
        lambda hosts: hosts.run(STEP, worker_gets(signal.SIGKILL)),
        "ended by SIGKILL",
        60,
        again=TWO,
    ),
    Fault(
        "kill -9 of the other host", [75, -9], lambda hosts: hosts.run(STEP, killed(1)), "gave no sign", 60, again=ONE
    ),
    Fault(
        "the other host goes dark", [75, -9], lambda hosts: hosts.run(STEP, dark), "gave no sign for 5", 70, again=TWO
    ),
    Fault("kill -9 of rank 0", [-9, 75], lambda hosts: hosts.run(STEP, killed(0)), "gave no sign", 60, again=TWO),
    Fault(
        "SIGTERM to rank 0", [75, 75], lambda hosts: hosts.run(STEP, terminated(0)), "checkpoint=saved", 30, again=TWO
    ),
    Fault("a worker hangs", [74, 74], hanging, "Nothing moved for", 120, again=TWO),
    Fault(
        "SIGTERM to the other host",
        [75, 75],
        lambda hosts: hosts.run(STEP, terminated(1)),
        "SIGTERM arrived on host ",
        30,
        again=ONE,
    ),
    Fault(
        "another learning rate there",
        [68, 68],
        with_changes({}, {"TRAIN_LEARNING_RATE": "0.5"}),
        "FINETUNE_TRAIN_LEARNING_RATE: 0.01 -> 0.5",
    ),
    Fault("another base there", [68, 68], another_base, "would train something else than the others: config.json="),
    Fault("a typo at rank 0", [64, 64], with_changes({"TRAIN_EPOCHS": "many"}, {}), "FINETUNE_TRAIN_EPOCHS"),
    Fault("a typo at the other host", [64, 64], with_changes({}, {"TRAIN_EPOCHS": "many"}), "FINETUNE_TRAIN_EPOCHS"),
    Fault("nobody answers", [68], alone, "Rank 0 does not answer at 127.0.0.1, port "),
    Fault("comes after the end", [0], late, "rank 0 does not answer, and "),
    Fault("a folder that is not shared", [68, 68], apart, "is not the one that rank 0 works in"),
)


def main(names: list[str]) -> int:
    """1 if a row is not as expected."""
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        inputs = small_inputs(Path(name))
        wanted = Hosts(inputs, Path(name) / "one", ONE).run().losses()
        print("| fault | exit codes | seconds to the end of all | next start | losses differ by | as expected |")
        print("| --- | --- | ---: | --- | ---: | --- |")
        for fault in FAULTS:
            if names and fault.name not in names:
                continue
            folder = Path(name) / fault.name.replace(" ", "-")
            folder.mkdir()
            hosts = fault.run(Hosts(inputs, folder))
            log = hosts.log(int(len(hosts.codes) > 1 and hosts.codes[0] == -9))
            good = hosts.codes == fault.codes and fault.said in log and hosts.seconds < fault.within
            after, differ = "", ""
            if fault.again is not None:
                again = Hosts(inputs, folder, fault.again, "again").run()
                furthest = max(abs(a / b - 1) for a, b in zip(again.losses(), wanted, strict=True))
                good = good and set(again.codes) == {0} and furthest < 2e-5
                after, differ = f"{len(again.codes)} hosts: {', '.join(map(str, again.codes))}", f"{furthest:.1e}"
            if not good:
                wrong += 1
                for rank in range(len(hosts.codes)):
                    print(f"--- {fault.name}, host {rank}\n", hosts.log(rank)[-6000:], file=sys.stderr)
            codes = ", ".join(map(str, hosts.codes))
            print(
                f"| {fault.name} | {codes} | {hosts.seconds:.0f} | {after} | {differ} | {'yes' if good else 'NO'} |",
                flush=True,
            )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
