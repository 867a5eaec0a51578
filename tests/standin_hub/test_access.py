"""Who may do what, and which error of the real client each refusal becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.standin_hub import StandInHub
from tests.standin_hub.clients import (
    READER,
    STRANGER,
    TOKENS,
    WRITER,
    api,
)


def test_whoami_tells_the_role(hub: StandInHub) -> None:
    assert api(hub).whoami()["name"] == "alice"
    roles = [api(hub, token).whoami()["auth"]["accessToken"]["role"] for token in TOKENS]
    assert roles == ["write", "read", "fineGrained"]
    scopes = api(hub, STRANGER).whoami()["auth"]["accessToken"]["fineGrained"]["scoped"]
    assert [(scope["entity"]["name"], scope["permissions"]) for scope in scopes] == [
        ("bob", ["repo.content.read", "repo.write"])
    ]


def test_a_bad_token_is_refused_even_for_public_files(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/base", {"config.json": b"{}"})
    client = api(hub, "hf_wrong")
    for call in (client.whoami, lambda: client.model_info("alice/base"), lambda: client.auth_check("alice/base")):
        with pytest.raises(HfHubHTTPError) as refused:
            call()
        assert type(refused.value) is HfHubHTTPError
        assert refused.value.response.status_code == 401


def test_anybody_reads_public_repositories(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/base", {"config.json": b"{}"})
    client = api(hub, False)
    client.auth_check("alice/base")
    assert Path(client.hf_hub_download("alice/base", "config.json")).read_bytes() == b"{}"


def test_a_private_repository_does_not_exist_for_others(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/secret", {"config.json": b"{}"}, private=True)
    for token, status in ((STRANGER, 404), (False, 401)):
        for repo_id in ("alice/secret", "alice/missing"):
            with pytest.raises(RepositoryNotFoundError) as refused:
                api(hub, token).model_info(repo_id)
            assert (type(refused.value), refused.value.response.status_code) == (RepositoryNotFoundError, status)
    assert api(hub, READER).model_info("alice/secret").private


def test_a_gate_closes_the_files_and_leaves_the_listing_open(hub: StandInHub) -> None:
    hub.add_repo("model", "meta/gated", {"config.json": b"{}"}, gated=True, allowed=["bob"])
    for token, status in ((WRITER, 403), (False, 401)):
        client = api(hub, token)
        assert client.model_info("meta/gated").gated == "manual"
        assert client.list_repo_files("meta/gated") == ["config.json"]
        with pytest.raises(GatedRepoError) as refused:
            client.auth_check("meta/gated")
        assert refused.value.response.status_code == status
        with pytest.raises(GatedRepoError) as refused:
            client.hf_hub_download("meta/gated", "config.json")
        assert refused.value.response.status_code == status
    assert Path(api(hub, STRANGER).hf_hub_download("meta/gated", "config.json")).read_bytes() == b"{}"


def test_a_missing_revision_and_a_missing_file(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/base", {"config.json": b"{}"})
    with pytest.raises(RevisionNotFoundError):
        api(hub).model_info("alice/base", revision="nowhere")
    with pytest.raises(RevisionNotFoundError):
        api(hub).hf_hub_download("alice/base", "config.json", revision="nowhere")
    with pytest.raises(EntryNotFoundError):
        api(hub).hf_hub_download("alice/base", "missing.json")


@pytest.mark.parametrize(("token", "namespace"), [(READER, "alice"), (WRITER, "bob"), (STRANGER, "alice")])
def test_writing_needs_a_write_token_and_the_own_name(
    hub: StandInHub, token: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("model", f"{namespace}/base", {"config.json": b"{}"})
    client = api(hub, token)
    for call in (
        lambda: client.create_repo(f"{namespace}/new"),
        lambda: client.auth_check(f"{namespace}/base", write=True),
        lambda: client.upload_file(path_or_fileobj=b"", path_in_repo="a", repo_id=f"{namespace}/base"),
        lambda: client.create_tag(f"{namespace}/base", tag="v1"),
    ):
        with pytest.raises(HfHubHTTPError) as refused:
            call()
        assert type(refused.value) is HfHubHTTPError
        assert refused.value.response.status_code == 403
    # The client takes "forbidden" for "it exists" when it may read the repository: this proves no right to write.
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    assert client.create_repo(f"{namespace}/base", exist_ok=True).repo_id == f"{namespace}/base"
    assert set(hub.files("model", f"{namespace}/base")) == {"config.json"}


def test_the_write_check_passes_for_the_owner(hub: StandInHub) -> None:
    hub.add_repo("dataset", "alice/rows")
    api(hub).auth_check("alice/rows", repo_type="dataset", write=True)
    hub.add_repo("dataset", "bob/rows")
    api(hub, STRANGER).auth_check("bob/rows", repo_type="dataset", write=True)
