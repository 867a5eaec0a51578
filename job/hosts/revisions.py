"""The commit that a branch or tag on the Hub names now."""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import RevisionResolutionError

from job.errors import HubUnavailable
from job.hosts.hub import ask, first_line
from job.results import Pin

VARIABLES = {"model": "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION", "dataset": "FINETUNE_DATA_SOURCES"}


def commit_of(pin: Pin, token: str) -> str:
    """Where the Hub cannot be reached, or must not be (HF_HUB_OFFLINE), the commit that the local cache holds for it.

    Raises NotFound (66), AccessDenied (67), HubUnavailable (76).
    """

    def resolve() -> str:
        api = HfApi(token=token or False)  # False: not even a token that lies in the user's home
        try:
            return api.resolve_revision(pin.name, repo_type=pin.kind, revision=pin.revision).resolved
        except RevisionResolutionError:
            fetched = _newest_in_cache(pin) if constants.is_offline_mode() else ""
            if not fetched:
                raise
            return fetched
        except json.JSONDecodeError as error:
            raise HubUnavailable(
                f"What answers at {constants.ENDPOINT} is not the Hub: {first_line(error)}",
                remedy="Check HF_ENDPOINT, and whether a proxy or a login page stands between this machine and the Hub.",
            ) from error

    what = f"{'base model' if pin.kind == 'model' else 'data set'} {pin.name} at {pin.revision}"
    return ask(resolve, what, VARIABLES[pin.kind], token=token)


def _newest_in_cache(pin: Pin) -> str:
    """For `main` of a data set that `datasets` fetched: it names no branch in the cache. Empty if there is none."""
    if pin.kind == "model" or pin.revision != constants.DEFAULT_REVISION:
        return ""
    folder = Path(constants.HF_HUB_CACHE) / f"datasets--{pin.name.replace('/', '--')}" / "snapshots"
    fetched = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime)
    return fetched[-1].name if fetched else ""
