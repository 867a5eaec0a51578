"""A repository of the push: what it holds, whether this run may write to it, and the one commit that it gets.

Knows nothing of cards or of what the files mean.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from job.errors import AccessDenied, HubUnavailable
from job.hosts.hub import translate_hub_errors
from job.runs.identity import created, note_created
from job.settings.fields import HubSettings

log = logging.getLogger("job.push")
Files = Mapping[str, Path]
"""Name in the repository -> the file."""
INITIAL_FILES = {".gitattributes", "README.md"}
"""What the Hub itself puts into a new repository; one with nothing else and no second commit counts as empty."""


@dataclass(frozen=True)
class Target:
    """A repository that the settings name. `variable`: the setting."""

    kind: Literal["model", "dataset"]
    repo_id: str
    variable: str

    def __str__(self) -> str:
        return f"{self.kind} repository {self.repo_id}"

    def page(self, endpoint: str) -> str:
        """Its address, without the user and password that the endpoint's may hold."""
        address = urlsplit(endpoint)
        place = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl().rstrip("/")
        return f"{place}/{'datasets/' if self.kind == 'dataset' else ''}{self.repo_id}"


def targets(hub: HubSettings) -> list[Target]:
    """In the order in which they are pushed."""
    both = (
        Target("dataset", hub.dataset_repo_id, "FINETUNE_HUB_DATASET_REPO_ID"),
        Target("model", hub.repo_id, "FINETUNE_HUB_REPO_ID"),
    )
    return [target for target in both if target.repo_id]


@dataclass(frozen=True)
class Content:
    """A repository as it was when the Hub was asked."""

    head: str
    private: bool
    files: frozenset[str]
    others: str
    """The newest commit that is not of this run; empty if the repository is new or holds what this run would push."""

    @property
    def is_free(self) -> bool:
        """It is new, or its newest commit is of this run."""
        return not self.others or self.others != self.head


class IsPublic(AccessDenied):
    """The repository is public, and what is pushed must not be."""

    def __init__(self, target: Target) -> None:
        self.target = target
        super().__init__(
            f"FINETUNE_HUB_PRIVATE=true, but the {target} is public: everybody could read what this run pushes.",
            remedy=f"Make {target.repo_id} private in the settings of its page, set {target.variable} to another name, or set "
            "FINETUNE_HUB_PRIVATE=false if everybody may read it.",
        )


@dataclass(frozen=True)
class Committed:
    oid: str
    kept: str
    """The tag that keeps what the repository held before; empty if it held nothing."""


@contextmanager
def errors_of(target: Target) -> Iterator[None]:
    """Raise our error if the Hub fails inside: AccessDenied (67), NotFound (66), HubUnavailable (76)."""
    try:
        with translate_hub_errors(str(target), target.variable, has_token=True):
            yield
    except AccessDenied as error:
        if error.remedy != AccessDenied.remedy:
            raise
        raise AccessDenied(
            str(error),
            remedy=f"Set HF_TOKEN to a token that may write to {target.repo_id}, or {target.variable} to a repository of the "
            "token's owner.",
        ) from error


# --- may we write? ---------------------------------------------------------------------------------------------------


def look(api: HfApi, target: Target, runs: Sequence[str], files: Files) -> Content | None:
    """None if there is no such repository, or the token may not see it.

    `runs`: the names that this run's commits bear. `files`: where they are known, a repository that holds exactly them is free
    whoever put them there, since nothing would be written.
    """
    try:
        info = api.repo_info(target.repo_id, repo_type=target.kind)
    except RepositoryNotFoundError:
        return None
    commits = api.list_repo_commits(target.repo_id, repo_type=target.kind)  # the newest first
    head = commits[0].commit_id if commits else ""
    names = frozenset(file.rfilename for file in getattr(info, "siblings", None) or ())
    texts = {commit.commit_id: f"{commit.title} {commit.message}" for commit in commits}
    others = next((oid for oid, text in texts.items() if not any(run in text for run in runs)), "")
    is_new = len(commits) == 1 and names <= INITIAL_FILES
    if is_new or (others == head and files and not any(differences(api, target, head, files))):
        others = ""
    return Content(head, info.private is True, names, others)


def refuse(target: Target, content: Content, hub: HubSettings) -> None:
    """Raises AccessDenied (67) if the push would make anything public, or touch what this run did not push."""
    if hub.private and not content.private:
        raise IsPublic(target)
    if not content.is_free and not hub.overwrite:
        found = sorted(content.files - {".gitattributes"})
        shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if found[3:] else "")
        raise AccessDenied(
            f"The {target} holds what this run did not push: {shown or 'earlier commits'} (commit {content.head[:12]}).",
            remedy=f"Set {target.variable} to another name, or set FINETUNE_HUB_OVERWRITE=true: the job then keeps that commit "
            "under a tag, and adds its own.",
        )


