"""Whether the push will be allowed is known before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import AccessDenied
from job.publishing.access import check_write_access
from job.settings.fields import HubSettings
from tests.conftest import READ_TOKEN, WRITE_TOKEN
from tests.standin_hub import StandInHub

pytestmark = pytest.mark.usefixtures("client")
BOTH = HubSettings(repo_id="alice/adapter", dataset_repo_id="alice/rows")


def refused(hub: HubSettings, root: Path, token: str = WRITE_TOKEN) -> AccessDenied:
    with pytest.raises(AccessDenied) as caught:
        check_write_access(hub, token, root)
    return caught.value


def written(hub: StandInHub) -> list[str]:
    return [path for method, path, _ in hub.requests if method != "GET"]


def test_a_push_without_a_token_is_refused(tmp_path: Path) -> None:
    error = refused(HubSettings(repo_id="alice/x"), tmp_path, token="")
    assert "there is no token" in str(error)
    assert "HF_TOKEN" in error.remedy


def test_without_a_push_the_hub_is_left_alone(tmp_path: Path, hub: StandInHub) -> None:
    check_write_access(HubSettings(), "", tmp_path)
    assert not hub.requests
    assert not list(tmp_path.glob("run_id"))


def test_a_token_that_may_write_creates_the_repositories(tmp_path: Path, hub: StandInHub) -> None:
    check_write_access(BOTH, WRITE_TOKEN, tmp_path)
    assert hub.repo("model", "alice/adapter").private
    assert hub.repo("dataset", "alice/rows").private
    check_write_access(BOTH, WRITE_TOKEN, tmp_path)  # on what it made itself


def test_a_token_that_may_only_read_is_named_with_its_variable(tmp_path: Path, hub: StandInHub) -> None:
    """On a repository that exists, which create_repo(exist_ok=True) accepts."""
    hub.add_repo("model", "alice/adapter", {}, private=True, allowed=["bob"])
    error = refused(HubSettings(repo_id="alice/adapter"), tmp_path, READ_TOKEN)
    assert "FINETUNE_HUB_REPO_ID" in error.remedy
    assert "alice/adapter" in error.remedy


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_a_public_repository_is_refused_with_all_ways_out(kind: str, tmp_path: Path, hub: StandInHub) -> None:
    name = "alice/adapter" if kind == "model" else "alice/rows"
    hub.add_repo(kind, name, {})  # type: ignore[arg-type]
    error = refused(BOTH, tmp_path)
    assert f"the {kind} repository {name} is public" in str(error)
    variable = "FINETUNE_HUB_REPO_ID" if kind == "model" else "FINETUNE_HUB_DATASET_REPO_ID"
    for way_out in (f"Make {name} private", "FINETUNE_HUB_PRIVATE=false", variable):
        assert way_out in error.remedy
    assert not written(hub)  # the other one does not exist, and is not created


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_a_repository_with_other_content_is_refused(kind: str, tmp_path: Path, hub: StandInHub) -> None:
    name = "alice/adapter" if kind == "model" else "alice/rows"
    hub.add_repo(kind, name, {"weights.bin": b"x", ".gitattributes": b""}, private=True)  # type: ignore[arg-type]
    error = refused(BOTH, tmp_path)
    assert f"The {kind} repository {name} holds what this run did not push: weights.bin (commit" in str(error)
    assert "FINETUNE_HUB_OVERWRITE=true" in error.remedy
    assert not written(hub)
    check_write_access(BOTH.model_copy(update={"overwrite": True}), WRITE_TOKEN, tmp_path)
    assert written(hub) == ["/api/repos/create"]


@pytest.mark.parametrize("name", ["bob/adapter", "some-team/adapter"])
def test_nothing_is_created_if_the_other_one_cannot_be(name: str, tmp_path: Path, hub: StandInHub) -> None:
    error = refused(HubSettings(repo_id=name, dataset_repo_id="alice/rows"), tmp_path)
    assert f"{name} does not exist, and the token of alice cannot create it" in str(error)
    assert "FINETUNE_HUB_REPO_ID" in error.remedy
    assert not written(hub)


def test_a_token_that_may_only_read_creates_nothing(tmp_path: Path, hub: StandInHub) -> None:
    assert "may only read" in str(refused(HubSettings(repo_id="bob/adapter"), tmp_path, READ_TOKEN))
    assert not written(hub)
