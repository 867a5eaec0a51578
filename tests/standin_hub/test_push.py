"""Pushing and downloading with the real client: bytes, commits, revisions, cards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
)
from huggingface_hub.hf_api import RepoFile

from tests.standin_hub import StandInHub
from tests.standin_hub.clients import (
    ADAPTER,
    JSONL,
    WRITER,
    api,
    parquet,
    read_folder,
    write_folder,
)


def test_a_pushed_model_comes_back_byte_for_byte(hub: StandInHub, tmp_path: Path) -> None:
    client = api(hub)
    client.create_repo("alice/adapter", private=True)
    pushed = client.upload_folder(
        repo_id="alice/adapter", folder_path=write_folder(tmp_path / "out", ADAPTER), commit_description="by run 7"
    )

    stored = hub.files("model", "alice/adapter")
    assert {name: stored[name] for name in ADAPTER} == ADAPTER
    assert hub.repo("model", "alice/adapter").private
    assert hub.commits("model", "alice/adapter")[0].oid == pushed.oid
    assert [commit.message for commit in client.list_repo_commits("alice/adapter")] == ["by run 7", ""]

    entries = client.list_repo_tree("alice/adapter", recursive=True, revision=pushed.oid)
    listed = {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}
    large = listed["adapter_model.safetensors"].lfs
    assert large is not None
    assert large.sha256 == hashlib.sha256(ADAPTER["adapter_model.safetensors"]).hexdigest()
    assert listed["adapter_config.json"].lfs is None

    local = snapshot_download("alice/adapter", revision=pushed.oid, endpoint=hub.url, token=WRITER)
    assert read_folder(Path(local)) == stored
    client.verify_repo_checksums("alice/adapter", revision=pushed.oid, local_dir=tmp_path / "out")


def test_a_pushed_data_set_comes_back_byte_for_byte(hub: StandInHub, tmp_path: Path) -> None:
    files = {"README.md": b"---\nlicense: mit\n---\n", "train.jsonl": JSONL, "data/train.parquet": parquet(tmp_path)}
    client = api(hub)
    created = client.create_repo("alice/rows", repo_type="dataset", private=False)
    assert created.repo_type == "dataset"
    pushed = client.upload_folder(
        repo_id="alice/rows", repo_type="dataset", folder_path=write_folder(tmp_path / "out", files)
    )
    assert "/datasets/alice/rows/commit/" in pushed.commit_url

    local = snapshot_download("alice/rows", repo_type="dataset", endpoint=hub.url, token=False)
    assert read_folder(Path(local)) == hub.files("dataset", "alice/rows")
    assert {name: hub.files("dataset", "alice/rows")[name] for name in files} == files
    with pytest.raises(KeyError):
        hub.repo("model", "alice/rows")


def test_pushing_equal_content_again_makes_no_commit(hub: StandInHub, tmp_path: Path) -> None:
    client, folder = api(hub), write_folder(tmp_path / "out", ADAPTER)
    client.create_repo("alice/adapter")
    first = client.upload_folder(repo_id="alice/adapter", folder_path=folder)
    sent = len(hub.requests)
    again = client.upload_folder(repo_id="alice/adapter", folder_path=folder)

    assert again.oid == first.oid
    assert len(hub.commits("model", "alice/adapter")) == 2  # the initial one and the first push
    assert not [path for method, path, _ in hub.requests[sent:] if method == "PUT" or "/commit/" in path]


def test_creating_a_repository_twice(hub: StandInHub) -> None:
    client = api(hub)
    client.create_repo("alice/adapter")
    assert client.create_repo("alice/adapter", exist_ok=True).repo_id == "alice/adapter"
    with pytest.raises(HfHubHTTPError) as refused:
        client.create_repo("alice/adapter")
    assert refused.value.response.status_code == 409


def test_revisions_tags_commits_and_deletions(hub: StandInHub) -> None:
    old = hub.add_repo("model", "alice/base", {"config.json": b"1", "old/notes.txt": b"x"})
    new = hub.add_commit("model", "alice/base", {"config.json": b"22"}, title="second")
    client = api(hub)
    client.create_tag("alice/base", tag="v1", revision=old)
    assert [commit.commit_id for commit in client.list_repo_commits("alice/base")] == [new, old]
    assert {tag.name: tag.target_commit for tag in client.list_repo_refs("alice/base").tags} == {"v1": old}
    assert client.model_info("alice/base").sha == new
    assert client.model_info("alice/base", revision="v1").sha == old
    found = client.get_paths_info("alice/base", ["config.json", "missing"], revision=new)
    assert [(info.path, info.size) for info in found if isinstance(info, RepoFile)] == [("config.json", 2)]
    assert [entry.path for entry in client.list_repo_tree("alice/base")] == ["config.json", "old"]

    client.delete_folder("old", "alice/base")
    assert set(hub.files("model", "alice/base")) == {"config.json"}
    with pytest.raises(HfHubHTTPError) as refused:
        client.upload_file(path_or_fileobj=b"3", path_in_repo="config.json", repo_id="alice/base", parent_commit=new)
    assert refused.value.response.status_code == 412


def test_a_bad_card_is_refused_before_the_push(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/adapter")
    card = b"---\nlicense: mit\nthis is not yaml\n---\n"
    with pytest.raises(ValueError, match="not a line of YAML"):
        api(hub).upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id="alice/adapter")
    assert hub.files("model", "alice/adapter") == {}


def test_what_was_pushed_once_is_found_in_the_store(hub: StandInHub) -> None:
    client = api(hub)
    client.create_repo("alice/adapter")
    for content in (b"first", b"second"):
        client.upload_file(
            path_or_fileobj=content, path_in_repo="a.txt", repo_id="alice/adapter", commit_description="x1"
        )
    stored = hub.stored()
    assert {b"first", b"second"} <= {data for name, data in stored.items() if name.endswith("a.txt")}
    assert sum(data.endswith(b"x1") for name, data in stored.items() if name.endswith("message")) == 2
