"""The settings of a run in the form that a queue takes: `python entrypoint.py manifest TARGET --env-file FILE --image IMAGE`.

    targets       the queues, in one table
    submission    what every queue needs to know, read from one env file
    hosts         docker, compose, slurm
    kubernetes    kubernetes, kueue, kubeflow
    clouds        gcp-batch, aws-batch, vertex, sagemaker, azureml, huggingface, skypilot, runpod
    text          YAML, JSON and shell lines with the right quotes
    placeholders  what only the user knows, and where to write it

A queue is a plain function from a Submission to text and one entry of TARGETS. Retry rules come from EXIT_CODES. Knows
nothing of how a run works, and imports no heavy library.
"""

from __future__ import annotations

from job.submit.targets import TARGETS

__all__ = ["TARGETS"]
