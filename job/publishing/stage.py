"""Stage 5: write the cards, push adapter and rows, and check that the Hub holds the same files as this machine."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from huggingface_hub import HfApi

from job.hosts.hub import ask
from job.hosts.patience import patiently
from job.publishing.access import check_write_access
from job.publishing.cards import WITH_EMBEDDING, data_card, has_form_with_embedding, model_card
from job.publishing.licences import Licence, licence_of
from job.publishing.repository import Files, IsPublic, Target, commit, targets
from job.results import Cleaned, Exported, Probed, Pushed, PushedRepo, Sample, Trained, Verdict
from job.runs.files import SHORTEST_IN_RECORDS, read_lines, write_text
from job.runs.identity import new_run_id
from job.settings.fields import HubSettings, Settings

log = logging.getLogger("job.push")
DATA_CARD = "clean/README.md"
UNDECIDED = (
    "An inconclusive model goes to private repositories only: make it private and set FINETUNE_HUB_PRIVATE=true, name another "
    "one, or publish it with FINETUNE_HUB_PUSH_WHEN=always, and start again."
)


def push(
    cleaned: Cleaned,
    trained: Trained,
    probed: Probed,
    exported: Exported,
    settings: Settings,
    *,
    token: str,
    root: Path,
) -> Pushed:
    """Write the card beside each form of the adapter, then push what the settings name. Idempotent: equal content makes no new
    commit.

    Raises AccessDenied (67), HubUnavailable (76).
    """
    samples = read_lines(root / probed.samples_path, Sample)
    licence = base_licence(settings, token)
    card = model_card(cleaned, trained, probed, exported, samples, settings, licence)
    folders = dict.fromkeys([Path(probed.adapter_path), *(Path(one.path).parent for one in exported.lora_files)])
    cards = [f"{folder}/README.md" for folder in folders]
    for path in cards:
        write_text(root / path, card, shortest=SHORTEST_IN_RECORDS)
    written = {"card_path": cards[0], "lora_card_path": cards[1] if cards[1:] else None}
    if not targets(settings.hub):
        reason = "no repository is set (FINETUNE_HUB_REPO_ID and FINETUNE_HUB_DATASET_REPO_ID are empty)"
        return Pushed(**written, skipped=True, reason=reason, repositories=[])
    if settings.hub.repo_id and not settings.hub.repo_id.rpartition("/")[2].startswith(licence.name_begins):
        log.warning(
            "stage=push name=%s: the base model's licence (%s) wants names of models made from it to begin with “%s”",
            settings.hub.repo_id,
            licence.id,
            licence.name_begins,
        )
    if reason := _withheld(probed.verdict, settings.hub):
        return Pushed(**written, skipped=True, reason=reason, repositories=[])
    hub = settings.hub
    if probed.verdict.value == "inconclusive" and hub.push_when != "always":
        hub = hub.model_copy(update={"private": True})
    files = {
        target: _files(target, cleaned, trained, probed, exported, settings, root, token) for target in targets(hub)
    }
    try:
        patiently(partial(check_write_access, hub, token, root, files), "repositories of the push")
        runs = new_run_id(root)
        pushed = [_push_files(target, paths, hub, token, runs, root) for target, paths in files.items()]
    except IsPublic as public:
        if settings.hub.private:
            raise
        reason = f"the {public.target} is public. {UNDECIDED}"
        return Pushed(**written, skipped=True, reason=reason, repositories=[], is_public=True)
    return Pushed(
        **written,
        data_card_path=DATA_CARD if hub.dataset_repo_id else None,
        skipped=False,
        reason="",
        repositories=pushed,
        held_private=hub.private and not settings.hub.private,
    )


def _withheld(verdict: Verdict, hub: HubSettings) -> str:
    """Why nothing is published; empty where it is."""
    if verdict.value in ("better", "inconclusive") or hub.push_when == "always":
        return ""
    return f"the verdict is “{verdict.value}” (FINETUNE_HUB_PUSH_WHEN={hub.push_when})"


def _files(
    target: Target,
    cleaned: Cleaned,
    trained: Trained,
    probed: Probed,
    exported: Exported,
    settings: Settings,
    root: Path,
    token: str,
) -> Files:
    """What this run made for it, and nothing else that may lie in the same folders."""
    if target.kind == "model":
        adapter = root / probed.adapter_path
        if not exported.lora_files:
            return {name: adapter / name for name in (*probed.adapter_files, "README.md")}
        found = {Path(one.path).name: root / one.path for one in exported.lora_files}
        found["README.md"] = adapter / "README.md"
        if has_form_with_embedding(trained, exported):
            found |= {f"{WITH_EMBEDDING}/{name}": adapter / name for name in probed.adapter_files}
        return found
    card = root / DATA_CARD
    licences = source_licences(settings, token)
    write_text(card, data_card(cleaned, probed, settings, licences), shortest=SHORTEST_IN_RECORDS)
    return {path.name: path for path in (card, root / cleaned.train_path, root / cleaned.eval_path)}


def base_licence(settings: Settings, token: str) -> Licence:
    """The licence that the base model's own card names; that it cannot be read is no reason to fail."""
    if settings.model.is_local:
        if not Path(settings.model.location).is_dir():
            log.warning("stage=push licence=unknown: %s is not on this machine", settings.model.location)
        return licence_of(Path(settings.model.location) / "README.md")
    return _licence_on_hub("model", settings.model.base, settings.model.revision, "FINETUNE_MODEL_BASE", token)


def source_licences(settings: Settings, token: str) -> dict[str, Licence]:
    """The licences that the cards of the sources on the Hub name."""
    return {
        source.name: _licence_on_hub(
            "dataset", source.name, source.commit or source.revision, "FINETUNE_DATA_SOURCES", token
        )
        for source in settings.data.sources
        if not source.is_local
    }


def _licence_on_hub(kind: str, repo_id: str, revision: str, variable: str, token: str) -> Licence:
    try:
        api = HfApi(token=token or False)  # False: not even a token that lies in the user's home
        readme = ask(
            lambda: api.hf_hub_download(repo_id, "README.md", repo_type=kind, revision=revision or None),
            f"card of the {kind} {repo_id}",
            variable,
            token=token,
        )
    except Exception as error:
        log.warning("stage=push licence=unknown: the card of the %s %s could not be read: %s", kind, repo_id, error)
        return Licence()
    return licence_of(Path(readme))


def _push_files(
    target: Target, files: Files, hub: HubSettings, token: str, runs: tuple[str, ...], root: Path
) -> PushedRepo:
    """One commit with all files, tried again while the Hub fails."""
    api = HfApi(token=token)
    push = partial(commit, api, target, files, hub, runs, root)
    made = ask(push, str(target), target.variable, token=token)
    log.info("stage=push repo=%s commit=%s files=%d verified=true", target.repo_id, made.oid, len(files))
    return PushedRepo(
        kind=target.kind,
        repo_id=target.repo_id,
        commit=made.oid,
        url=target.page(api.endpoint),
        files=len(files),
        bytes=sum(path.stat().st_size for path in files.values()),
        kept=made.kept,
    )
