"""What only the user knows stands in a manifest as YOUR_...; here is what to put there."""

from __future__ import annotations

import re
from collections.abc import Iterator

MEANINGS = {
    "YOUR_ACCESS_POINT_ID": "EFS access point of that file system with uid and gid 10001 (aws efs create-access-point)",
    "YOUR_BUCKET": "bucket, in the region of the job, that keeps the run's folder",
    "YOUR_COMPUTE": "name of an Azure ML compute cluster with a GPU",
    "YOUR_EXECUTION_ROLE_ARN": "IAM role by which Batch may read the secret and write logs",
    "YOUR_FILE_SYSTEM_ID": "EFS file system that keeps the run's folder (fs-...)",
    "YOUR_HF_SECRET": "Secret of the namespace (kubectl create secret generic NAME --from-file=HF_TOKEN=TOKENFILE)",
    "YOUR_JOB_QUEUE": "AWS Batch queue on g4dn Spot instances",
    "YOUR_LOCAL_QUEUE": "Kueue LocalQueue of the namespace",
    "YOUR_NAMESPACE": "Hugging Face user or organization that owns the bucket",
    "YOUR_NETWORK_VOLUME_ID": "RunPod network volume, 20 GB or more",
    "YOUR_PROJECT": "Google Cloud project that holds the secret",
    "YOUR_PVC": "PersistentVolumeClaim of the namespace, 20 GiB or more, that keeps the run's folder",
    "YOUR_REGION": "region with T4 quota, for instance us-central1",
    "YOUR_ROLE_ARN": "IAM role of SageMaker that may read and write the bucket",
    "YOUR_SECRET": "name of the secret that holds the Hub token",
    "YOUR_SECRET_ARN": "Secrets Manager secret that holds the Hub token",
    "YOUR_SHARED_FOLDER": "folder that every node sees; it keeps the run's folder",
}


def notes(text: str) -> Iterator[str]:
    """One line for each placeholder: where it stands and what it is."""
    for name in sorted(set(re.findall(r"YOUR_[A-Z_]+", text))):
        lines = [
            str(number) for number, line in enumerate(text.splitlines(), 1) if re.search(rf"{name}(?![A-Z_])", line)
        ]
        yield f"replace {name} (line {', '.join(lines)}): {MEANINGS[name]}"
