"""Placeholders: in a manifest, YOUR_... stands for what only the user knows. This module says what to put in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator

MEANINGS = {
    "YOUR_ACCESS_POINT_ID": "EFS access point on the file system, with uid and gid 10001 (aws efs create-access-point)",
    "YOUR_BUCKET": "bucket for the run folder, in the region of the job",
    "YOUR_COMPUTE": "name of an Azure ML compute cluster with a GPU",
    "YOUR_EXECUTION_ROLE_ARN": "IAM role that lets Batch read the secret and write logs",
    "YOUR_FILE_SYSTEM_ID": "EFS file system for the run folder (fs-...)",
    "YOUR_HF_SECRET": "Secret in the namespace (kubectl create secret generic NAME --from-file=HF_TOKEN=TOKENFILE)",
    "YOUR_JOB_QUEUE": "AWS Batch queue on g4dn Spot instances",
    "YOUR_LOCAL_QUEUE": "Kueue LocalQueue in the namespace",
    "YOUR_NAMESPACE": "Hugging Face user or organization that owns the bucket",
    "YOUR_NETWORK_VOLUME_ID": "RunPod network volume, 20 GB or more",
    "YOUR_PROJECT": "Google Cloud project that holds the secret",
    "YOUR_PVC": "PersistentVolumeClaim in the namespace for the run folder, 20 GiB or more",
    "YOUR_REGION": "region with T4 quota, such as us-central1",
    "YOUR_ROLE_ARN": "IAM role that lets SageMaker read and write the bucket",
    "YOUR_SECRET": "name of the secret that holds the Hub token",
    "YOUR_SECRET_ARN": "Secrets Manager secret that holds the Hub token",
    "YOUR_SHARED_FOLDER": "folder for the run folder, visible from every node",
}


def notes(text: str) -> Iterator[str]:
    """One line for each placeholder: where it stands, and what to replace it with."""
    for name in sorted(set(re.findall(r"YOUR_[A-Z_]+", text))):
        lines = [
            str(number) for number, line in enumerate(text.splitlines(), 1) if re.search(rf"{name}(?![A-Z_])", line)
        ]
        yield f"replace {name} (line {', '.join(lines)}): {MEANINGS.get(name, 'a value of yours')}"
