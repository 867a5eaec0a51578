"""Machines of your own: docker, Compose, Slurm. They see this machine's folders, so the user's files are mounted, read-only."""

from __future__ import annotations

import shlex
from typing import Any

from job.submit.estimate import SHARED_MIB
from job.submit.files import Way
from job.submit.submission import Submission
from job.submit.text import Raw, as_yaml, command

FILES = Way(mounts=True)
SLURM_CARDS = {"T4": "t4", "L4": "l4", "A100": "a100", "H100": "h100"}
"""The usual names; a cluster's administrator chooses them (`sinfo -o %G` shows them)."""
BY_HAND = "start its command on each host by hand, with a folder that all of them share at /output, and "
DOCKER_BY_HAND = BY_HAND + (
    "`--network host -e NNODES=2 -e NODE_RANK=0 -e MASTER_ADDR=ADDRESS_OF_THE_FIRST` before the image (NODE_RANK=1 on the "
    "second)"
)
COMPOSE_BY_HAND = BY_HAND + (
    "`network_mode: host` and NNODES=2, NODE_RANK=0 and MASTER_ADDR=ADDRESS_OF_THE_FIRST in `environment` (NODE_RANK=1 on the "
    "second)"
)


def docker(job: Submission) -> str:
    """A script with one `docker run`."""
    # No restart policy: docker's ignores exit codes, and would restart a run that a person has stopped.
    folder = Raw(f'"$PWD/output/{job.name}:{job.output}"')
    gpus = "all" if job.gpus == 1 else str(job.gpus)
    values = job.environment(job.output)
    data = [["--volume", Raw(f'"$PWD:{job.data}:ro"'), "--workdir", job.data]] if job.files else []
    return "#!/bin/sh\n" + command(
        [
            ["mkdir", "-p", f"output/{job.name}", Raw("&&"), "docker", "run", "--rm", "--name", job.name],
            ["--gpus", gpus, "--shm-size", f"{SHARED_MIB}m", "--stop-timeout", str(job.grace_seconds)],
            ["--user", Raw('"$(id -u):$(id -g)"')],
            ["--volume", folder, "--volume", f"lora-job-cache:{job.cache}"],
            *data,
            *(["--volume", f"{path}:{path}:ro"] for path in job.mounted),
            *(["--env", f"{name}={value}"] for name, value in values.items()),
            *(["--env", name] for name in job.secrets),
            [job.image, "run"],
        ]
    )


COMPOSE_FIRST = 'mkdir -p output/NAME && export UID GID="$(id -g)"'
"""Docker would make a missing folder as root. Bash and zsh know UID, but do not export it, so that Compose would not see it."""


def compose(job: Submission) -> str:
    """A Compose file with one service. Relative folders are those beside the file."""
    values: dict[str, str | None] = {name: _literal(value) for name, value in job.environment(job.output).items()}
    values |= dict.fromkeys(job.secrets)  # no value: Compose passes the caller's
    volumes: list[Any] = [f"./output/{job.name}:{job.output}", f"cache:{job.cache}"]
    if job.files:
        volumes.append(f".:{job.data}:ro")
    volumes += [
        {"type": "bind", "source": _literal(path), "target": _literal(path), "read_only": True} for path in job.mounted
    ]
    head = f"# First: {COMPOSE_FIRST.replace('NAME', job.name)}\n# Without UID the job runs as 10001, and cannot write there.\n"
    return head + as_yaml(
        {
            "name": job.name,
            "services": {
                "job": {
                    "image": job.image,
                    "command": ["run"],
                    "user": "${UID:-10001}:${GID:-10001}",
                    **({"working_dir": job.data} if job.files else {}),
                    "environment": values,
                    "volumes": volumes,
                    "restart": "no",
                    "shm_size": f"{SHARED_MIB}m",
                    "stop_grace_period": f"{job.grace_seconds}s",
                    "deploy": {
                        "resources": {
                            "reservations": {
                                "devices": [{"driver": "nvidia", "count": job.gpus, "capabilities": ["gpu"]}]
                            }
                        }
                    },
                }
            },
            "volumes": {"cache": {"name": "lora-job-cache"}},
        }
    )


