"""Placeholders: in a manifest, YOUR_... stands for what only the user knows. This module says what to put in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator

MEANINGS = {
    "YOUR_ACCESS_POINT_ID": "EFS access point on the file system, with uid and gid 10001 (aws efs create-access-point)",
    "YOUR_ACCOUNT": "Slurm account that pays; or delete the line, where the cluster has none",
    "YOUR_BUCKET": "bucket for the run folder and your files, in the region of the job",
    "YOUR_COMPUTE": "name of an Azure ML compute cluster with a GPU",
    "YOUR_CONTAINER": "container of the workspace's blob store (az ml datastore show --name workspaceblobstore)",
    "YOUR_DATA_CENTER": "data center of the network volume, such as EU-RO-1",
    "YOUR_EXECUTION_ROLE_ARN": "IAM role that lets Batch read the secret and write logs",
    "YOUR_FILE_SYSTEM_ID": "EFS file system for the run folder (fs-...)",
    "YOUR_HF_SECRET": "Secret in the namespace (kubectl create secret generic NAME --from-file=HF_TOKEN=TOKENFILE)",
    "YOUR_JOB_QUEUE": "AWS Batch queue on instances with the card, Spot or not (T4: g4dn, L4: g6, A100: p4d, H100: p5)",
    "YOUR_LOCAL_QUEUE": "Kueue LocalQueue in the namespace",
    "YOUR_NAMESPACE": "Hugging Face user or organization that owns the bucket",
    "YOUR_NETWORK_VOLUME_ID": "RunPod network volume, 20 GB or more with a base of 3 billion parameters",
    "YOUR_PARTITION": "Slurm partition with GPUs; or delete the line, where the cluster has a default",
    "YOUR_PROJECT": "Google Cloud project that holds the secret",
    "YOUR_PVC": "PersistentVolumeClaim in the namespace for the run folder, 20 GiB or more with a base of 3 billion parameters",
    "YOUR_REGION": "region with quota for the card, such as us-central1",
    "YOUR_ROLE_ARN": "IAM role that lets SageMaker read and write the bucket",
    "YOUR_SECRET": "name of the secret that holds the Hub token",
    "YOUR_SECRET_ARN": "Secrets Manager secret that holds the Hub token",
    "YOUR_SECURITY_GROUP_ID": "security group that lets the hosts reach each other and the file system",
    "YOUR_SHARED_FOLDER": "folder for the run folder, visible from every node",
    "YOUR_STORAGE_ACCOUNT": "storage account of the workspace",
    "YOUR_SUBNET_ID": "private subnet with a NAT gateway, through which the job reaches the Hub and the bucket",
}


def notes(text: str, commands: str = "") -> Iterator[str]:
    """One line for each placeholder: where it stands, and what to replace it with. `commands`: those that follow."""
    for name in sorted(set(re.findall(r"YOUR_[A-Z_]+", text + commands))):
        lines = [
            str(number) for number, line in enumerate(text.splitlines(), 1) if re.search(rf"{name}(?![A-Z_])", line)
        ]
        place = f"line {', '.join(lines)}" if lines else "in the commands below"
        yield f"replace {name} ({place}): {MEANINGS.get(name, 'a value of yours')}"
