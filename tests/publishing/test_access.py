"""Whether the token may write is known before anything is trained."""

from __future__ import annotations

import pytest

from job.errors import AccessDenied
from job.publishing.access import check_write_access
from job.settings.fields import HubSettings
from tests.conftest import READ_TOKEN, WRITE_TOKEN
from tests.standin_hub import StandInHub


def test_a_push_without_a_token_is_refused() -> None:
    with pytest.raises(AccessDenied, match="there is no token") as caught:
        check_write_access(HubSettings(repo_id="alice/x"), "")
    assert "HF_TOKEN" in caught.value.remedy


def test_without_a_push_the_hub_is_left_alone() -> None:
    check_write_access(HubSettings(), "")


def test_a_token_that_may_write_creates_the_repositories(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    check_write_access(HubSettings(repo_id="alice/adapter", dataset_repo_id="alice/rows"), WRITE_TOKEN)
    assert hub.repo("model", "alice/adapter").private
    assert hub.repo("dataset", "alice/rows").private


def test_a_token_that_may_only_read_is_named_with_its_variable(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a repository that exists, which create_repo(exist_ok=True) accepts."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    hub.add_repo("model", "alice/adapter", {})
    with pytest.raises(AccessDenied) as caught:
        check_write_access(HubSettings(repo_id="alice/adapter"), READ_TOKEN)
    assert "FINETUNE_HUB_REPO_ID" in caught.value.remedy
    assert "alice/adapter" in caught.value.remedy
