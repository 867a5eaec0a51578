"""The deadline of this start: how much time is left, and which stages follow training. What they take is not known here."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Literal

from job.errors import Stopped
from job.settings.fields import Settings
from job.settings.files import read_lines

STARTED = time.monotonic()
"""When the program was loaded: a child that is forked from this process later counts from the same moment."""


@dataclass(frozen=True)
class Deadline:
    """`at`: on the clock of `time.monotonic`; infinite where there is no deadline."""

    minutes: float = 0.0
    action: Literal["continue", "finish"] = "continue"
    at: float = math.inf
    questions: int = 0
    """At most so many does the probe ask, each of both models."""
    max_new_tokens: int = 0
    probe_seconds: float = math.inf
    """The most that the answers may take."""
    forms: tuple[str, ...] = ()
    """Those beside the adapter in which the model is left."""
    pushes: bool = False

    @classmethod
    def of(
        cls,
        settings: Settings,
        started: float = STARTED,
        *,
        probes: bool = True,
        exports: bool = True,
        pushes: bool = True,
    ) -> Deadline:
        """`probes`, `exports`, `pushes`: whether this start runs these stages."""
        minutes = settings.deadline_minutes
        return cls(
            minutes,
            settings.deadline_action,
            started + 60 * minutes if minutes else math.inf,
            questions=max(len(read_lines(settings.probe.questions_file)), settings.probe.answers) if probes else 0,
            max_new_tokens=settings.probe.max_new_tokens,
            probe_seconds=60 * settings.probe.minutes,
            forms=tuple(form for form in settings.export if form != "adapter") if exports else (),
            pushes=pushes and bool(settings.hub.repo_id),
        )

    @property
    def is_set(self) -> bool:
        return math.isfinite(self.at)

    @property
    def seconds_left(self) -> float:
        """Below 0 once it has passed."""
        return self.at - time.monotonic()

    def stop_if_passed(self, sentence: str) -> None:
        """Raises Stopped (75) with `sentence` once the deadline has passed, if the next start is to continue the run. With
        `finish` the run goes on: what is left was meant to fit, and nothing is gained by giving it up."""
        if self.action == "continue" and self.seconds_left <= 0:
            raise Stopped(f"The deadline of {self.minutes:g} minutes has passed; {sentence}")
