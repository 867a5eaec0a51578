"""One repository: what counts as empty or as this run's own, and what a commit does when others change it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from job.errors import AccessDenied, HubUnavailable
from job.publishing import repository
from job.publishing.repository import Committed, Content, Target, look, targets
from job.settings.fields import HubSettings
from tests.conftest import WRITE_TOKEN
from tests.standin_hub import StandInHub
from tests.standin_hub.access import User

pytestmark = pytest.mark.usefixtures("client")
ADAPTER = Target("model", "alice/adapter", "FINETUNE_HUB_REPO_ID")
PRIVATE = HubSettings(repo_id="alice/adapter")
OVERWRITE = HubSettings(repo_id="alice/adapter", overwrite=True)
CARD = b"---\nlicense: mit\n---\n# Adapter\n"
RUN, OTHER_RUN = ("a1" * 16,), ("b2" * 16,)


@pytest.fixture
def api(client: None) -> HfApi:
    return HfApi(token=WRITE_TOKEN)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    written = {"README.md": CARD, "adapter_model.safetensors": b"\0" * 300}
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in written]


def commit(api: HfApi, target: Target, files: list[Path], hub: HubSettings, runs: tuple[str, ...]) -> Committed:
    return repository.commit(api, target, {path.name: path for path in files}, hub, runs, files[0].parent)


def is_free(api: HfApi, runs: tuple[str, ...] = RUN, files: list[Path] | None = None) -> bool:
    content = look(api, ADAPTER, runs, {path.name: path for path in files or []})
    assert content
    return content.is_free


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], *, before: str) -> None:
    """`happens` once, just before the client's method of that name."""
    real = getattr(HfApi, before)

    def with_event(self: HfApi, *given: Any, **options: Any) -> Any:
        monkeypatch.setattr(HfApi, before, real)
        happens()
        return real(self, *given, **options)

    monkeypatch.setattr(HfApi, before, with_event)


# --- what it holds ---------------------------------------------------------------------------------------------------


def test_what_the_settings_name_is_pushed_rows_first() -> None:
    assert targets(HubSettings()) == []
    names = targets(HubSettings(repo_id="a/m", dataset_repo_id="a/d"))
    assert [(target.kind, target.repo_id) for target in names] == [("dataset", "a/d"), ("model", "a/m")]


def test_its_page_shows_no_password() -> None:
    rows = Target("dataset", "a/rows", "")
    assert rows.page("https://user:secret@hub.example:8443/x/") == "https://hub.example:8443/x/datasets/a/rows"
    assert ADAPTER.page("https://huggingface.co") == "https://huggingface.co/alice/adapter"


def test_a_repository_that_does_not_exist_is_none(api: HfApi) -> None:
    assert look(api, ADAPTER, RUN, {}) is None


@pytest.mark.parametrize(
    ("content", "free"),
    [
        ({}, True),
        ({".gitattributes": b"x"}, True),
        ({".gitattributes": b"x", "README.md": b"---\nlicense: mit\n---\n"}, True),
        ({".gitattributes": b"x", "config.json": b"{}"}, False),
    ],
)
def test_what_the_hub_puts_into_a_new_repository_is_no_content(
    content: dict[str, bytes], free: bool, api: HfApi, hub: StandInHub
) -> None:
    hub.add_repo("model", "alice/adapter", content, private=True)
    assert is_free(api) is free


def test_a_readme_that_somebody_wrote_is_content(api: HfApi, hub: StandInHub) -> None:
    hub.add_repo("model", "alice/adapter", {".gitattributes": b"x"}, private=True)
    hub.add_commit("model", "alice/adapter", {"README.md": b"# Mine\n"})
    assert not is_free(api)


