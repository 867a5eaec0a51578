"""Kubernetes: a Job, the same Job in a Kueue queue, and a Kubeflow TrainJob with its own runtime."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from job.errors import SettingsError
from job.runs.redaction import TOKEN
from job.submit.estimate import SHARED_MIB
from job.submit.files import Way
from job.submit.submission import PORT, Submission
from job.submit.text import as_yaml

USER = 10001  # the image's own
KEPT_SECONDS = 7 * 24 * 3600
"""How long a finished Job and the logs of its pods can be looked at."""
MOST_CONFIG_BYTES = 900_000
"""Of the files in a ConfigMap: it may hold 1 MiB, and what is no text takes a third more in a request of 1.5 MB."""
CARDS = {
    "T4": ("Tesla-T4",),
    "L4": ("NVIDIA-L4",),
    "A100": ("NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB", "NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"),
    "H100": ("NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-PCIe", "NVIDIA-H100-NVL"),
}
"""Values of the label nvidia.com/gpu.product, which NVIDIA's GPU operator gives to nodes."""
GKE_CARDS = {
    "T4": ("nvidia-tesla-t4",),
    "L4": ("nvidia-l4",),
    "A100": ("nvidia-tesla-a100", "nvidia-a100-80gb"),
    "H100": ("nvidia-h100-80gb", "nvidia-h100-mega-80gb"),
}
"""Values of Google's own label. EKS and AKS have none: there the operator's label counts."""
SPOT_TAINTS = ("cloud.google.com/gke-spot", "kubernetes.azure.com/scalesetpriority")


def kubernetes(job: Submission) -> str:
    """A Job that retries by exit code."""
    return as_yaml(*_config_map(job), *_service(job), _job(job))


def kueue(job: Submission) -> str:
    """The Job with a queue's label, suspended until Kueue starts it."""
    document = _job(job)
    document["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "YOUR_LOCAL_QUEUE"}
    document["spec"]["suspend"] = True
    return as_yaml(*_config_map(job), *_service(job), document)


def kubeflow(job: Submission) -> str:
    """A TrainJob of Kubeflow Trainer v2 and its runtime."""
    # A TrainJob has no fields for exit codes, volumes and grace; a runtime has, so this one brings its own. On a permanent
    # failure podFailurePolicy fails the Job, and that fails the JobSet. The Job itself retries everything else.
    # A JobSet is deleted as a whole: without its Job it would make another.
    spec = _job_spec(job)
    kept = spec.pop("ttlSecondsAfterFinished")
    container = spec["template"]["spec"]["containers"][0]
    env, resources = container.pop("env"), container.pop("resources")
    runtime = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": {"name": job.name},
        "spec": {
            # `torch` makes the Trainer tell each node its place, in PET_NNODES, PET_NODE_RANK and PET_MASTER_ADDR
            "mlPolicy": {"numNodes": job.nodes, **({"torch": {}} if job.nodes > 1 else {})},
            "template": {
                "spec": {
                    "failurePolicy": {"maxRestarts": 0},
                    "ttlSecondsAfterFinished": kept,
                    "replicatedJobs": [
                        {
                            "name": "node",
                            "template": {
                                "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
                                "spec": spec,
                            },
                        }
                    ],
                }
            },
        },
    }
    train_job = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": job.name},
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": job.name},
            "trainer": {
                "image": job.image,
                "args": container["args"],
                "env": env,
                "numNodes": job.nodes,
                "resourcesPerNode": resources,
            },
        },
    }
    return as_yaml(*_config_map(job), runtime, train_job)


def _job(job: Submission) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job.name},
        "spec": _indexed(job) if job.nodes > 1 else _job_spec(job),
    }


def _indexed(job: Submission) -> dict[str, Any]:
    """A pod for each host. Each knows its number (JOB_COMPLETION_INDEX), and the first has a name in the cluster's DNS."""
    spec = _job_spec(job)
    pod = spec["template"]["spec"]
    pod["subdomain"] = _service_name(job)
    team = job.team(f"{job.name}-0.{_service_name(job)}")
    pod["containers"][0]["env"] += [{"name": name, "value": value} for name, value in team.items()]
    return {"completionMode": "Indexed", "completions": job.nodes, "parallelism": job.nodes, **spec}


