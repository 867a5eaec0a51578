"""Machines of your own: docker, Compose, Slurm. They see this machine's folders, so the user's files are mounted, read-only."""

from __future__ import annotations

import shlex
from typing import Any

from job.submit.estimate import SHARED_MIB
from job.submit.files import Way
from job.submit.submission import Submission
from job.submit.text import Raw, as_yaml, command

FILES = Way(mounts=True)
SLURM_CARDS = {"T4": "gpu:t4:1", "L4": "gpu:l4:1", "A100": "gpu:a100:1", "H100": "gpu:h100:1"}
"""The usual names; a cluster's administrator chooses them (`sinfo -o %G` shows them)."""


def docker(job: Submission) -> str:
    """A script with one `docker run`."""
    # No restart policy: docker's ignores exit codes, and would restart a run that a person has stopped.
    folder = Raw(f'"$PWD/output/{job.name}:{job.output}"')
    values = job.environment(job.output)
    data = [["--volume", Raw(f'"$PWD:{job.data}:ro"'), "--workdir", job.data]] if job.files else []
    return "#!/bin/sh\n" + command(
        [
            ["mkdir", "-p", f"output/{job.name}", Raw("&&"), "docker", "run", "--rm", "--name", job.name],
            ["--gpus", "all", "--shm-size", f"{SHARED_MIB}m", "--stop-timeout", str(job.grace_seconds)],
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
                            "reservations": {"devices": [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]}
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
    gpu = SLURM_CARDS[job.card] if job.card else "gpu:1"
    return f"""#!/bin/bash
#SBATCH --job-name={job.name}
#SBATCH --partition=YOUR_PARTITION
#SBATCH --account=YOUR_ACCOUNT
#SBATCH --gres={gpu}
#SBATCH --cpus-per-task=4
#SBATCH --mem={job.needs.memory_gib + 2}G
#SBATCH --time={job.max_hours}:00:00
#SBATCH --signal=TERM@{job.grace_seconds}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
{exports}{secrets}# --cleanenv keeps the login shell's variables out of the container; APPTAINERENV_ passes these in.
# Without NO_EVAL a shell in the container would expand them.
export APPTAINER_NO_EVAL=1
export APPTAINERENV_CUDA_VISIBLE_DEVICES="${{CUDA_VISIBLE_DEVICES:-0}}"
export APPTAINERENV_SLURM_JOB_ID="$SLURM_JOB_ID" APPTAINERENV_SLURM_RESTART_COUNT="${{SLURM_RESTART_COUNT:-0}}"
mkdir -p {host} YOUR_SHARED_FOLDER/cache
stopped=no
trap 'stopped=yes' TERM  # after scancel the run ends in order and is not requeued
srun apptainer run --nv --cleanenv --no-home \\
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


def _binds(job: Submission) -> str:
    """The user's files, for `apptainer run`. The script starts in the folder from which it was submitted."""
    data = f'  --bind "$PWD:{job.data}:ro" --pwd {job.data} \\\n' if job.files else ""
    return data + "".join(f"  --bind {shlex.quote(f'{path}:{path}:ro')} \\\n" for path in job.mounted)