def _literal(text: str) -> str:
    """Compose expands a single dollar."""
    return text.replace("$", "$$")


def slurm(job: Submission) -> str:
    """A Slurm batch script that runs the image with Apptainer."""
    # --signal reaches the step inside srun. The script requeues itself, which keeps the job's id and log.
    host = f"YOUR_SHARED_FOLDER/{job.name}"
    again = "|".join(map(str, job.retried))
    exports = "".join(
        f"export APPTAINERENV_{name}={shlex.quote(value)}\n" for name, value in job.environment(job.output).items()
    )
    secrets = "".join(f'export APPTAINERENV_{name}="${{{name}:-}}"\n' for name in job.secrets)
    gpu = ":".join(["gpu", *([SLURM_CARDS[job.card]] if job.card else []), str(job.gpus)])
    hosts = f"#SBATCH --nodes={job.nodes}\n#SBATCH --ntasks-per-node=1\n" if job.nodes > 1 else ""
    return f"""#!/bin/bash
#SBATCH --job-name={job.name}
#SBATCH --partition=YOUR_PARTITION
#SBATCH --account=YOUR_ACCOUNT
{hosts}#SBATCH --gres={gpu}
#SBATCH --cpus-per-task={4 * job.gpus}
#SBATCH --mem={job.needs.memory_gib + 2}G
#SBATCH --time={job.max_hours}:00:00
#SBATCH --signal=TERM@{job.grace_seconds}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
{exports}{secrets}# --cleanenv keeps the login shell's variables out of the container; APPTAINERENV_ passes these in.
# Without NO_EVAL a shell in the container would expand them.
export APPTAINER_NO_EVAL=1
{_for_all(job)}export APPTAINERENV_SLURM_JOB_ID="$SLURM_JOB_ID" APPTAINERENV_SLURM_RESTART_COUNT="${{SLURM_RESTART_COUNT:-0}}"
mkdir -p {host} YOUR_SHARED_FOLDER/cache
stopped=no
trap 'stopped=yes' TERM  # after scancel the run ends in order and is not requeued
srun {_apptainer(job)} run --nv --cleanenv --no-home \\
  --bind {host}:{job.output},YOUR_SHARED_FOLDER/cache:{job.cache} \\
{_binds(job)}  docker://{job.image} run
code=$?
case $code in
  {again})
    if [ $stopped = no ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {job.attempts - 1} ]; then
      scontrol requeue "$SLURM_JOB_ID"
    fi
    ;;
esac
exit $code
"""


def _for_all(job: Submission) -> str:
    """What the script, which runs on the first host, knows for all tasks."""
    # two jobs may share a first host: the ports are apart, and below those that Linux gives to connections (32768)
    address = {"MASTER_ADDR": '"$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"'}
    team = job.team("") | address | {"MASTER_PORT": "$((20000 + SLURM_JOB_ID % 10000))"}
    if job.nodes == 1:
        team = {"CUDA_VISIBLE_DEVICES": _cards(job)}
    return "".join(f"export APPTAINERENV_{name}={value}\n" for name, value in team.items())


def _apptainer(job: Submission) -> str:
    """The program. Of several tasks each knows its own number and its own GPUs."""
    if job.nodes == 1:
        return "apptainer"
    own = f'export APPTAINERENV_NODE_RANK="$SLURM_PROCID" APPTAINERENV_CUDA_VISIBLE_DEVICES={_cards(job)}'
    return f"sh -c '{own}; exec apptainer \"$@\"' -"


def _cards(job: Submission) -> str:
    """As Slurm names them, or all, where it hides no GPU from a task."""
    return f'"${{CUDA_VISIBLE_DEVICES:-{",".join(map(str, range(job.gpus)))}}}"'


def _binds(job: Submission) -> str:
    """The user's files, for `apptainer run`. The script starts in the folder from which it was submitted."""
    data = f'  --bind "$PWD:{job.data}:ro" --pwd {job.data} \\\n' if job.files else ""
    return data + "".join(f"  --bind {shlex.quote(f'{path}:{path}:ro')} \\\n" for path in job.mounted)
