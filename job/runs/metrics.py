"""What is known of a run so far. The process that works gathers it and hands on the whole of it at each change; the process
that watches keeps metrics.json and report.html."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from job import __version__
from job.errors import DataError
from job.results import Failure, Metrics, Result
from job.runs import progress
from job.runs.files import write_json
from job.runs.folder import RunDir, now
from job.runs.logs import LineFormatter
from job.runs.redaction import redact_message

log = logging.getLogger("job")


class MetricsFile:
    """metrics.json and report.html in the run folder, made of the newest figures."""

    def __init__(self, root: Path) -> None:
        self.path = root / "metrics.json"
        self.metrics: Metrics | None = None

    def take(self, metrics: Metrics) -> None:
        """Newer figures."""
        self.metrics = metrics
        LineFormatter.stage = metrics.stage
        self.write()

    def beat(self, seconds: float) -> None:
        """The same figures, with the time of now and what has been done. `seconds`: since the start."""
        if self.metrics:
            self.metrics = self.metrics.model_copy(
                update={"updated_at": now(), "seconds": round(seconds, 3), "progress": progress.counts()}
            )
            self.write()

    def write(self) -> None:
        """Raises OSError, also if the folder is gone: one that was moved is not made again at its old place."""
        assert self.metrics
        self.path.parent.stat()
        write_json(self.path, json.loads(self.metrics.model_dump_json()))  # where NaN is null

    def write_report(self) -> None:
        """Never fails a run: errors here are only logged."""
        assert self.metrics
        try:
            from job.reporting.report import write_report  # late, since matplotlib takes a second

            write_report(self.path.parent, self.metrics)
        except OSError as error:  # of the disk: the run's own ending says what to do
            log.warning("stage=%s report=not_written: %s", self.metrics.stage, error)
        except Exception:
            log.exception("stage=%s report=failed: report.html could not be written", self.metrics.stage)


class MetricsWriter:
    """Gathers the figures of a run. `take`: what is called with all of them at each change. `results`: of stages that earlier
    starts have finished, by their names, so that a start that ends before it reaches them does not wipe them out."""

    def __init__(
        self,
        run_dir: RunDir,
        settings: dict[str, Any],
        take: Callable[[Metrics], None],
        results: Mapping[str, Result] = MappingProxyType({}),
    ) -> None:
        self.run_dir = run_dir
        self.take = take
        self._started = time.monotonic()
        self._facts: dict[str, Any] = {"version": __version__, "started_at": now(), "settings": settings, **results}
        self._status: Literal["running", "succeeded", "failed", "stopped"] = "running"
        self.stage = "settings"
        self._exit_code: int | None = None
        self._error: Failure | None = None

    def at(self, stage: str) -> None:
        self.stage = LineFormatter.stage = stage
        progress.expect(0)
        self.write()

    def add(self, **results: Any) -> None:
        self._facts |= results
        self.write()

    def forget(self, *stages: str) -> None:
        """Their results, which are about to be made anew."""
        for stage in stages:
            self._facts.pop(stage, None)
            self.run_dir.stage_seconds.pop(stage, None)
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
            progress=progress.counts(),
            **self._facts,
        )

    def write(self) -> None:
        self.take(self.metrics())


def failure(error: BaseException, remedy: str, details: str = "") -> Failure:
    return Failure(
        kind=type(error).__name__,
        message=redact_message(str(error)),
        remedy=remedy,
        details=redact_message(details),
        funnel=error.funnel if isinstance(error, DataError) else None,
    )
