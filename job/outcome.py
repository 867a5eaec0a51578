"""What a start that has done its work says of the run: a verdict that is negative, and that nothing was published."""

from __future__ import annotations

import logging
from typing import Any

from job.errors import NoBetter, Worse
from job.results import Pushed
from job.runs.folder import RunDir
from job.settings.fields import HubSettings

log = logging.getLogger("job")


def say_unpublished(pushed: Pushed | None, hub: HubSettings) -> None:
    """At every start, also at one that reuses all."""
    if pushed and pushed.skipped and (hub.repo_id or hub.dataset_repo_id or hub.push_when == "always"):
        log.warning("stage=end published=false: %s", pushed.reason)
    elif pushed and pushed.held_private:
        log.warning(
            "stage=end public=false: the verdict is inconclusive, so what was pushed is private; the same command with "
            "FINETUNE_HUB_PUSH_WHEN=always makes it public"
        )


def say_kept(pushed: Pushed | None) -> None:
    """At a start that has made other forms of the model than those that were pushed."""
    if pushed and pushed.repositories:
        log.info("stage=end pushed=unchanged: the forms that this start made are in the run folder alone")


def require_gain(probe: str, run_dir: RunDir, hub: HubSettings) -> None:
    """Raises NoBetter (60) or Worse (69) where that is the verdict, unless the settings publish whatever it is. A start that
    ends before the stage `probe` leaves the verdict of an earlier one as it is."""
    found = _recorded_verdict(probe, run_dir)
    negative = {"no better": NoBetter, "worse": Worse}
    if found and found["value"] in negative and hub.push_when != "always":
        raise negative[found["value"]](found["sentence"])


def _recorded_verdict(probe: str, run_dir: RunDir) -> dict[str, Any] | None:
    """None before there is one, and where this start has made anew what it came from."""
    record = run_dir.record(probe)
    if not record or record["result"] is None:
        return None
    now, then = run_dir.earlier(), record["earlier"]
    verdict: dict[str, Any] = record["result"]["verdict"]
    return verdict if all(now.get(name, seal) == seal for name, seal in then.items()) else None