def test_privacy_that_the_hub_does_not_state_is_none(
    api: HfApi, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("model", "alice/adapter", {}, private=True)
    monkeypatch.setattr(hub.repo("model", "alice/adapter"), "private", None)
    content = look(api, ADAPTER, RUN, {})
    assert content
    assert content.private is False


# --- the commit ------------------------------------------------------------------------------------------------------


def test_a_commit_is_this_runs_own_and_no_others(api: HfApi, hub: StandInHub, files: list[Path]) -> None:
    made = commit(api, ADAPTER, files, PRIVATE, RUN)
    assert made.kept == ""
    assert hub.repo("model", "alice/adapter").private
    assert is_free(api)
    assert not is_free(api, OTHER_RUN)
    assert is_free(api, (*OTHER_RUN, *RUN)), "by whichever of its names"
    files[0].write_bytes(CARD + b"Another.\n")
    commit(api, ADAPTER, files, PRIVATE, RUN)
    assert hub.files("model", "alice/adapter")["README.md"] == CARD + b"Another.\n"
    files[0].write_bytes(CARD + b"Of another run.\n")
    with pytest.raises(AccessDenied, match=r"did not push: README\.md, adapter_model"):
        commit(api, ADAPTER, files, PRIVATE, OTHER_RUN)


def test_equal_files_are_no_obstacle_and_make_no_commit(api: HfApi, hub: StandInHub, files: list[Path]) -> None:
    """A run folder may lose its name, and another run may make the same bytes."""
    first = commit(api, ADAPTER, files, PRIVATE, RUN)
    assert commit(api, ADAPTER, files, PRIVATE, OTHER_RUN) == first
    assert len(hub.commits("model", "alice/adapter")) == 2


def test_what_somebody_changed_after_the_push_is_not_touched(api: HfApi, hub: StandInHub, files: list[Path]) -> None:
    commit(api, ADAPTER, files, PRIVATE, RUN)
    edited = hub.add_commit("model", "alice/adapter", {"README.md": b"# My own words\n"})
    with pytest.raises(AccessDenied, match=edited[:12]):
        commit(api, ADAPTER, files, PRIVATE, RUN)
    assert hub.files("model", "alice/adapter")["README.md"] == b"# My own words\n"


def test_overwriting_keeps_what_was_there_under_a_tag(
    api: HfApi, hub: StandInHub, files: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    old = hub.add_repo("model", "alice/adapter", {"README.md": b"# Old\n", "notes.txt": b"keep"}, private=True)
    with caplog.at_level("INFO", logger="job.push"):
        made = commit(api, ADAPTER, files, OVERWRITE, RUN)
    assert made.kept == f"before-lora-job-{old[:12]}"
    assert hub.files("model", "alice/adapter", made.kept) == {"README.md": b"# Old\n", "notes.txt": b"keep"}
    assert hub.files("model", "alice/adapter")["README.md"] == CARD
    assert f"kept={made.kept}" in caplog.text
    assert commit(api, ADAPTER, files, OVERWRITE, RUN) == made  # and so says the next start


def test_overwriting_does_not_make_anything_public(api: HfApi, hub: StandInHub, files: list[Path]) -> None:
    hub.add_repo("model", "alice/adapter", {"README.md": b"# Old\n"})
    with pytest.raises(AccessDenied, match="is public"):
        commit(api, ADAPTER, files, OVERWRITE, RUN)
    commit(api, ADAPTER, files, OVERWRITE.model_copy(update={"private": False}), RUN)


# --- what others do meanwhile ----------------------------------------------------------------------------------------


def untouched(hub: StandInHub) -> bool:
    return "adapter_model.safetensors" not in hub.files("model", "alice/adapter")


def test_a_repository_made_public_while_large_files_go_up_gets_no_commit(
    api: HfApi, hub: StandInHub, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("model", "alice/adapter", {}, private=True)

    def make_public() -> None:
        hub.repo("model", "alice/adapter").private = False

    meanwhile(monkeypatch, make_public, before="preupload_lfs_files")
    with pytest.raises(AccessDenied, match="is public"):
        commit(api, ADAPTER, files, PRIVATE, RUN)
    assert untouched(hub)


def test_a_token_that_may_no_longer_write_sends_nothing(api: HfApi, hub: StandInHub, files: list[Path]) -> None:
    hub.add_repo("model", "alice/adapter", {}, private=True)
    hub.users[WRITE_TOKEN] = User("alice", "read")
    with pytest.raises(AccessDenied, match="status 403"):
        commit(api, ADAPTER, files, PRIVATE, RUN)
    assert {method for method, _, _ in hub.requests} == {"GET"}


def test_a_token_revoked_while_large_files_go_up_writes_nothing(
    api: HfApi, hub: StandInHub, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("model", "alice/adapter", {}, private=True)
    meanwhile(monkeypatch, lambda: hub.fail("GET", status=401, times=100), before="preupload_lfs_files")
    with pytest.raises(AccessDenied, match="status 401") as caught:
        commit(api, ADAPTER, files, PRIVATE, RUN)
    assert "HF_TOKEN" in caught.value.remedy
    assert untouched(hub)


@pytest.mark.parametrize("moment", ["preupload_lfs_files", "create_commit"])
def test_a_commit_of_somebody_else_in_between_is_not_touched(
    moment: str, api: HfApi, hub: StandInHub, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the commit, the Hub itself refuses another parent; the next try sees why."""
    hub.add_repo("model", "alice/adapter", {}, private=True)
    meanwhile(monkeypatch, lambda: hub.add_commit("model", "alice/adapter", {"x": b"theirs"}), before=moment)
    with pytest.raises((AccessDenied, HubUnavailable)) as caught:
        commit(api, ADAPTER, files, PRIVATE, RUN)
    assert isinstance(caught.value, HubUnavailable if moment == "create_commit" else AccessDenied)
    with pytest.raises(AccessDenied, match="did not push: x"):
        commit(api, ADAPTER, files, PRIVATE, RUN)
    assert untouched(hub)


@pytest.mark.parametrize("cut", [True, False])
def test_an_answer_that_got_lost_makes_no_second_commit(
    cut: bool, api: HfApi, hub: StandInHub, files: list[Path]
) -> None:
    """The commit was made, but the answer did not arrive: a killed run and a lost connection look alike."""
    hub.fail("POST .*/commit/", status=503, after=True, drop=cut)
    with pytest.raises(HubUnavailable):
        commit(api, ADAPTER, files, PRIVATE, RUN)
    made = commit(api, ADAPTER, files, PRIVATE, RUN)
    commits = hub.commits("model", "alice/adapter")
    assert (commits[0].oid, len(commits)) == (made.oid, 2)


def test_content_without_commits_is_free() -> None:
    assert Content(head="", private=True, files=frozenset(), others="").is_free
