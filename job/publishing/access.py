"""Checks before training that the token may write to the repositories of the push, and creates missing ones."""

from __future__ import annotations

from huggingface_hub import HfApi

from job.errors import AccessDenied
from job.hosts.hub import translate_hub_errors
from job.settings.fields import HubSettings


def check_write_access(hub: HubSettings, token: str) -> None:
    """Raises AccessDenied (67), NotFound (66), HubUnavailable (76).

    `create_repo(exist_ok=True)` succeeds with a read token on an existing repository, so `auth_check` decides.
    """
    targets = [
        ("model", hub.repo_id, "FINETUNE_HUB_REPO_ID"),
        ("dataset", hub.dataset_repo_id, "FINETUNE_HUB_DATASET_REPO_ID"),
    ]
    for kind, repo_id, variable in targets:
        if not repo_id:
            continue
        if not token:
            raise AccessDenied(
                f"{variable}={repo_id} names a repository to push to, but there is no token.",
                remedy=f"Set HF_TOKEN (or HF_TOKEN_PATH) to a token with write access, or leave {variable} empty.",
            )
        api = HfApi(token=token)
        try:
            with translate_hub_errors(f"{kind} repository {repo_id}", variable, has_token=True):
                api.create_repo(repo_id, repo_type=kind, private=hub.private, exist_ok=True)
                api.auth_check(repo_id, repo_type=kind, write=True)
        except AccessDenied as error:
            raise AccessDenied(
                str(error),
                remedy=f"Set HF_TOKEN to a token that may write to {repo_id}, or "
                f"{variable} to a repository of the token's owner.",
            ) from error
