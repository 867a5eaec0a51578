"""Kubernetes: a Job, the same Job in a Kueue queue, and a Kubeflow TrainJob with its own runtime."""

from __future__ import annotations

from typing import Any

from job.submit.submission import Submission
from job.submit.text import as_yaml

USER = 10001  # the image's own


def kubernetes(job: Submission) -> str:
    """A Job that retries by exit code."""
    return as_yaml(_job(job))


def kueue(job: Submission) -> str:
    """The Job with a queue's label, suspended until Kueue starts it."""
    document = _job(job)
    document["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "YOUR_LOCAL_QUEUE"}
    document["spec"]["suspend"] = True
    return as_yaml(document)


def kubeflow(job: Submission) -> str:
    """A TrainJob of Kubeflow Trainer v2 and its runtime."""
    # A TrainJob has no fields for exit codes, volumes and grace; a runtime has, so this one brings its own. On a permanent
    # failure podFailurePolicy fails the Job, and that fails the JobSet. The Job itself retries everything else.
    spec = _job_spec(job)
    container = spec["template"]["spec"]["containers"][0]
    env, resources = container.pop("env"), container.pop("resources")
    runtime = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": {"name": job.name},
        "spec": {
            "mlPolicy": {"numNodes": 1},
            "template": {
                "spec": {
                    "failurePolicy": {"maxRestarts": 0},
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
                "args": ["run"],
                "env": env,
                "numNodes": 1,
                "resourcesPerNode": resources,
            },
        },
    }
    return as_yaml(runtime, train_job)


def _job(job: Submission) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job.name},
        "spec": _job_spec(job),
    }


def _job_spec(job: Submission) -> dict[str, Any]:
    return {
        "backoffLimit": job.attempts - 1,
        "activeDeadlineSeconds": job.max_seconds,
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
        "terminationGracePeriodSeconds": job.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [
            {
                "name": "node",  # Kubeflow's name for it
                "image": job.image,
                "args": ["run"],
                "env": env,
                "resources": {
                    "requests": {"cpu": "2", "memory": "10Gi"},
                    "limits": {"nvidia.com/gpu": 1},
                },
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "terminationMessagePath": "/dev/termination-log",
                "volumeMounts": [{"name": "output", "mountPath": job.output}],
            }
        ],
        "volumes": [{"name": "output", "persistentVolumeClaim": {"claimName": "YOUR_PVC"}}],
    }
