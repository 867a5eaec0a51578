"""Google Cloud: Batch and Vertex AI, both with a bucket for the run folder and the user's files."""

from __future__ import annotations

from typing import Any

from job.submit.estimate import SHARED_MIB
from job.submit.files import Way, each
from job.submit.submission import Submission
from job.submit.text import as_json, as_yaml

CARDS = {
    "T4": "n1-standard-4",
    "L4": "g2-standard-4",
    "A100": "a2-highgpu-1g",
    "H100": "a3-highgpu-1g",
}
"""Machine types with one card."""
ON_SPOT_ALONE = ("H100",)
"""An A3 machine with fewer than eight cards is not sold on demand (compute/docs/accelerator-optimized-machines)."""
ACCELERATORS = {"T4": "nvidia-tesla-t4", "L4": "nvidia-l4", "A100": "nvidia-tesla-a100", "H100": "nvidia-h100-80gb"}
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
    container = {
        "imageUri": job.image,
        "commands": job.arguments(f"{BATCH_DISK}/{job.folder}"),
        "options": f"--user 0:0 --shm-size {SHARED_MIB}m",
    }
    return as_json(
        {
            "taskGroups": [
                {
                    "taskCount": "1",
                    "taskSpec": {
                        "runnables": [{"container": container}],
                        "environment": environment,
                        "volumes": [{"gcs": {"remotePath": "YOUR_BUCKET"}, "mountPath": BATCH_DISK}],
                        "computeResource": {"cpuMilli": "4000", "memoryMib": str(job.needs.memory_mib)},
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
        "machineType": CARDS[card],
        "provisioningModel": "STANDARD" if job.spot is False else "SPOT",
        "accelerators": [{"type": ACCELERATORS[card], "count": "1"}],
        "bootDisk": {"sizeGb": str(job.needs.disk_gb)},
    }


def vertex(job: Submission) -> str:
    """A Vertex AI custom job."""
    # Its env takes no secrets: the token is a file in the bucket, which Vertex mounts under /gcs.
    card = job.card or "T4"
    token = {"HF_TOKEN_PATH": f"{VERTEX_BUCKET}/secrets/hf_token"} if job.secrets else {}
    values = job.environment(f"{VERTEX_BUCKET}/{job.name}", **token)
    return as_yaml(
        {
            "workerPoolSpecs": [
                {
                    "replicaCount": 1,
                    "machineSpec": {
                        "machineType": CARDS[card],
                        "acceleratorType": ACCELERATORS[card].upper().replace("-", "_"),
                        "acceleratorCount": 1,
                    },
                    # Vertex's own default and least is 100
                    "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": max(100, job.needs.disk_gb)},
                    "containerSpec": {
                        "imageUri": job.image,
                        "args": job.arguments(f"{VERTEX_BUCKET}/{job.folder}"),
                        "env": [{"name": name, "value": value} for name, value in values.items()],
                    },
                }
            ],
            "scheduling": {
                "strategy": "ON_DEMAND" if job.spot is False else "SPOT",
                "timeout": f"{job.max_seconds}s",
                "disableRetries": False,
            },
            "baseOutputDirectory": {"outputUriPrefix": f"gs://YOUR_BUCKET/{job.name}"},
        }
    )
