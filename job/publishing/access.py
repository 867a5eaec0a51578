"""Whether both repositories may be written to: known before any work, and again before the first commit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import HfApi

from job.errors import AccessDenied
from job.publishing.repository import (
    Files,
    Target,
    errors_of,
    look,
    prove,
    refuse,
    require_owner,
    require_rights,
    targets,
)
from job.runs.identity import run_ids
from job.settings.fields import HubSettings


def check_write_access(hub: HubSettings, token: str, root: Path, files: Mapping[Target, Files] | None = None) -> None:
    """Creates missing repositories once both are accepted. `root`: the run folder, whose own earlier push is no obstacle.
    `files`: what will be pushed, if it is there already.

    Raises AccessDenied (67), NotFound (66), HubUnavailable (76).
    """
    missing = []
    for target in targets(hub):
        if not token:
            raise AccessDenied(
                f"{target.variable}={target.repo_id} names a repository to push to, but there is no token.",
                remedy="Set HF_TOKEN (or HF_TOKEN_PATH) to a token with write access, or leave "
                f"{target.variable} empty.",
            )
        api, runs = HfApi(token=token), run_ids(root)
        with errors_of(target):
            content = look(api, target, runs, files[target] if files else {})
            if content:
                require_rights(api, target)
                refuse(target, content, hub)
            else:
                require_owner(api, target)
                missing.append(target)
    for target in missing:
        with errors_of(target):
            prove(api, target, hub, runs, {}, root)
