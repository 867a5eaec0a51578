"""The push, against a stand-in Hub in this process: what is sent, what is compared, what is tried again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from job.errors import AccessDenied, HubUnavailable
from job.publishing.access import check_write_access
from job.publishing.licences import Licence
from job.publishing.stage import base_licence, push, source_licences
from job.results import Pushed
from job.runs import redaction
from job.runs.folder import RunDir
from job.settings.fields import HubSettings, ModelSettings
from tests.conftest import READ_TOKEN, WRITE_TOKEN
from tests.sample_results import ADAPTER_ALONE, CLEANED, EXPORTED, PROBED, TRAINED, run_settings, verdict
from tests.standin_hub import StandInHub

pytestmark = pytest.mark.usefixtures("client")


def push_from(root: Path, token: str = WRITE_TOKEN, value: str = "better", **hub: Any) -> Pushed:
    base = str(root.parent / "base")
    probed = PROBED.model_copy(update={"verdict": verdict(value)})
    return push(CLEANED, TRAINED, probed, ADAPTER_ALONE, run_settings(base, **hub), token=token, root=root)


def test_without_a_repository_the_card_is_written_and_nothing_pushed(run: Path, hub: StandInHub) -> None:
    pushed = push_from(run)
    assert (pushed.skipped, pushed.data_card_path) == (True, None)
    assert "FINETUNE_HUB_REPO_ID" in pushed.reason
    assert "What now?" in (run / "adapter" / "README.md").read_text("utf-8")
    assert not hub.requests


def test_adapter_and_rows_are_pushed_and_dropped_rows_are_not(run: Path, hub: StandInHub) -> None:
    pushed = push_from(run, repo_id="alice/adapter", dataset_repo_id="alice/rows")
    assert [(repo.kind, repo.repo_id, repo.files) for repo in pushed.repositories] == [
        ("dataset", "alice/rows", 3),
        ("model", "alice/adapter", 3),
    ]
    model = hub.files("model", "alice/adapter")
    assert {name: model[name] for name in sorted(path.name for path in (run / "adapter").iterdir())} == {
        path.name: path.read_bytes() for path in (run / "adapter").iterdir()
    }
    assert {"README.md", "train.jsonl", "eval.jsonl"} <= set(hub.files("dataset", "alice/rows"))
    assert "dropped.jsonl" not in hub.files("dataset", "alice/rows")
    assert (pushed.card_path, pushed.data_card_path) == ("adapter/README.md", "clean/README.md")
    repo = pushed.repositories[1]
    assert repo.url == f"{hub.url}/alice/adapter"
    assert repo.commit == hub.commits("model", "alice/adapter")[0].oid
    assert repo.bytes == sum(path.stat().st_size for path in (run / "adapter").iterdir())


@pytest.mark.parametrize("embedding", [True, False], ids=["with an embedding layer", "LoRA alone"])
def test_what_every_tool_takes_is_the_repositorys_root(embedding: bool, run: Path, hub: StandInHub) -> None:
    (run / "lora").mkdir()
    for file in EXPORTED.lora_files:
        (run / file.path).write_bytes(b"lora" * 50)
    (run / "lora" / "notes.txt").write_bytes(b"mine")
    parts = {"lora": 100} | ({"embedding": 200} if embedding else {})
    trained = TRAINED.model_copy(update={"adapter_parts_bytes": parts})
    settings = run_settings(str(run.parent / "base"), repo_id="alice/adapter")
    pushed = push(CLEANED, trained, PROBED, EXPORTED, settings, token=WRITE_TOKEN, root=run)
    files = hub.files("model", "alice/adapter")
    root = {*(Path(file.path).name for file in EXPORTED.lora_files), "README.md", ".gitattributes"}
    assert set(files) == root | ({f"with-embedding/{name}" for name in PROBED.adapter_files} if embedding else set())
    assert files["adapter_model.safetensors"] == b"lora" * 50
    if embedding:
        assert files["with-embedding/adapter_model.safetensors"] == b"\0" * 300
    assert (pushed.card_path, pushed.lora_card_path) == ("adapter/README.md", "lora/README.md")
    card = files["README.md"].decode()
    assert card == (run / "lora" / "README.md").read_text("utf-8") == (run / "adapter" / "README.md").read_text("utf-8")
    assert ('subfolder="with-embedding"' in card) == embedding


def test_a_broken_card_of_the_rows_is_written_and_pushed_again(run: Path, hub: StandInHub) -> None:
    names = {"repo_id": "alice/adapter", "dataset_repo_id": "alice/rows"}

    def start() -> RunDir:
        run_dir = RunDir(run)
        run_dir.step("push", partial(push_from, run, **names), Pushed, {"hub": names})
        return run_dir

    start()
    card = run / "clean" / "README.md"
    whole = card.read_bytes()
    assert start().reused == ["push"]
    card.write_bytes(whole[:-1] + b"?")
    assert start().reused == []
    assert card.read_bytes() == whole == hub.files("dataset", "alice/rows")["README.md"]


def test_what_only_lies_in_the_adapters_folder_is_not_pushed(run: Path, hub: StandInHub) -> None:
    for name in (".DS_Store", ".nfs0001", "broken-adapter_config.json", "adapter_model.safetensors.partial"):
        (run / "adapter" / name).write_bytes(b"x")
    (run / "adapter" / "my.env").write_text("HF_TOKEN=secret", "utf-8")
    (run / "adapter" / "link.txt").symlink_to("/etc/hostname")
    push_from(run, repo_id="alice/adapter")
    pushed = {".gitattributes", "README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert set(hub.files("model", "alice/adapter")) == pushed


def test_repositories_are_private_unless_the_settings_say_otherwise(run: Path, hub: StandInHub) -> None:
    push_from(run, repo_id="alice/adapter")
    push_from(run, repo_id="alice/open", private=False)
    assert hub.repo("model", "alice/adapter").private
    assert not hub.repo("model", "alice/open").private


def test_a_new_repository_is_public_only_once_the_verdict_is_known(run: Path, hub: StandInHub) -> None:
    names = {"repo_id": "alice/adapter", "dataset_repo_id": "alice/rows", "private": False}
    check_write_access(HubSettings(**names), WRITE_TOKEN, run)
    assert hub.repo("model", "alice/adapter").private
    push_from(run, **names)
    assert not hub.repo("model", "alice/adapter").private
    assert not hub.repo("dataset", "alice/rows").private


def test_a_private_repository_that_was_there_stays_private(run: Path, hub: StandInHub) -> None:
    hub.add_repo("model", "alice/adapter", {}, private=True)
    assert not push_from(run, repo_id="alice/adapter", private=False).skipped
    assert hub.repo("model", "alice/adapter").private


@pytest.mark.parametrize("value", ["no better", "worse"])
def test_what_is_no_better_is_published_only_where_the_settings_say_always(
    value: str, run: Path, hub: StandInHub
) -> None:
    pushed = push_from(run, value=value, repo_id="alice/adapter", dataset_repo_id="alice/rows")
    assert pushed.skipped
    assert f"“{value}”" in pushed.reason
    assert not hub.requests
    assert (run / "adapter" / "README.md").exists()
    assert not push_from(run, value=value, repo_id="alice/adapter", push_when="always").skipped
    assert hub.files("model", "alice/adapter")


def test_what_is_inconclusive_is_published_privately_only(run: Path, hub: StandInHub) -> None:
    held = push_from(run, value="inconclusive", repo_id="alice/adapter", private=False)
    assert (held.skipped, held.held_private) == (False, True)
    assert hub.repo("model", "alice/adapter").private
    open_ = push_from(run, value="inconclusive", repo_id="alice/adapter", private=False, push_when="always")
    assert not open_.held_private
    assert not hub.repo("model", "alice/adapter").private
    assert not push_from(run, value="inconclusive", repo_id="alice/closed").held_private, "the settings ask for that"
    hub.add_repo("model", "alice/open", {})
    pushed = push_from(run, value="inconclusive", repo_id="alice/open", private=False)
    assert pushed.skipped and pushed.is_public, "the same command looks again"
    assert pushed.reason.startswith("the model repository alice/open is public. An inconclusive model goes to")
    assert "FINETUNE_HUB_PUSH_WHEN=always" in pushed.reason
    assert "FINETUNE_HUB_PRIVATE=true, but" not in pushed.reason
    assert not hub.files("model", "alice/open")
    push_from(run, value="inconclusive", repo_id="alice/open", private=False, push_when="always")
    assert hub.files("model", "alice/open")


def test_equal_files_make_no_new_commit(run: Path, hub: StandInHub) -> None:
    first = push_from(run, repo_id="alice/adapter")
    commits = len(hub.commits("model", "alice/adapter"))
    assert push_from(run, repo_id="alice/adapter") == first
    assert len(hub.commits("model", "alice/adapter")) == commits


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])  # by Git LFS, and in git itself
@pytest.mark.parametrize("damage", ["other bytes", "missing"])
def test_a_hub_that_holds_other_files_than_it_received_is_found(
    name: str, damage: str, run: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try sees it."""
    real = HfApi.create_commit
    tries = []

    def commit_and_damage(self: HfApi, *given: Any, **options: Any) -> Any:
        made = real(self, *given, **options)
        history = hub.repo("model", "alice/adapter").history
        files = {path: file for path, file in history[made.oid].files.items() if path != name}
        if damage == "other bytes":  # as many as there were
            file = history[made.oid].files[name]
            files[name] = replace(file, data=bytes(byte ^ 1 for byte in file.data))
        history[made.oid] = replace(history[made.oid], files=files)
        tries.append(name)
        return made

    monkeypatch.setattr(HfApi, "create_commit", commit_and_damage)
    with pytest.raises(
        HubUnavailable, match=f"lacks {name}" if damage == "missing" else f"{name} in alice/adapter differs"
    ):
        push_from(run, repo_id="alice/adapter")
    assert len(tries) > 1


