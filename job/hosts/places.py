"""Which process of a run this one is, where a launcher starts the same command several times: once a host, or once a GPU.

Knows the variables of the launchers. Connects to nobody, and imports no torch.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from job.errors import SettingsError

PORT = 29500
"""Where nothing names one; torch's own default."""
RESOURCES = Path("/opt/ml/input/config/resourceconfig.json")
Environ = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    rank: int
    """0 leads: it alone writes."""
    processes: int
    local_rank: int | None
    """Which GPU of its host is this process's; None where it takes all that it sees."""
    address: str
    """Of rank 0."""
    port: int
    launcher: str
    store: str = ""
    """Under torchrun the store is its agent's, and this sets our keys apart; empty where rank 0 makes one."""

    def __str__(self) -> str:
        return f"process {self.rank} of {self.processes}"

    @property
    def other_leader(self) -> str:
        """What to do where rank 0 finds its place taken: a sentence for a remedy."""
        return (
            "If another process of this run has it, both were started as rank 0: give each a rank of its own (NODE_RANK, or "
            f"what the launcher sets in its place; launcher: {self.launcher})."
        )


@dataclass(frozen=True)
class Claim:
    """What a launcher's variables say, whether it adds up or not. Empty texts are unset."""

    rank: str
    processes: str
    address: str
    port: str = ""
    local_rank: str = ""
    store: str = ""


@dataclass(frozen=True)
class Launcher:
    name: str
    variables: tuple[str, str, str]
    """Where it says rank, number of processes and address, for errors."""
    is_here: Callable[[Environ], bool]
    claim: Callable[[Environ], Claim]


# --- what each says --------------------------------------------------------------------------------------------------


def _read(*names: str) -> Callable[[Environ], Claim]:
    return lambda environ: Claim(*(environ.get(name, "") for name in names))


def _has(*names: str) -> Callable[[Environ], bool]:
    return lambda environ: all(environ.get(name) for name in names)


def _torchrun(environ: Environ) -> Claim:
    """Its agent keeps a store at that address, which outlives an attempt of its workers."""
    attempt = f"{environ.get('TORCHELASTIC_RUN_ID', '')}/{environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    claim = _read("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK")(environ)
    is_kept = environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return replace(claim, store=f"lora-job/{attempt}" if is_kept else "")


def _slurm(environ: Environ) -> Claim:
    """A task is a host, or a GPU where there are more tasks than hosts. Jobs that share a host get ports of their own."""
    processes = environ.get("SLURM_STEP_NUM_TASKS") or environ.get("SLURM_NTASKS", "")
    hosts = expand(environ["SLURM_STEP_NODELIST"])
    job = re.sub(r"\D", "", environ.get("SLURM_JOB_ID", ""))
    return Claim(
        environ["SLURM_PROCID"],
        processes,
        environ.get("MASTER_ADDR") or next(iter(hosts), ""),
        environ.get("MASTER_PORT") or (str(15000 + int(job) % 10000) if job else ""),
        environ.get("SLURM_LOCALID", "") if processes.isdecimal() and int(processes) > len(hosts) else "",
    )


def expand(names: str) -> list[str]:
    """Slurm's short form of host names: `gpu[01-03,7],login` -> gpu01, gpu02, gpu03, gpu7, login."""
    found: list[str] = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", names):
        some = [""]
        for text, numbers in re.findall(r"([^\[]+)|\[([^\]]*)\]", part):
            some = [name + one for name in some for one in ([text] if text else _numbers(numbers))]
        found += some
    return found


def _numbers(ranges: str) -> Iterator[str]:
    for one in ranges.split(","):
        first, _, last = one.partition("-")
        numbers = range(int(first), int(last or first) + 1) if (first + last).isdecimal() else ()
        yield from (str(number).zfill(len(first)) for number in numbers)


def _sagemaker(_: Environ) -> Claim:
    facts = _fields(RESOURCES.read_text("utf-8"))
    hosts = sorted(map(str, facts.get("hosts", [])))
    host = str(facts.get("current_host", ""))
    return Claim(str(hosts.index(host)) if host in hosts else host, str(len(hosts)), next(iter(hosts), ""))


