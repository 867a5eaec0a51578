"""Other clouds: Azure Machine Learning, Hugging Face Jobs, SkyPilot, RunPod. Each puts the output folder where it outlives the
machine, so that the next attempt continues the run."""

from __future__ import annotations

import math
from typing import Any

from job.submit.estimate import SHARED_MIB
from job.submit.files import Way, each
from job.submit.submission import Submission
from job.submit.text import Raw, as_dotenv, as_json, as_yaml, command

AZURE_SIZES = {
    "T4": {1: "Standard_NC4as_T4_v3", 4: "Standard_NC64as_T4_v3"},
    "A100": {
        1: "Standard_NC24ads_A100_v4",
        2: "Standard_NC48ads_A100_v4",
        4: "Standard_NC96ads_A100_v4",
        8: "Standard_ND96asr_v4",
    },
    "H100": {1: "Standard_NC40ads_H100_v5", 2: "Standard_NC80adis_H100_v5", 8: "Standard_ND96isr_H100_v5"},
}
"""VM sizes by the number of their cards; Azure has no L4."""
FLAVORS = {"T4": {1: "t4-small"}, "L4": {1: "l4x1", 4: "l4x4"}, "A100": {1: "a100-large", 4: "a100x4", 8: "a100x8"}}
"""Of `hf jobs run --flavor`, by the number of their cards."""
SKY_NUMBERS = {"T4": (1, 2, 4, 8), "L4": (1, 2, 4, 8), "A100": (1, 2, 4, 8, 16), "H100": (1, 2, 4, 8)}
"""Of cards in a machine of some cloud."""
SKY_PLACE = ("SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES", "SKYPILOT_NODE_IPS")
RUNPOD_NUMBERS = range(1, 9)
RUNPOD_CARDS = {
    "L4": ["NVIDIA L4"],
    "A100": ["NVIDIA A100 80GB PCIe", "NVIDIA A100-SXM4-80GB"],
    "H100": ["NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3", "NVIDIA H100 NVL"],
}
"""RunPod has no T4."""
RUNPOD_USUAL = ["NVIDIA RTX A4000", "NVIDIA RTX A4500", "NVIDIA L4"]
"""Without a card: the cheapest that hold a base of 3 billion parameters."""
WORKSPACE = "/workspace"
AZURE_FILES = Way(
    each(
        "az storage blob upload --auth-mode login --account-name YOUR_STORAGE_ACCOUNT --container-name YOUR_CONTAINER "
        "--overwrite --file {path} --name lora-job/{name}-files/{path}"
    )
)
HF_FILES = Way(
    each("hf buckets cp {path} hf://buckets/YOUR_NAMESPACE/YOUR_BUCKET/{name}-files/{path}"), volume="/output"
)
RUNPOD_FILES = Way(
    each(
        "aws s3 cp --region YOUR_DATA_CENTER --endpoint-url https://s3api-YOUR_DATA_CENTER.runpod.io "
        "{path} s3://YOUR_NETWORK_VOLUME_ID/{name}-files/{path}"
    ),
    volume=WORKSPACE,
)


def azureml(job: Submission) -> str:
    """An Azure Machine Learning command job."""
    # Only the command line can refer to outputs and inputs. The output's path is fixed, so that the next job finds it.
    store = "azureml://datastores/workspaceblobstore/paths"
    ours = {"FINETUNE_OUTPUT_DIR": "${{outputs.run}}"}
    inputs = {}
    if job.secrets:
        ours["HF_TOKEN_PATH"] = "${{inputs.hf_token}}"
        inputs["hf_token"] = {"type": "uri_file", "mode": "ro_mount", "path": f"{store}/secrets/hf_token"}
    if job.files:
        inputs["files"] = {"type": "uri_folder", "mode": "ro_mount", "path": f"{store}/lora-job/{job.folder}"}
    words = [*(f'{name}="{value}"' for name, value in ours.items()), "exec", *job.program]
    document: dict[str, Any] = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json",
        "type": "command",
        "display_name": job.name,
        "experiment_name": "lora-job",
        **_azure_machine(job),
        "environment": {"image": job.image},
        "environment_variables": dict(job.env),
        "command": " ".join([*words, *job.arguments('"${{inputs.files}}"')]),
        "outputs": {"run": {"type": "uri_folder", "mode": "rw_mount", "path": f"{store}/lora-job/{job.name}"}},
        "limits": {"timeout": job.max_seconds},
    }
    if inputs:
        document["inputs"] = inputs
    return as_yaml(document)


