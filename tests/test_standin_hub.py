"""The stand-in Hub, shown with the real clients: what works against it, and which error each refusal becomes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from tests.standin_hub import StandInHub

WRITER, READER, STRANGER = "hf_writer00000000000000", "hf_reader00000000000000", "hf_stranger000000000000"
TOKENS = {WRITER: ("alice", "write"), READER: ("alice", "read"), STRANGER: ("bob", "fine-grained-write")}
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with StandInHub(TOKENS) as running:
        yield running


@pytest.fixture(autouse=True)
def plain_transfers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What ``StandInHub.environment`` does for a child process, done for the client inside this one."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


def api(hub: StandInHub, token: str | bool = WRITER) -> HfApi:
    return HfApi(endpoint=hub.url, token=token)


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read_folder(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def run_python(hub: StandInHub, code: str, cache: Path, token: str | None = None) -> str:
    """Run a program that knows the Hub from its environment only; its last line of output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env = inherited | hub.environment(token) | {"HF_HOME": str(cache), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


ADAPTER = {
    "README.md": b"---\nlibrary_name: peft\ntags:\n- lora\n---\n# Adapter\n",
    "adapter_config.json": b'{"r": 16}',
    "adapter_model.safetensors": random.Random(0).randbytes(12 * 1024 * 1024),
    "report/metrics.json": b'{"loss": 1.5}',
    "empty.txt": b"",
}
ROWS = [{"text": "first"}, {"text": "second"}, {"text": "third"}]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet(folder: Path) -> bytes:
    arrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    writer.write_table(arrow.Table.from_pylist(ROWS), folder / "rows.parquet")
    return (folder / "rows.parquet").read_bytes()


# Pushing and downloading


def test_a_pushed_model_comes_back_byte_for_byte(hub: StandInHub, tmp_path: Path) -> None:
    client = api(hub)
    client.create_repo("alice/adapter", private=True)
    pushed = client.upload_folder(repo_id="alice/adapter", folder_path=write_folder(tmp_path / "out", ADAPTER))

    stored = hub.files("model", "alice/adapter")
    assert {name: stored[name] for name in ADAPTER} == ADAPTER
    assert hub.repo("model", "alice/adapter").private
    assert hub.commits("model", "alice/adapter")[0].oid == pushed.oid

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


# The libraries above the client


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_load_dataset_reads_a_revision(hub: StandInHub, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("datasets")
    data = JSONL if kind == "jsonl" else parquet(tmp_path)
    oid = hub.add_repo("dataset", "alice/rows", {f"data/train.{kind}": data})
    hub.add_commit("dataset", "alice/rows", {f"data/train.{kind}": b"broken"})
    code = f"""
import json, datasets
rows = datasets.load_dataset("alice/rows", split="train", revision={oid!r})
print(json.dumps(list(rows)))
"""
    assert json.loads(run_python(hub, code, tmp_path / "home")) == ROWS


def test_what_load_dataset_raises(hub: StandInHub, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    hub.add_repo("dataset", "alice/rows", {"train.jsonl": JSONL})
    hub.add_repo("dataset", "meta/gated", {"train.jsonl": JSONL}, gated=True)
    code = """
import json, datasets
seen = {}
for case, name, options in [
    ("unknown", "alice/missing", {}),
    ("unknown, anonymous", "alice/missing", {"token": False}),
    ("gated", "meta/gated", {}),
    ("gated, anonymous", "meta/gated", {"token": False}),
    ("unknown revision", "alice/rows", {"revision": "nowhere"}),
    ("bad token", "alice/rows", {"token": "hf_wrong"}),
]:
    try:
        datasets.load_dataset(name, split="train", **options)
    except Exception as error:
        seen[case] = [type(error).__name__, str(error)]
print(json.dumps(seen))
"""
    seen = json.loads(run_python(hub, code, tmp_path / "home", READER))
    bad = seen.pop("bad token")
    assert bad[0] == "HfHubHTTPError"
    assert "Invalid credentials" in bad[1]
    assert {name for name, _ in seen.values()} == {"DatasetNotFoundError"}
    told = {
        "unknown": "doesn't exist on the Hub or cannot be accessed",
        "unknown, anonymous": "doesn't exist on the Hub or cannot be accessed",
        "gated": "is a gated dataset on the Hub. Visit the dataset page",
        "gated, anonymous": "is a gated dataset on the Hub. You must be authenticated",
        "unknown revision": "Revision 'nowhere' doesn't exist",
    }
    assert {case: part in seen[case][1] for case, part in told.items()} == dict.fromkeys(told, True)


@pytest.mark.slow
def test_transformers_loads_a_configuration_and_a_tokenizer(hub: StandInHub, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.models.WordLevel({"[UNK]": 0, "hello": 1, "hub": 2}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    files = {
        "config.json": b'{"model_type": "llama", "hidden_size": 32}',
        "tokenizer.json": tokenizer.to_str().encode(),
        "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}',
    }
    hub.add_repo("model", "alice/base", files, private=True)
    code = """
from transformers import AutoConfig, AutoTokenizer
config, tokenizer = AutoConfig.from_pretrained("alice/base"), AutoTokenizer.from_pretrained("alice/base")
print(config.hidden_size, tokenizer("hello hub")["input_ids"])
"""
    assert run_python(hub, code, tmp_path / "home", WRITER) == "32 [1, 2]"


# Who may do what


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


# Faults


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


# From a shell


def test_the_command_serves_and_keeps_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "state/datasets/tester/rows", {"train.jsonl": JSONL})
    command = [sys.executable, "-m", "tests.standin_hub", "--token", WRITER, "--state", str(tmp_path / "state")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            client = HfApi(endpoint=json.loads(server.stdout.readline())["url"], token=WRITER)
            assert client.list_repo_files("tester/rows", repo_type="dataset") == ["train.jsonl"]
            client.create_repo("tester/adapter")
            client.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="tester/adapter")
        finally:
            server.terminate()
    assert (tmp_path / "state/models/tester/adapter/config.json").read_bytes() == b"{}"
    logged = [json.loads(line) for line in (tmp_path / "state/requests.jsonl").read_text().splitlines()]
    assert ["POST", "/api/repos/create", 200] in logged
