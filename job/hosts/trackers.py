"""What shows the course of a training elsewhere: its package, and where it writes unless the user says otherwise."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from job.errors import SettingsError
from job.settings.fields import Settings


@dataclass(frozen=True)
class Tracker:
    name: str
    """Its name in FINETUNE_TRAIN_REPORT_TO, in transformers, in pyproject.toml's extras and as a module."""
    package: str
    """As pip takes it, and pyproject.toml has it."""
    variables: dict[str, str] = field(default_factory=dict)
    """Set where they are not. `{folder}`, `{uri}`: the run's folder `tracking`. `{run}`: its name, kept over all starts."""
    fixed: dict[str, str] = field(default_factory=dict)
    """Set in any case: a tracker gets figures and settings, no code, no console, no weights."""
    keeps_name: bool = True
    """Whether it takes our name for a run; else its own is kept."""


TRACKERS = (
    Tracker("tensorboard", "tensorboard>=2.20,<3", {"TENSORBOARD_LOGGING_DIR": "{folder}/tensorboard"}),
    Tracker(
        "mlflow",
        "mlflow-skinny>=3.5,<4",
        {
            "MLFLOW_TRACKING_URI": "{uri}/mlruns",
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_EXPERIMENT_NAME": "lora-job",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default it holds a training for ten minutes
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
            "MLFLOW_RUN_ID": "{run}",
        },
        {"HF_MLFLOW_LOG_ARTIFACTS": "false"},
        keeps_name=False,
    ),
    Tracker(
        "wandb",
        "wandb>=0.21,<1",
        {"WANDB_DIR": "{folder}", "WANDB_PROJECT": "lora-job", "WANDB_RUN_ID": "{run}", "WANDB_RESUME": "allow"},
        {
            **dict.fromkeys(("WANDB_DISABLE_GIT", "WANDB_DISABLE_CODE", "WANDB_SILENT"), "true"),
            **dict.fromkeys(("WANDB_LOG_MODEL", "WANDB_WATCH"), "false"),
            "WANDB_CONSOLE": "off",
        },
    ),
    Tracker("trackio", "trackio>=0.20,<1", {"TRACKIO_DIR": "{folder}/trackio"}),
)


def require_tracker(settings: Settings) -> None:
    """Before any work. Raises SettingsError (64) if its package is missing."""
    tracker = tracker_of(settings.train.report_to)
    if tracker and find_spec(tracker.name) is None:
        raise SettingsError(
            [
                f"FINETUNE_TRAIN_REPORT_TO: {tracker.name} is not installed; install it (pip install '{tracker.package}') or "
                "write none"
            ]
        )


def tracker_of(name: str) -> Tracker | None:
    return next((tracker for tracker in TRACKERS if tracker.name == name), None)


def prepare_tracker(tracker: Tracker, folder: Path, run: str) -> None:
    """Its own variables, before it is imported. `run`: empty if it has no name yet."""
    for name, value in tracker.variables.items():
        text = value.format(folder=folder.absolute(), uri=folder.absolute().as_uri(), run=run)
        if text:
            os.environ.setdefault(name, text)
    os.environ.update(tracker.fixed)
