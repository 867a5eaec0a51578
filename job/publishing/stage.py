"""Stage 4: write the cards, push adapter and rows, and check that the Hub holds the same files as this machine."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile

from job.errors import HubUnavailable
from job.hosts.hub import ask
from job.publishing.cards import data_card, licence_of, model_card
from job.results import Cleaned, Probed, Pushed, PushedRepo, Sample, Trained
from job.runs.folder import read_lines, write_text
from job.settings.fields import Settings

log = logging.getLogger("job.push")


def push(cleaned: Cleaned, trained: Trained, probed: Probed, settings: Settings, *, token: str, root: Path) -> Pushed:
    """Write `adapter/README.md`, then push what the settings name. Idempotent: equal content makes no new commit.

    Raises AccessDenied (67), HubUnavailable (76).
    """
    adapter = root / trained.adapter_path
    samples = read_lines(root / probed.samples_path, Sample)
    licence = base_licence(settings, token)
    write_text(adapter / "README.md", model_card(cleaned, trained, probed, samples, settings, licence))
    if not settings.hub.repo_id and not settings.hub.dataset_repo_id:
        reason = "no repository is set (FINETUNE_HUB_REPO_ID and FINETUNE_HUB_DATASET_REPO_ID are empty)"
        return Pushed(skipped=True, reason=reason, repositories=[])
    pushed = []
    if settings.hub.dataset_repo_id:
        card = root / "clean" / "README.md"
        write_text(card, data_card(cleaned, settings))
        files = [card, root / cleaned.train_path, root / cleaned.eval_path]
        pushed.append(_push_files("dataset", settings.hub.dataset_repo_id, files, settings, token))
    if settings.hub.repo_id:
        files = sorted(path for path in adapter.iterdir() if path.is_file())
        pushed.append(_push_files("model", settings.hub.repo_id, files, settings, token))
    return Pushed(skipped=False, reason="", repositories=pushed)


def base_licence(settings: Settings, token: str) -> str:
    """The licence that the base model's own card names; empty if it cannot be read, which is no reason to fail."""
    if settings.model.is_local:
        return licence_of(Path(settings.model.location) / "README.md")
    try:
        api = HfApi(token=token or False)  # False: not even a token that lies in the user's home
        readme = ask(
            lambda: api.hf_hub_download(settings.model.base, "README.md", revision=settings.model.revision),
            f"card of the base model {settings.model.base}",
            "FINETUNE_MODEL_BASE",
            token=token,
        )
    except Exception as error:
        log.warning("stage=push licence=unknown: the base model's card could not be read: %s", error)
        return ""
    return licence_of(Path(readme))


def _push_files(
    kind: Literal["model", "dataset"], repo_id: str, files: list[Path], settings: Settings, token: str
) -> PushedRepo:
    """One commit with all files, tried again while the Hub fails, then compared file by file."""
    variable = "FINETUNE_HUB_REPO_ID" if kind == "model" else "FINETUNE_HUB_DATASET_REPO_ID"
    api = HfApi(token=token)

    def commit_all() -> str:
        api.create_repo(repo_id, repo_type=kind, private=settings.hub.private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            repo_type=kind,
            folder_path=files[0].parent,
            allow_patterns=[path.name for path in files],
            commit_message="Adapter and card" if kind == "model" else "Cleaned rows and card",
        )
        _compare(api, kind, repo_id, commit.oid, files)
        return str(commit.oid)

    commit = ask(commit_all, f"{kind} repository {repo_id}", variable, token=token)
    url = f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repo_id}"
    log.info("stage=push repo=%s commit=%s files=%d verified=true", repo_id, commit, len(files))
    return PushedRepo(
        kind=kind,
        repo_id=repo_id,
        commit=commit,
        url=url,
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
    )


def _compare(api: HfApi, kind: str, repo_id: str, commit: str, files: list[Path]) -> None:
    """Every file at that commit has our size and our hash. Raises HubUnavailable (76)."""
    remote = {
        entry.path: entry
        for entry in api.list_repo_tree(repo_id, repo_type=kind, revision=commit, recursive=True)
        if isinstance(entry, RepoFile)
    }
    for path in files:
        entry, content = remote.get(path.name), path.read_bytes()
        if entry is None or entry.size != len(content):
            raise HubUnavailable(f"{repo_id} lacks {path.name}, or holds it with another size than the one pushed.")
        if entry.lfs:
            same = entry.lfs.sha256 == hashlib.sha256(content).hexdigest()
        else:  # git's own hash of a file
            same = entry.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        if not same:
            raise HubUnavailable(f"{path.name} in {repo_id} differs from the file that was pushed.")