def require_rights(api: HfApi, target: Target) -> None:
    """Raises what the Hub raises: `create_repo(exist_ok=True)` succeeds with a read token on an existing repository."""
    api.auth_check(target.repo_id, repo_type=target.kind, write=True)


def require_owner(api: HfApi, target: Target) -> None:
    """Raises AccessDenied (67) if the token can certainly not create the repository."""
    me = api.whoami()
    owners = {me["name"], *(owner["name"] for owner in me.get("orgs", ()))}
    if target.repo_id.partition("/")[0] not in owners:
        raise AccessDenied(
            f"The {target} does not exist, and the token of {me['name']} cannot create it: it may write for "
            f"{', '.join(sorted(owners))} only."
        )
    if me.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise AccessDenied(f"The {target} does not exist, and the token of {me['name']} may only read.")


def prove(api: HfApi, target: Target, hub: HubSettings, runs: Sequence[str], files: Files, root: Path) -> Content:
    """Rights, privacy and content as they are now. A missing repository is created, private whatever it will be: only the
    verdict decides whether anything becomes public. Raises AccessDenied (67), and what the Hub raises."""
    content = look(api, target, runs, files)
    if content is None:
        api.create_repo(target.repo_id, repo_type=target.kind, private=True, exist_ok=True)
        note_created(root, str(target))
        content = look(api, target, runs, files)
        if content is None:
            raise AccessDenied(f"The {target} exists, but the token may not read it.")
    require_rights(api, target)
    refuse(target, content, hub)
    return content


# --- the commit ------------------------------------------------------------------------------------------------------


def commit(api: HfApi, target: Target, files: Files, hub: HubSettings, runs: Sequence[str], root: Path) -> Committed:
    """One commit with all files and the last name of `runs`, compared file by file afterwards. Equal content makes none.

    Large files go up first, which takes minutes; rights, privacy and content are proven before and after, and the commit names
    its parent, so that a repository that changes in between is not touched. Raises AccessDenied (67), HubUnavailable (76).
    """
    with errors_of(target):
        prove(api, target, hub, runs, files, root)
        additions = [CommitOperationAdd(name, path) for name, path in files.items()]
        api.preupload_lfs_files(target.repo_id, additions, repo_type=target.kind, free_memory=False)
        content = prove(api, target, hub, runs, files, root)
        kept = _keep(api, target, content) if content.others else ""
        made = api.create_commit(
            target.repo_id,
            additions,
            repo_type=target.kind,
            commit_message="Adapter and card" if target.kind == "model" else "Cleaned rows and card",
            commit_description=f"lora-job run {runs[-1]}",
            parent_commit=content.head or None,
        )
        if difference := next(differences(api, target, made.oid, files), ""):
            raise HubUnavailable(difference)
        if content.private and not hub.private and str(target) in created(root):
            api.update_repo_settings(target.repo_id, repo_type=target.kind, private=False)
            log.info("stage=push repo=%s public=true: FINETUNE_HUB_PRIVATE=false", target.repo_id)
        return Committed(made.oid, kept)


def _keep(api: HfApi, target: Target, content: Content) -> str:
    """Tag what the repository held before this run; returns the tag. After this run's first commit it is there already."""
    tag = f"before-lora-job-{content.others[:12]}"
    if not content.is_free:
        message = "What was here before lora-job pushed"
        api.create_tag(
            target.repo_id,
            tag=tag,
            tag_message=message,
            revision=content.others,
            repo_type=target.kind,
            exist_ok=True,
        )
        log.info("stage=push repo=%s kept=%s: the tag keeps what was there", target.repo_id, tag)
        return tag
    known = {reference.name for reference in api.list_repo_refs(target.repo_id, repo_type=target.kind).tags}
    return tag if tag in known else ""


def differences(api: HfApi, target: Target, commit: str, files: Files) -> Iterator[str]:
    """A sentence for every file that does not have our size and our hash at that commit."""
    remote = {
        entry.path: entry
        for entry in api.list_repo_tree(target.repo_id, repo_type=target.kind, revision=commit, recursive=True)
        if isinstance(entry, RepoFile)
    }
    for name, path in files.items():
        entry, content = remote.get(name), path.read_bytes()
        if entry is None or entry.size != len(content):
            yield f"{target.repo_id} lacks {name}, or holds it with another size than the one pushed."
        elif (entry.lfs.sha256 if entry.lfs else entry.blob_id) != _hash(content, large=bool(entry.lfs)):
            yield f"{name} in {target.repo_id} differs from the file that was pushed."


def _hash(content: bytes, *, large: bool) -> str:
    """What the Hub knows of a file: the sha256 of one in Git LFS or Xet, else git's own hash."""
    return (
        hashlib.sha256(content).hexdigest()
        if large
        else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    )