def _service(job: Submission) -> list[dict[str, Any]]:
    """Without an address of its own: it gives the pods of the Job names, also while they are not ready."""
    if job.nodes == 1:
        return []
    spec = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"batch.kubernetes.io/job-name": job.name},
        "ports": [{"name": "team", "port": PORT}],
    }
    return [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": _service_name(job)}, "spec": spec}]


def _service_name(job: Submission) -> str:
    return f"{job.name}-hosts"


def _job_spec(job: Submission) -> dict[str, Any]:
    return {
        "backoffLimit": (job.attempts - 1) * job.nodes,  # one that ends makes all others end
        "activeDeadlineSeconds": job.max_seconds,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "podReplacementPolicy": "Failed",  # or else two pods write to one volume
        "podFailurePolicy": {
            "rules": [
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": list(job.never)}},
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": {"spec": _pod_spec(job)},
    }


def _pod_spec(job: Submission) -> dict[str, Any]:
    # One mount for output and cache: fsGroup does not reach the folders that kubelet makes for a subPath.
    values = job.environment(f"{job.output}/{job.name}", HF_HOME=f"{job.output}/cache/huggingface")
    env: list[dict[str, Any]] = [{"name": name, "value": value.replace("$", "$$")} for name, value in values.items()]
    for name in job.secrets:
        # optional: without it, a pod whose secret is missing hangs; with it, the job ends with 67 and says what to do
        key = {"name": "YOUR_HF_SECRET", "key": name, "optional": True}
        env.append({"name": name, "valueFrom": {"secretKeyRef": key}})
    return {
        "restartPolicy": "Never",  # podFailurePolicy requires it
        "automountServiceAccountToken": False,  # the job asks nothing of the cluster
        "terminationGracePeriodSeconds": job.grace_seconds,
        "securityContext": SECURITY,
        **_nodes(job),
        "containers": [
            {
                "name": "node",  # Kubeflow's name for it
                "image": job.image,
                "args": job.arguments(_files_folder(job)),
                "env": env,
                "resources": {
                    # what the node's own services leave of a machine's memory
                    "requests": {"cpu": str(2 * job.gpus), "memory": f"{job.needs.memory_gib - 4}Gi"},
                    "limits": {"nvidia.com/gpu": job.gpus},
                },
                "securityContext": NO_RIGHTS,
                "terminationMessagePath": "/dev/termination-log",
                "volumeMounts": [
                    {"name": "output", "mountPath": job.output},
                    {"name": "shared-memory", "mountPath": "/dev/shm"},
                    *([{"name": "files", "mountPath": job.data, "readOnly": True}] if _in_config_map(job) else []),
                ],
            }
        ],
        "volumes": [
            OUTPUT,
            {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": f"{SHARED_MIB}Mi"}},
            *([_files_volume(job)] if _in_config_map(job) else []),
        ],
    }


SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
NO_RIGHTS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
OUTPUT = {"name": "output", "persistentVolumeClaim": {"claimName": "YOUR_PVC"}}


def _nodes(job: Submission) -> dict[str, Any]:
    """On which nodes the pod may run: those with the card, and with --spot also those that may be taken away."""
    found: dict[str, Any] = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]}
    if job.spot:
        found["tolerations"] += [{"key": taint, "operator": "Exists", "effect": "NoSchedule"} for taint in SPOT_TAINTS]
    if job.card:
        labels = {"nvidia.com/gpu.product": CARDS, "cloud.google.com/gke-accelerator": GKE_CARDS}
        terms = [
            {"matchExpressions": [{"key": label, "operator": "In", "values": list(cards[job.card])}]}
            for label, cards in labels.items()
        ]
        required = {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }  # one term is enough
        found["affinity"] = {"nodeAffinity": required}
    return found


# --- the user's files ------------------------------------------------------------------------------------------------


def _in_config_map(job: Submission) -> bool:
    """Small files travel in the manifest, others on the claim."""
    return bool(job.files) and sum(Path(file).stat().st_size for file in job.files) <= MOST_CONFIG_BYTES


def _files_folder(job: Submission) -> str:
    return job.data if _in_config_map(job) else f"{job.output}/{job.folder}"


def _config_map(job: Submission) -> list[dict[str, Any]]:
    """Raises SettingsError (64) for a text with a token."""
    if not _in_config_map(job):
        return []
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": job.folder}}
    for key, file in _keys(job).items():
        content = Path(file).read_bytes()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            document.setdefault("binaryData", {})[key] = base64.b64encode(content).decode("ascii")
            continue
        if TOKEN.search(text):
            raise SettingsError(
                [f"{file}: holds what looks like a Hub token, and a manifest must hold none; take it out"]
            )
        document.setdefault("data", {})[key] = text
    return [document]


def _files_volume(job: Submission) -> dict[str, Any]:
    items = [{"key": key, "path": file} for key, file in _keys(job).items()]
    return {"name": "files", "configMap": {"name": job.folder, "items": items}}


def _keys(job: Submission) -> dict[str, str]:
    """A ConfigMap's keys hold no slash and no letter beyond ASCII."""
    return {f"file-{number}": file for number, file in enumerate(job.files, 1)}


def _upload(job: Submission) -> Iterator[str]:
    """Copies the files to the claim, through a pod of the same image that does nothing else."""
    if not job.files or _in_config_map(job):
        return
    container = {
        "name": "copy",
        "image": job.image,
        "command": ["sleep", "3600"],
        "securityContext": NO_RIGHTS,
        "volumeMounts": [{"name": "output", "mountPath": job.output}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": job.folder},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": SECURITY,
            "containers": [container],
            "volumes": [OUTPUT],
        },
    }
    there = f"{job.output}/{job.folder}"
    yield f"echo {shlex.quote(json.dumps(pod))} | kubectl create -f -"
    yield f"kubectl wait --for=condition=Ready --timeout=15m pod/{job.folder}"
    unpack = f"mkdir -p {there} && tar -x -f - -C {there}"
    packed = shlex.join(["tar", "--dereference", "-c", "-f", "-", "--", *job.files])
    yield f"{packed} | kubectl exec -i {job.folder} -- sh -c {shlex.quote(unpack)}"
    yield f"kubectl delete pod {job.folder}"


FILES = Way(_upload, volume="/output")
