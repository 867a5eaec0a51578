"""Google Cloud: Batch and Vertex AI, both with a bucket for the run folder and the user's files."""

from __future__ import annotations

from typing import Any

from job.submit.estimate import SHARED_MIB
from job.submit.files import Way, each
from job.submit.submission import Submission
from job.submit.text import as_json, as_yaml

CARDS = {
    "T4": {1: "n1-standard-4", 2: "n1-standard-8", 4: "n1-standard-16"},
    "L4": {1: "g2-standard-4", 2: "g2-standard-24", 4: "g2-standard-48", 8: "g2-standard-96"},
    "A100": {1: "a2-highgpu-1g", 2: "a2-highgpu-2g", 4: "a2-highgpu-4g", 8: "a2-highgpu-8g", 16: "a2-megagpu-16g"},
    "H100": {1: "a3-highgpu-1g", 2: "a3-highgpu-2g", 4: "a3-highgpu-4g", 8: "a3-highgpu-8g"},
}
"""Machine types by the number of their cards (compute/docs/gpus)."""
ON_SPOT_ALONE = {"H100": (1, 2, 4)}
"""An A3 machine with fewer than eight cards is not sold on demand (compute/docs/accelerator-optimized-machines)."""
ACCELERATORS = {"T4": "nvidia-tesla-t4", "L4": "nvidia-l4", "A100": "nvidia-tesla-a100", "H100": "nvidia-h100-80gb"}
BATCH_HOSTS = "/etc/cloudbatch-taskgroup-hosts"
"""Where requireHostsFile has the list of hosts written (BATCH_HOSTS_FILE)."""
BATCH_DISK, VERTEX_BUCKET = "/mnt/disks/output", "/gcs/YOUR_BUCKET"
UPLOAD = each("gcloud storage cp {path} gs://YOUR_BUCKET/{name}-files/{path}")
BATCH_FILES = Way(UPLOAD, volume=BATCH_DISK, patterns=True)
VERTEX_FILES = Way(UPLOAD, volume="/gcs", patterns=True)


def gcp_batch(job: Submission) -> str:
    """A Google Cloud Batch job with a bucket as its volume."""
    # Root mounts the bucket, on a machine that lives for this task alone, so the job runs as root there.
    # Batch's own codes: 50001 preempted ... 50006 VM recreated. Not 50005, the time limit: another try would hit it again.
    environment: dict[str, Any] = {"variables": job.environment(f"{BATCH_DISK}/{job.name}")}
    if job.secrets:
        secret = "projects/YOUR_PROJECT/secrets/YOUR_SECRET/versions/latest"
        environment["secretVariables"] = dict.fromkeys(job.secrets, secret)
    container: dict[str, Any] = {
        "imageUri": job.image,
        "commands": job.arguments(f"{BATCH_DISK}/{job.folder}"),
        "options": f"--user 0:0 --shm-size {SHARED_MIB}m",
    }
    together: dict[str, Any] = {}
    if job.nodes > 1:
        # A container sees the list of hosts only where it is mounted, and then no volume of the task is mounted by itself.
        container["volumes"] = [f"{BATCH_DISK}:{BATCH_DISK}", f"{BATCH_HOSTS}:{BATCH_HOSTS}:ro"]
        container["options"] += " --network host"
        together = {"parallelism": str(job.nodes), "taskCountPerNode": "1", "requireHostsFile": True}
    return as_json(
        {
            "taskGroups": [
                {
                    "taskCount": str(job.nodes),
                    **together,
                    "taskSpec": {
                        "runnables": [{"container": container}],
                        "environment": environment,
                        "volumes": [{"gcs": {"remotePath": "YOUR_BUCKET"}, "mountPath": BATCH_DISK}],
                        "computeResource": {"cpuMilli": str(4000 * job.gpus), "memoryMib": str(job.needs.memory_mib)},
                        "maxRunDuration": f"{job.max_seconds}s",
                        "maxRetryCount": job.attempts - 1,
                        "lifecyclePolicies": [
                            {
                                "action": "RETRY_TASK",
                                "actionCondition": {"exitCodes": [*job.retried, 50001, 50002, 50003, 50004, 50006]},
                            }
                        ],
                    },
                }
            ],
            "allocationPolicy": {
                "location": {"allowedLocations": ["regions/YOUR_REGION"]},
                "instances": [{"installGpuDrivers": True, "policy": _machine(job)}],
            },
            "logsPolicy": {"destination": "CLOUD_LOGGING"},
        }
    )


def _machine(job: Submission) -> dict[str, Any]:
    card = job.card or "T4"
    return {
        "machineType": CARDS[card][job.gpus],
        "provisioningModel": "STANDARD" if job.spot is False else "SPOT",
        "accelerators": [{"type": ACCELERATORS[card], "count": str(job.gpus)}],
        "bootDisk": {"sizeGb": str(job.needs.disk_gb)},
    }


def vertex(job: Submission) -> str:
    """A Vertex AI custom job."""
    # Its env takes no secrets: the token is a file in the bucket, which Vertex mounts under /gcs.
    card = job.card or "T4"
    token = {"HF_TOKEN_PATH": f"{VERTEX_BUCKET}/secrets/hf_token"} if job.secrets else {}
    values = job.environment(f"{VERTEX_BUCKET}/{job.name}", **token)
    pool = {
        "replicaCount": 1,
        "machineSpec": {
            "machineType": CARDS[card][job.gpus],
            "acceleratorType": ACCELERATORS[card].upper().replace("-", "_"),
            "acceleratorCount": job.gpus,
        },
        # Vertex's own default and least is 100
        "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": max(100, job.needs.disk_gb)},
        "containerSpec": {
            "imageUri": job.image,
            "args": job.arguments(f"{VERTEX_BUCKET}/{job.folder}"),
            "env": [{"name": name, "value": value} for name, value in values.items()],
        },
    }
    # The first pool is one machine. Where one of several is lost, the others end: only all of them can begin again.
    others = [pool | {"replicaCount": job.nodes - 1}] if job.nodes > 1 else []
    restart = {"restartJobOnWorkerRestart": True} if job.nodes > 1 else {}
    return as_yaml(
        {
            "workerPoolSpecs": [pool, *others],
            "scheduling": {
                "strategy": "ON_DEMAND" if job.spot is False else "SPOT",
                "timeout": f"{job.max_seconds}s",
                "disableRetries": False,
                **restart,
            },
            "baseOutputDirectory": {"outputUriPrefix": f"gs://YOUR_BUCKET/{job.name}"},
        }
    )
