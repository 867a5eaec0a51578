"""A branch becomes a commit: from the Hub, or from the cache where there is no Hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from job.errors import AccessDenied, HubUnavailable, NotFound
from job.hosts.revisions import commit_of
from job.results import Pin
from tests.conftest import READ_TOKEN, WRITE_TOKEN
from tests.standin_hub import StandInHub

BASE = Pin(kind="model", name="meta/base", revision="main", commit="")
ROWS = Pin(kind="dataset", name="owner/rows", revision="main", commit="")


@pytest.fixture(autouse=True)
def client(hub: StandInHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def test_a_branch_of_a_base_and_of_a_data_set(hub: StandInHub) -> None:
    base = hub.add_repo("model", "meta/base", {"config.json": b"{}"})
    rows = hub.add_repo("dataset", "owner/rows", {"train.jsonl": b"{}"})
    assert (commit_of(BASE, READ_TOKEN), commit_of(ROWS, "")) == (base, rows)
    moved = hub.add_commit("model", "meta/base", {"config.json": b"[]"})
    assert commit_of(BASE, READ_TOKEN) == moved


def test_a_commit_is_its_own_and_needs_no_hub(hub: StandInHub) -> None:
    assert commit_of(BASE.model_copy(update={"revision": "a" * 40}), "") == "a" * 40
    assert not hub.requests


def test_what_cannot_be_found_names_its_variable(hub: StandInHub) -> None:
    hub.add_repo("model", "meta/base")
    with pytest.raises(NotFound, match="base model meta/base at v9 has no such revision") as revision:
        commit_of(BASE.model_copy(update={"revision": "v9"}), "")
    assert "FINETUNE_MODEL_REVISION" in revision.value.remedy
    with pytest.raises(NotFound, match="data set owner/rows at main does not exist") as unknown:
        commit_of(ROWS, READ_TOKEN)
    assert "FINETUNE_DATA_SOURCES" in unknown.value.remedy
    hub.fail("/api/models", status=403, times=9)
    with pytest.raises(AccessDenied):
        commit_of(BASE, READ_TOKEN)


@pytest.mark.parametrize("pin", [BASE, ROWS], ids=["model", "dataset"])
def test_without_the_network_the_commit_of_the_cache(
    pin: Pin, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.add_repo(pin.kind, pin.name, {"file": b"{}"})
    assert commit_of(pin, WRITE_TOKEN) == commit
    hub.add_commit(pin.kind, pin.name, {"file": b"[]"})
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert commit_of(pin, WRITE_TOKEN) == commit
    monkeypatch.setattr(constants, "HF_HUB_CACHE", constants.HF_HUB_CACHE + "-empty")
    with pytest.raises(NotFound, match="HF_HUB_OFFLINE forbids to ask the Hub"):
        commit_of(pin, WRITE_TOKEN)


def test_the_cache_of_datasets_names_no_branch(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its newest commit counts where the Hub must not be asked, and not where it fails."""
    (Path(constants.HF_HUB_CACHE) / "datasets--owner--rows" / "snapshots" / ("c" * 40)).mkdir(parents=True)
    hub.fail("/api/datasets", status=500, times=9)
    with pytest.raises(HubUnavailable, match="status 500"):
        commit_of(ROWS, "")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert commit_of(ROWS, "") == "c" * 40
    with pytest.raises(NotFound):
        commit_of(ROWS.model_copy(update={"revision": "v2"}), "")


def test_a_login_page_in_place_of_the_hub(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers every address with 200 and a page."""
    hub.lie("GET /api/models", b"<html>Please log in to this network</html>")
    with pytest.raises(HubUnavailable, match=f"What answers at {hub.url} is not the Hub") as caught:
        commit_of(BASE, "")
    assert "HF_ENDPOINT" in caught.value.remedy
