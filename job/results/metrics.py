"""metrics.json: all results of a run, and how it stands."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from job.results.cleaned import Cleaned
from job.results.exported import Exported
from job.results.probed import Probed
from job.results.pushed import Pushed
from job.results.result import Result
from job.results.trained import Trained

SCHEMA_VERSION: Final = 2
"""Of metrics.json and of all records; see job/results/schema.py."""


class Host(Result):
    """The machine of this start. It is in no record's inputs: a restart may land on another machine."""

    device: Literal["cuda", "cpu"]
    gpu: str
    compute_capability: str
    gpu_bytes: int
    cpus: int
    memory_bytes: int
    disk_free_bytes: int
    platform: str
    versions: dict[str, str]


class Pin(Result):
    """A repository on the Hub that a run depends on, and the commit that its revision named when the run began."""

    kind: Literal["model", "dataset"]
    name: str
    revision: str
    commit: str


class Funnel(Result):
    """What became of the rows where cleaning left too few: rows_in == kept + sum(dropped.values())."""

    rows_in: int
    kept: int
    least: int
    """FINETUNE_DATA_MIN_ROWS."""
    dropped: dict[str, int]
    """Reason -> rows, by the names of job/cleaning/rules/registry.py."""
    sources: dict[str, int]
    """Source -> rows read."""


class Failure(Result):
    kind: str
    message: str
    """What happened."""
    remedy: str
    """What to do about it."""
    details: str = ""
    """The traceback, or the last lines of the log."""
    funnel: Funnel | None = None
    """Where too few rows are left."""


class Metrics(Result):
    """metrics.json: rewritten whole at each change, present at every ending.

    A stage's result is stored under the stage's name. Today's results are typed below; that of a new stage needs no field.
    """

    model_config = ConfigDict(extra="allow")

    schema_version: Literal[2] = SCHEMA_VERSION
    version: str
    status: Literal["running", "succeeded", "failed", "stopped"]
    stage: str
    exit_code: int | None
    error: Failure | None = None
    started_at: str
    updated_at: str
    seconds: float
    stage_seconds: dict[str, float]
    """Time that each finished stage took, in the start that finished it."""
    reused: list[str]
    """Stages whose stored result was reused."""
    progress: dict[str, int] = Field(default_factory=dict)
    """What this start has done so far: rows, steps, tokens, bytes."""
    settings: dict[str, Any]
    pins: list[Pin] = Field(default_factory=list)
    host: Host | None = None
    clean: Cleaned | None = None
    train: Trained | None = None
    probe: Probed | None = None
    export: Exported | None = None
    push: Pushed | None = None