def test_a_hub_that_fails_once_is_tried_again(run: Path, hub: StandInHub, caplog: pytest.LogCaptureFixture) -> None:
    hub.fail("preupload", status=400)
    with caplog.at_level("INFO", logger="job"):
        pushed = push_from(run, repo_id="alice/adapter")
    assert pushed.repositories[0].repo_id == "alice/adapter"
    assert "hub=failed try=1" in caplog.text
    assert f"stage=push repo=alice/adapter commit={pushed.repositories[0].commit} files=3 verified=true" in caplog.text


def test_a_token_that_cannot_write_is_not_tried_again(run: Path, hub: StandInHub) -> None:
    with pytest.raises(AccessDenied):
        push_from(run, token=READ_TOKEN, repo_id="alice/adapter")
    assert not [path for method, path, _ in hub.requests if method not in ("GET", "HEAD")]
    assert sum(path == "/api/whoami-v2" for _, path, _ in hub.requests) == 1


def test_both_repositories_are_accepted_before_the_first_commit(run: Path, hub: StandInHub) -> None:
    """The rows would be out before the adapter's repository is refused."""
    hub.add_repo("model", "alice/adapter", {}, private=False)
    with pytest.raises(AccessDenied, match="alice/adapter is public"):
        push_from(run, repo_id="alice/adapter", dataset_repo_id="alice/rows")
    assert not [path for method, path, _ in hub.requests if method not in ("GET", "HEAD")]


