"""Paths: the file that a setting names, what the project ships, where a platform collects results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
QUICKSTART = PROJECT / "job" / "quickstart"
SAGEMAKER_DIRS = (Path("/opt/ml/checkpoints"), Path("/opt/ml/model"))


def find_file(name: str) -> Path:
    """Resolve a relative path in the working directory, else in the project's own folder, where the shipped files are."""
    path = Path(name)
    shipped = PROJECT / path
    return shipped if not path.exists() and not path.is_absolute() and shipped.exists() else path


def collected_dir(environ: Mapping[str, str]) -> Path | None:
    """The folder whose contents the platform collects, if it names one: the default output folder.

    Vertex names a bucket and mounts it under /gcs. SageMaker creates folders: it copies checkpoints out while the job runs
    and back before it starts again, the model only at the end.
    """
    bucket = environ.get("AIP_MODEL_DIR", "").removeprefix("gs://").rstrip("/")
    if bucket and environ["AIP_MODEL_DIR"].startswith("gs://"):
        return Path("/gcs") / bucket
    return next((folder for folder in SAGEMAKER_DIRS if folder.is_dir()), None)


def read_text(value: str) -> str:
    """The stripped text of the file that a setting names; empty if the setting is empty."""
    return find_file(value).read_text("utf-8").strip() if value else ""
