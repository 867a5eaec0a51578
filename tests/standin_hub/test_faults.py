"""Injected faults: what the real client survives, and what it reports."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    RevisionNotFoundError,
)

from tests.standin_hub import StandInHub
from tests.standin_hub.clients import (
    ADAPTER,
    api,
    write_folder,
)


def test_the_client_survives_a_short_outage(hub: StandInHub, tmp_path: Path) -> None:
    hub.add_repo("model", "alice/adapter")
    hub.fail(r"PUT /_lfs/", status=503)
    hub.fail(r"preupload", drop=True)
    api(hub).upload_folder(repo_id="alice/adapter", folder_path=write_folder(tmp_path / "out", ADAPTER))
    assert hub.files("model", "alice/adapter") == ADAPTER
    assert sorted({status for _, _, status in hub.requests}) == [0, 200, 503]


def test_a_lost_answer_leaves_the_commit_and_running_again_adds_none(hub: StandInHub, tmp_path: Path) -> None:
    hub.add_repo("model", "alice/adapter")
    folder = write_folder(tmp_path / "out", {"adapter_config.json": b"{}"})
    hub.fail(r"/commit/", status=502, after=True)
    with pytest.raises(HfHubHTTPError) as lost:
        api(hub).upload_folder(repo_id="alice/adapter", folder_path=folder)
    assert lost.value.response.status_code == 502
    again = api(hub).upload_folder(repo_id="alice/adapter", folder_path=folder)
    assert hub.commits("model", "alice/adapter")[0].oid == again.oid
    assert len(hub.commits("model", "alice/adapter")) == 2


def test_a_download_that_breaks_off_is_taken_up_again(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024 * 1024)  # the client keeps whole pieces only
    hub.add_repo("model", "alice/adapter", ADAPTER)
    hub.fail(r"GET .*/adapter_model\.safetensors", after=True, drop=True)
    local = api(hub).hf_hub_download("alice/adapter", "adapter_model.safetensors")
    assert Path(local).read_bytes() == ADAPTER["adapter_model.safetensors"]
    statuses = [s for method, path, s in hub.requests if method == "GET" and path.endswith(".safetensors")]
    assert statuses == [0, 206]


def test_a_slow_answer_is_still_an_answer(hub: StandInHub) -> None:
    hub.fail("whoami", status=None, sleep=0.2)
    assert api(hub).whoami()["name"] == "alice"


def test_a_lie_is_an_answer_with_another_body_until_it_is_forgiven(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/adapter", {"config.json": b"{}"})
    hub.lie("/resolve/", b"<html>")
    address = f"{hub.url}/alice/adapter/resolve/main/config.json"
    assert [urllib.request.urlopen(address).read() for _ in range(2)] == [b"<html>"] * 2
    hub.forgive()
    assert urllib.request.urlopen(address).read() == b"{}"


def test_an_answer_that_trickles_is_whole_in_the_end(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/adapter", {"config.json": b"0123456789"})
    hub.trickle("/resolve/", pace=20)
    started = time.monotonic()
    assert urllib.request.urlopen(f"{hub.url}/alice/adapter/resolve/main/config.json").read() == b"0123456789"
    assert time.monotonic() - started > 0.3


def test_a_commit_that_was_removed_is_gone(hub: StandInHub) -> None:
    old = hub.add_repo("model", "alice/adapter", {"config.json": b"{}"})
    new = hub.add_commit("model", "alice/adapter", {"config.json": b"[]"})
    hub.remove_commit("model", "alice/adapter", old)
    assert api(hub).model_info("alice/adapter").sha == new
    with pytest.raises(RevisionNotFoundError):
        api(hub).model_info("alice/adapter", revision=old)


def test_a_fault_can_be_ordered_from_outside_and_called_off(hub: StandInHub) -> None:
    wanted = json.dumps({"match": "whoami", "status": 403, "times": 9}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{hub.url}/_fail", data=wanted, method="POST"))
    with pytest.raises(HfHubHTTPError) as refused:
        api(hub).whoami()
    assert refused.value.response.status_code == 403
    hub.forgive()
    assert api(hub).whoami()["name"] == "alice"