def test_a_token_revoked_since_the_check_pushes_nothing(run: Path, hub: StandInHub) -> None:
    check_write_access(HubSettings(repo_id="alice/adapter"), WRITE_TOKEN, run)
    del hub.users[WRITE_TOKEN]
    with pytest.raises(AccessDenied, match="status 401"):
        push_from(run, repo_id="alice/adapter")
    assert set(hub.files("model", "alice/adapter")) == {".gitattributes"}


def test_a_push_that_ended_between_rows_and_adapter_goes_on(run: Path, hub: StandInHub) -> None:
    hub.fail("models/alice/adapter/preupload", status=403)
    with pytest.raises(AccessDenied):
        push_from(run, repo_id="alice/adapter", dataset_repo_id="alice/rows")
    pushed = push_from(run, repo_id="alice/adapter", dataset_repo_id="alice/rows")
    assert [repo.kind for repo in pushed.repositories] == ["dataset", "model"]
    assert [len(hub.commits("dataset", "alice/rows")), len(hub.commits("model", "alice/adapter"))] == [2, 2]


def test_a_second_run_leaves_the_first_ones_repository_alone(run: Path, hub: StandInHub) -> None:
    push_from(run, repo_id="alice/adapter")
    (run / "run_id").unlink()
    (run / "adapter" / "adapter_model.safetensors").write_bytes(b"\1" * 300)
    with pytest.raises(AccessDenied, match="holds what this run did not push"):
        push_from(run, repo_id="alice/adapter")
    (pushed,) = push_from(run, repo_id="alice/adapter", overwrite=True).repositories
    assert hub.files("model", "alice/adapter", pushed.kept)["adapter_model.safetensors"] == b"\0" * 300


