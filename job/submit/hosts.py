"""Machines of your own: docker, Compose, Slurm."""

from __future__ import annotations

import shlex

from job.submit.submission import Submission
from job.submit.text import Raw, as_yaml, command


def docker(job: Submission) -> str:
    """A script with one `docker run`."""
    # No restart policy: docker's ignores exit codes, and would restart a run that a person has stopped.
    folder = Raw(f'"$PWD/output/{job.name}:{job.output}"')
    values = job.environment(job.output)
    return "#!/bin/sh\n" + command(
        [
            ["mkdir", "-p", f"output/{job.name}", Raw("&&"), "docker", "run", "--rm", "--name", job.name],
            ["--gpus", "all", "--stop-timeout", str(job.grace_seconds), "--user", Raw('"$(id -u):$(id -g)"')],
            ["--volume", folder, "--volume", f"lora-job-cache:{job.cache}"],
            *(["--env", f"{name}={value}"] for name, value in values.items()),
            *(["--env", name] for name in job.secrets),
            [job.image, "run"],
        ]
    )


def compose(job: Submission) -> str:
    """A Compose file with one service."""
    values: dict[str, str | None] = {
        name: value.replace("$", "$$") for name, value in job.environment(job.output).items()
    }
    values |= dict.fromkeys(job.secrets)  # no value: Compose passes the caller's
    return as_yaml(
        {
            "name": job.name,
            "services": {
                "job": {
                    "image": job.image,
                    "command": ["run"],
                    "environment": values,
                    "volumes": [f"output:{job.output}", f"cache:{job.cache}"],
                    "restart": "no",
                    "stop_grace_period": f"{job.grace_seconds}s",
                    "deploy": {
                        "resources": {
                            "reservations": {"devices": [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]}
                        }
                    },
                }
            },
            "volumes": {"output": {}, "cache": {"name": "lora-job-cache"}},
        }
    )


def slurm(job: Submission) -> str:
    """A Slurm batch script that runs the image with Apptainer."""
    # --signal reaches the step inside srun. The script requeues itself, which keeps the job's id and log.
    host = f"YOUR_SHARED_FOLDER/{job.name}"
    again = "|".join(map(str, job.retried))
    exports = "".join(
        f"export APPTAINERENV_{name}={shlex.quote(value)}\n" for name, value in job.environment(job.output).items()
    )
    secrets = "".join(f'export APPTAINERENV_{name}="${{{name}:-}}"\n' for name in job.secrets)
    return f"""#!/bin/bash
#SBATCH --job-name={job.name}
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time={job.max_hours}:00:00
#SBATCH --signal=TERM@{job.grace_seconds}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
{exports}{secrets}# --cleanenv keeps the login shell's variables out of the container; APPTAINERENV_ passes these in.
export APPTAINERENV_CUDA_VISIBLE_DEVICES="${{CUDA_VISIBLE_DEVICES:-0}}"
export APPTAINERENV_SLURM_JOB_ID="$SLURM_JOB_ID" APPTAINERENV_SLURM_RESTART_COUNT="${{SLURM_RESTART_COUNT:-0}}"
mkdir -p {host} YOUR_SHARED_FOLDER/cache
stopped=no
trap 'stopped=yes' TERM  # after scancel the run ends in order and is not requeued
srun apptainer run --nv --cleanenv --no-home \\
  --bind {host}:{job.output},YOUR_SHARED_FOLDER/cache:{job.cache} \\
  docker://{job.image} run
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