def _azure_machine(job: Submission) -> dict[str, Any]:
    """A cluster of yours; with a card, or on Spot, a machine that Azure makes for the job (serverless compute)."""
    shared = {"shm_size": f"{SHARED_MIB}m"}
    if not job.card and not job.spot and job.gpus == 1:
        return {"compute": "azureml:YOUR_COMPUTE", "resources": shared}
    return {
        "resources": {"instance_type": AZURE_SIZES[job.card or "T4"][job.gpus], "instance_count": 1, **shared},
        "queue_settings": {"job_tier": "Spot" if job.spot else "Standard"},
    }


def huggingface(job: Submission) -> str:
    """A command for Hugging Face Jobs, with a bucket of the Hub as its volume."""
    # No --attempts: it would retry permanent failures too. Without --timeout a job ends after 30 minutes.
    values = job.environment(f"{job.output}/{job.name}")
    return "#!/bin/sh\n" + command(
        [
            ["hf", "jobs", "run", "--name", job.name, "--flavor", FLAVORS[job.card or "T4"][job.gpus]],
            ["--timeout", f"{job.max_hours}h"],
            ["--volume", f"hf://buckets/YOUR_NAMESPACE/YOUR_BUCKET:{job.output}"],
            *(["--env", as_dotenv(name, value)] for name, value in values.items()),
            *(["--secrets", name] for name in job.secrets),
            ["--detach", job.image, *job.program, *job.arguments(f"{job.output}/{job.folder}")],
        ]
    )


def skypilot(job: Submission) -> str:
    """A SkyPilot managed job."""
    # The image is a program, not a machine to log into: docker runs it, and its exit code becomes the job's.
    # recover_on_exit_codes has no limit, so it holds only the codes worth another try. A lost machine needs no code.
    values = job.environment(job.output)
    mount = "/mnt/lora-job"
    data = ["--volume", Raw(f'"$HOME/{job.folder}:{job.data}:ro"'), "--workdir", job.data] if job.files else []
    host = [["--network", "host", *(word for name in SKY_PLACE for word in ("--env", name))]] if job.nodes > 1 else []
    run = f'mkdir -p {mount}/{job.name} "$HOME/lora-job-cache"\n' + command(
        [
            ["docker", "run", "--rm", "--gpus", "all", "--stop-timeout", str(job.grace_seconds)],
            ["--shm-size", f"{SHARED_MIB}m"],
            ["--user", Raw('"$(id -u):$(id -g)"'), "--volume", f"{mount}/{job.name}:{job.output}"],
            ["--volume", Raw(f'"$HOME/lora-job-cache:{job.cache}"'), *data],
            *(["--env", name] for name in [*values, *job.secrets]),
            *host,
            [job.image, "run"],
        ]
    )
    document: dict[str, Any] = {
        "name": job.name,
        **({"num_nodes": job.nodes} if job.nodes > 1 else {}),
        "resources": {
            "accelerators": f"{job.card or 'T4'}:{job.gpus}",
            "memory": f"{job.needs.memory_gib}+",
            "use_spot": job.spot is not False,
            "disk_size": max(100, job.needs.disk_gb),
            "job_recovery": {
                "strategy": "EAGER_NEXT_REGION",
                "max_restarts_on_errors": 0,
                "recover_on_exit_codes": list(job.again),
            },
        },
        "envs": values,
        "file_mounts": {
            mount: {"name": "YOUR_BUCKET", "mode": "MOUNT"},
            **{f"~/{job.folder}/{file}": f"./{file}" for file in job.files},  # `sky` uploads them
        },
        "run": run,
    }
    if job.secrets:
        document["secrets"] = dict.fromkeys(job.secrets)  # no value: `sky` takes the caller's
    return as_yaml(document)


def runpod(job: Submission) -> str:
    """The body of a request that creates a RunPod pod."""
    # RunPod has no retries. Double braces refer to a secret of the account.
    values = job.environment(f"{WORKSPACE}/{job.name}", HF_HOME=f"{WORKSPACE}/cache/huggingface")
    return as_json(
        {
            "name": job.name,
            "imageName": job.image,
            "computeType": "GPU",
            "gpuTypeIds": RUNPOD_CARDS.get(job.card, RUNPOD_USUAL),
            "gpuCount": job.gpus,
            "minRAMPerGPU": math.ceil(job.needs.memory_gib / job.gpus),
            "containerDiskInGb": 40,
            "networkVolumeId": "YOUR_NETWORK_VOLUME_ID",
            "volumeMountPath": WORKSPACE,
            "interruptible": bool(job.spot),
            "env": values | {name: f"{{{{ RUNPOD_SECRET_{name} }}}}" for name in job.secrets},
            "dockerStartCmd": job.arguments(f"{WORKSPACE}/{job.folder}"),
        }
    )
