"""metrics.json, rewritten at each change and present at every ending; report.html at the end of a run."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Literal

from job import __version__
from job.results import Failure, Metrics
from job.runs.files import write_text
from job.runs.folder import RunDir, now
from job.runs.logs import LineFormatter
from job.runs.redaction import redact

log = logging.getLogger("job")


class MetricsWriter:
    """Holds what is known of the run so far, and writes it whole."""

    def __init__(self, run_dir: RunDir, settings: dict[str, Any]) -> None:
        self.run_dir = run_dir
        self._started = time.monotonic()
        self._facts: dict[str, Any] = {"version": __version__, "started_at": now(), "settings": settings}
        self._status: Literal["running", "succeeded", "failed", "stopped"] = "running"
        self.stage = "settings"
        self._exit_code: int | None = None
        self._error: Failure | None = None

    @property
    def path(self) -> Path:
        return self.run_dir.root / "metrics.json"

    def at(self, stage: str) -> None:
        self.stage = LineFormatter.stage = stage
        self.write()

    def add(self, **results: Any) -> None:
        self._facts |= results
        self.write()

    def end(
        self, status: Literal["succeeded", "failed", "stopped"], exit_code: int, error: Failure | None = None
    ) -> None:
        self._status, self._exit_code = status, exit_code
        self._error = error
        self.write()

    def metrics(self) -> Metrics:
        return Metrics(
            status=self._status,
            stage=self.stage,
            exit_code=self._exit_code,
            error=self._error,
            updated_at=now(),
            seconds=round(time.monotonic() - self._started, 3),
            stage_seconds=self.run_dir.stage_seconds,
            reused=self.run_dir.reused,
            **self._facts,
        )

    def write(self) -> None:
        write_text(self.path, self.metrics().model_dump_json(indent=2) + "\n")

    def write_report(self) -> None:
        """Never fails a run: errors here are only logged."""
        try:
            from job.reporting.report import write_report  # late, since matplotlib takes a second

            write_report(self.run_dir.root, self.metrics())
        except Exception:
            log.exception("stage=%s report=failed: report.html could not be written", self.stage)


def failure(error: BaseException, remedy: str) -> Failure:
    return Failure(kind=type(error).__name__, message=redact(str(error)), remedy=remedy)