def test_a_copy_of_a_folder_leaves_alone_what_the_other_has_pushed_since(run: Path, hub: StandInHub) -> None:
    push_from(run, repo_id="alice/first")  # each copy holds the name of this one
    copy = Path(shutil.copytree(run, run.with_name("copy")))
    push_from(run, repo_id="alice/adapter")
    (copy / "adapter" / "adapter_model.safetensors").write_bytes(b"\1" * 300)
    push_from(copy, repo_id="alice/first")
    with pytest.raises(AccessDenied, match="holds what this run did not push"):
        push_from(copy, repo_id="alice/adapter")
    (pushed,) = push_from(copy, repo_id="alice/adapter", overwrite=True).repositories
    assert hub.files("model", "alice/adapter", pushed.kept)["adapter_model.safetensors"] == b"\0" * 300


def test_a_push_that_was_killed_behind_its_commit_goes_on_with_other_content_too(run: Path, hub: StandInHub) -> None:
    hub.fail("POST .*/commit/", status=403, after=True)
    with pytest.raises(AccessDenied):
        push_from(run, repo_id="alice/adapter")
    (run / "adapter" / "adapter_config.json").write_text('{"r": 8}', "utf-8")
    push_from(run, repo_id="alice/adapter")
    assert len(hub.commits("model", "alice/adapter")) == 3


def test_the_licence_of_the_base_model_is_on_the_card(run: Path, hub: StandInHub) -> None:
    (run.parent / "base" / "README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    push_from(run)
    assert "\nlicense: apache-2.0\n" in (run / "adapter" / "README.md").read_text("utf-8")


def test_a_name_that_the_base_models_licence_does_not_want_is_said(
    run: Path, hub: StandInHub, caplog: pytest.LogCaptureFixture
) -> None:
    (run.parent / "base" / "README.md").write_text("---\nlicense: llama3.2\n---\n", "utf-8")
    push_from(run, repo_id="alice/Llama-garden")
    assert "licence" not in caplog.text
    push_from(run, repo_id="alice/garden")
    assert "name=alice/garden: the base model's licence (llama3.2) wants names" in caplog.text


def test_a_licence_is_read_from_the_hub_or_left_out(hub: StandInHub, caplog: pytest.LogCaptureFixture) -> None:
    hub.add_repo("model", "acme/small-3b", {"README.md": b"---\nlicense: mit\n---\n"})
    assert base_licence(run_settings(), "").id == "mit"
    assert base_licence(run_settings("acme/none"), "").id == ""
    away = run_settings("acme/none").model_copy(update={"model": ModelSettings.model_construct(base="/nowhere/base")})
    assert base_licence(away, "").id == ""
    assert "licence=unknown: /nowhere/base is not on this machine" in caplog.text
    assert "stage=push licence=unknown" in caplog.text


def test_the_licences_of_the_sources_are_on_the_data_card(run: Path, hub: StandInHub) -> None:
    hub.add_repo("dataset", "a/b", {"README.md": b"---\nlicense:\n- cc-by-4.0\n---\n"})
    assert source_licences(run_settings(), "") == {"a/b": Licence("cc-by-4.0")}
    push_from(run, repo_id="", dataset_repo_id="alice/rows")
    card = (run / "clean" / "README.md").read_text("utf-8")
    assert "license: cc-by-4.0" in card and "(a/b: cc-by-4.0)" in card


def test_a_password_that_is_a_common_word_leaves_no_stars_in_names_and_code_of_a_card(
    run: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = (run / "adapter" / "README.md", run / "clean" / "README.md")
    monkeypatch.setattr(redaction, "_known", set())
    push_from(run, repo_id="alice/adapter", dataset_repo_id="alice/rows")
    plain = [card.read_bytes() for card in cards]
    monkeypatch.setattr(redaction, "_known", {"adapter", "train", "base", "model"})
    push_from(run, repo_id="alice/adapter", dataset_repo_id="alice/rows")
    assert [card.read_bytes() for card in cards] == plain
