"""The same settings as what a queue takes: `python entrypoint.py manifest TARGET --env-file FILE --image IMAGE`.

    submission   what every target needs to know, read from one env file
    text         YAML, JSON and shell lines with right quoting
    hosts        docker, compose, slurm
    kubernetes   kubernetes, kueue, kubeflow
    clouds       gcp-batch, aws-batch, vertex, sagemaker, azureml, huggingface, skypilot, runpod
    placeholders what only the user knows, and where it stands

A target is a plain function from a Submission to text; its docstring is its line in `--help`. Retry rules
come from EXIT_CODES. Knows nothing of a run itself, and imports no heavy library.
"""

from __future__ import annotations

from collections.abc import Callable

from job.submit import clouds, hosts, kubernetes
from job.submit.submission import Submission

TARGETS: dict[str, Callable[[Submission], str]] = {
    "docker": hosts.docker,
    "compose": hosts.compose,
    "kubernetes": kubernetes.kubernetes,
    "kueue": kubernetes.kueue,
    "kubeflow": kubernetes.kubeflow,
    "gcp-batch": clouds.gcp_batch,
    "aws-batch": clouds.aws_batch,
    "vertex": clouds.vertex,
    "sagemaker": clouds.sagemaker,
    "azureml": clouds.azureml,
    "huggingface": clouds.huggingface,
    "skypilot": clouds.skypilot,
    "slurm": hosts.slurm,
    "runpod": clouds.runpod,
}


def sentence(target: str) -> str:
    return " ".join((TARGETS[target].__doc__ or "").split())