def _vertex(environ: Environ) -> Claim:
    """Ranks in the order of the pools. Each replica is `name:port`, with a port that is free for the training."""
    facts = _fields(environ["CLUSTER_SPEC"])
    pools, task = facts.get("cluster", {}), facts.get("task", {})
    replicas = [(pool, number, name) for pool in sorted(pools) for number, name in enumerate(pools[pool])]
    mine = [rank for rank, one in enumerate(replicas) if one[:2] == (task.get("type"), int(task.get("index", -1)))]
    address, _, port = replicas[0][2].partition(":") if replicas else ("", "", "")
    return Claim(str(mine[0]) if mine else str(task), str(len(replicas)), address, port)


def _aws_batch(environ: Environ) -> Claim:
    """The main node leads, whatever its number. It alone is not told the address, which is its own."""
    index, main = environ["AWS_BATCH_JOB_NODE_INDEX"], environ.get("AWS_BATCH_JOB_MAIN_NODE_INDEX") or "0"
    if index == main:
        return Claim("0", environ["AWS_BATCH_JOB_NUM_NODES"], "127.0.0.1")
    rank = str(int(index) + (int(index) < int(main))) if (index + main).isdecimal() else index
    address = environ.get("AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", "")
    return Claim(rank, environ["AWS_BATCH_JOB_NUM_NODES"], address)


def _skypilot(environ: Environ) -> Claim:
    first = next(iter(environ.get("SKYPILOT_NODE_IPS", "").split()), "")
    return Claim(environ.get("SKYPILOT_NODE_RANK", ""), environ["SKYPILOT_NUM_NODES"], first)


def _google_batch(environ: Environ) -> Claim:
    """By the place of this host in the list, where it stands there: nothing says that task 0 runs on the first one."""
    path = Path(environ["BATCH_HOSTS_FILE"])
    hosts = [line.split()[0] for line in path.read_text("utf-8").splitlines() if line.strip()] if path.is_file() else []
    short = [name.partition(".")[0] for name in hosts]
    here = socket.gethostname().partition(".")[0]
    rank = str(short.index(here)) if here in short else environ.get("BATCH_TASK_INDEX", "")
    return Claim(rank, environ.get("BATCH_TASK_COUNT", ""), next(iter(hosts), ""))


