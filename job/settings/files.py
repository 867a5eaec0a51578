"""Paths: the file that a setting names, what the project ships, where a platform collects results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
QUICKSTART = PROJECT / "job" / "quickstart"
SAGEMAKER_DIRS = (Path("/opt/ml/checkpoints"), Path("/opt/ml/model"))


def find_file(name: str) -> Path:
    """A relative path counts from the working directory, else from the project's own folder, for the shipped files."""
    path = Path(name)
    shipped = PROJECT / path
    return shipped if not path.exists() and not path.is_absolute() and shipped.exists() else path


def collected_dir(environ: Mapping[str, str]) -> Path | None:
    """Where the platform collects results, if it says so: the output folder where none is set.

    Vertex names a bucket and mounts it under /gcs. SageMaker creates folders: it copies checkpoints out while the job runs
    and back before it starts again, the model only at the end.
    """
    bucket = environ.get("AIP_MODEL_DIR", "").removeprefix("gs://").rstrip("/")
    if bucket and environ["AIP_MODEL_DIR"].startswith("gs://"):
        return Path("/gcs") / bucket
    return next((folder for folder in SAGEMAKER_DIRS if folder.is_dir()), None)


def read_text(value: str) -> str:
    """The stripped text of the file that a setting names; empty where the setting is empty."""
    return find_file(value).read_text("utf-8").strip() if value else ""
