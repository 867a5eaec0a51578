"""The settings of a run in the form that a queue takes: `python entrypoint.py manifest TARGET --env-file FILE --image IMAGE`.

    targets       the queues, in one table
    submission    what every queue needs to know, read from one env file
    files         the user's files that the settings name, and the ways in which a queue gets them
    estimate      memory, disk and hours on a named card
    obstacles     what a queue does not offer or cannot carry
    hosts         docker, compose, slurm
    kubernetes    kubernetes, kueue, kubeflow
    google        gcp-batch, vertex
    amazon        aws-batch, sagemaker
    clouds        azureml, huggingface, skypilot, runpod
    text          YAML, JSON, shell lines and dotenv with the right quotes
    placeholders  what only the user knows, and where to write it

A queue is a plain function from a Submission to text and one entry of TARGETS. Retry rules come from EXIT_CODES. Knows
nothing of how a run works, and imports no heavy library.
"""

from __future__ import annotations

from job.submit.targets import TARGETS

__all__ = ["TARGETS"]