def _fields(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


LAUNCHERS: tuple[Launcher, ...] = (
    Launcher("torchrun", ("RANK", "WORLD_SIZE", "MASTER_ADDR"), _has("RANK", "WORLD_SIZE"), _torchrun),
    Launcher(
        "Kubeflow Trainer",
        ("PET_NODE_RANK", "PET_NNODES", "PET_MASTER_ADDR"),
        _has("PET_NNODES"),
        _read("PET_NODE_RANK", "PET_NNODES", "PET_MASTER_ADDR", "PET_MASTER_PORT"),
    ),
    Launcher(
        "an indexed Job of Kubernetes",
        ("JOB_COMPLETION_INDEX", "NNODES", "MASTER_ADDR"),
        lambda environ: _has("NNODES", "JOB_COMPLETION_INDEX")(environ) and not environ.get("NODE_RANK"),
        _read("JOB_COMPLETION_INDEX", "NNODES", "MASTER_ADDR", "MASTER_PORT"),
    ),
    Launcher(
        "plain variables",
        ("NODE_RANK", "NNODES", "MASTER_ADDR"),
        lambda environ: bool(environ.get("NNODES") and (environ.get("NODE_RANK") or environ.get("MASTER_ADDR"))),
        _read("NODE_RANK", "NNODES", "MASTER_ADDR", "MASTER_PORT"),
    ),
    Launcher(
        "Slurm's srun",  # a batch script has SLURM_PROCID and SLURM_NTASKS as well, and is alone
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST"),
        _has("SLURM_PROCID", "SLURM_STEP_NODELIST"),
        _slurm,
    ),
    Launcher("SageMaker", ("current_host", "hosts", "hosts"), lambda _: RESOURCES.is_file(), _sagemaker),
    Launcher("Vertex AI", ("CLUSTER_SPEC", "CLUSTER_SPEC", "CLUSTER_SPEC"), _has("CLUSTER_SPEC"), _vertex),
    Launcher(
        "AWS Batch",
        (
            "AWS_BATCH_JOB_NODE_INDEX",
            "AWS_BATCH_JOB_NUM_NODES",
            "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS",
        ),
        _has("AWS_BATCH_JOB_NODE_INDEX", "AWS_BATCH_JOB_NUM_NODES"),
        _aws_batch,
    ),
    Launcher(
        "SkyPilot",
        ("SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES", "SKYPILOT_NODE_IPS"),
        _has("SKYPILOT_NUM_NODES"),
        _skypilot,
    ),
    Launcher(
        "Google Batch",
        ("BATCH_TASK_INDEX", "BATCH_TASK_COUNT", "BATCH_HOSTS_FILE"),
        _has("BATCH_HOSTS_FILE"),  # without it tasks are runs of their own
        _google_batch,
    ),
)
"""The first one that is there counts: torchrun may run inside any other, and ours inside a queue's."""


# --- whether it adds up ----------------------------------------------------------------------------------------------


def place_of(environ: Environ) -> Place | None:
    """None for a process that is alone. Raises SettingsError (64) if the variables do not add up."""
    launcher = next((one for one in LAUNCHERS if one.is_here(environ)), None)
    if launcher is None:
        return None
    claim = launcher.claim(environ)
    if problems := list(_problems(launcher, claim)):
        raise SettingsError(problems)
    if int(claim.processes) == 1:
        return None
    return Place(
        int(claim.rank),
        int(claim.processes),
        int(claim.local_rank) if claim.local_rank else None,
        claim.address,
        int(claim.port or PORT),
        launcher.name,
        claim.store,
    )


def left_out(environ: Environ) -> str:
    """A sentence on what is missing where some variables speak of several hosts and this process would train alone; else
    empty. Variables of a launcher that counts one process are complete."""
    if any(one.is_here(environ) for one in LAUNCHERS):
        return ""
    if environ.get("NNODES", "1") not in ("", "1"):
        return f"NNODES={environ['NNODES']} is set, but NODE_RANK and MASTER_ADDR are not"
    if environ.get("NODE_RANK") and environ.get("MASTER_ADDR"):
        return "NODE_RANK and MASTER_ADDR are set, but NNODES is not"
    return ""


def _problems(launcher: Launcher, claim: Claim) -> Iterator[str]:
    rank, processes, address = launcher.variables
    if not _is_number(claim.processes) or claim.processes == "0":
        yield f"{processes}: {claim.processes or 'nothing'} is no number of processes ({launcher.name})"
        return
    if claim.processes == "1":
        return
    if not _is_number(claim.rank) or int(claim.rank) >= int(claim.processes):
        yield (
            f"{rank}: {claim.rank or 'nothing'} is no rank among the {claim.processes} of {processes}, which count from 0 "
            f"({launcher.name})"
        )
    if not claim.address:
        yield f"{address}: it does not say where rank 0 is, whom the other processes have to reach ({launcher.name})"
    elif re.search(r"[/\s]", claim.address) or claim.address.count(":") == 1:  # an IPv6 address has more
        yield f"{address}: {claim.address} is no name or IP address alone; a port goes into MASTER_PORT ({launcher.name})"
    if claim.port and not (_is_number(claim.port) and 0 < int(claim.port) < 65536):
        yield f"MASTER_PORT: {claim.port} is no port, a number from 1 to 65535 ({launcher.name})"
    if claim.local_rank and not _is_number(claim.local_rank):
        yield f"LOCAL_RANK: {claim.local_rank} is no number of a GPU, which count from 0 ({launcher.name})"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
