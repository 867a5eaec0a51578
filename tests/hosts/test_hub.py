"""Failures of the Hub, as its own client raises them against a stand-in, become ours."""

from __future__ import annotations

import errno
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import OfflineModeIsEnabled

from job.errors import AccessDenied, DataError, DiskFull, HostUnfit, HubUnavailable, JobError, NotFound
from job.hosts.hub import first_line, translate_hub_errors
from job.settings.connection import PROXIES
from tests.conftest import READ_TOKEN, WRITE_TOKEN
from tests.standin_hub import StandInHub

WHAT, VARIABLE = "base model meta/base", "FINETUNE_MODEL_BASE"


@pytest.fixture
def api(hub: StandInHub) -> Iterator[HfApi]:
    hub.add_repo("model", "meta/base", {"config.json": b"{}"}, gated=True, allowed=("alice",))
    yield HfApi(endpoint=hub.url, token=READ_TOKEN)


def translated(call: Callable[[], object], *, has_token: bool = True) -> JobError:
    with pytest.raises(JobError) as caught, translate_hub_errors(WHAT, VARIABLE, has_token=has_token):
        call()
    return caught.value


def test_a_gated_model_names_the_token(api: HfApi, tmp_path: Path) -> None:
    error = translated(lambda: api.hf_hub_download("meta/base", "config.json", cache_dir=tmp_path))
    assert isinstance(error, AccessDenied)
    assert str(error) == "The base model meta/base is gated, and was requested with the token of HF_TOKEN."
    assert "Accept its terms" in error.remedy


def test_an_unknown_or_private_model_is_not_found(api: HfApi) -> None:
    error = translated(lambda: api.model_info("meta/none"), has_token=False)
    assert isinstance(error, NotFound)
    assert "does not exist, or is private and was requested with no token" in str(error)
    assert VARIABLE in error.remedy


def test_a_revision_a_file_or_a_name_that_does_not_exist(hub: StandInHub, api: HfApi, tmp_path: Path) -> None:
    writer = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    revision = translated(lambda: writer.model_info("meta/base", revision="v9"))
    file = translated(lambda: writer.hf_hub_download("meta/base", "missing.json", cache_dir=tmp_path))
    name = translated(lambda: writer.model_info("no//name"))
    assert [type(error) for error in (revision, file, name)] == [NotFound] * 3
    assert "no such revision" in str(revision)
    assert "cannot be read" in str(file) and "cannot be read" in str(name)


@pytest.mark.parametrize(("status", "ours"), [(403, AccessDenied), (401, AccessDenied), (500, HubUnavailable)])
def test_a_status_decides_whether_another_try_is_worth_it(
    status: int, ours: type[JobError], hub: StandInHub, api: HfApi
) -> None:
    hub.fail("whoami", status=status, times=100)
    assert isinstance(translated(api.whoami), ours)


def test_a_hub_that_cannot_be_reached_is_worth_another_try() -> None:
    nowhere = HfApi(endpoint="http://127.0.0.1:9", token=False)
    error = translated(lambda: nowhere.model_info("meta/base"), has_token=False)
    assert isinstance(error, HubUnavailable)
    assert "cannot be reached" in str(error)


def test_a_proxy_on_the_way_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)
    assert "proxy" not in translated(fails(ConnectionError("refused"))).remedy
    monkeypatch.setenv("HTTPS_PROXY", "http://user:correct-horse@127.0.0.1:9")
    for error in (ConnectionError("refused"), OfflineModeIsEnabled("offline")):
        ours = translated(fails(error))
        assert "Check the network, the proxy of HTTPS_PROXY and HF_ENDPOINT" in ours.remedy
        assert "correct-horse" not in f"{ours} {ours.remedy}"


def fails(error: Exception) -> Callable[[], object]:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize("cache", ["/dev/null/hub", "/proc/none/hub"])
def test_a_cache_that_cannot_be_made(cache: str, hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repo("model", "meta/open", {"config.json": b"{}"})
    monkeypatch.setattr(constants, "HF_HOME", str(Path(cache).parent))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", cache)
    open_to_all = HfApi(endpoint=hub.url, token=False)
    error = translated(lambda: open_to_all.hf_hub_download("meta/open", "config.json"))
    assert isinstance(error, HostUnfit)
    assert f"has to be downloaded, but the cache {cache} cannot be written: " in str(error)
    assert error.remedy.startswith("Set HF_HOME to a folder that uid")
    monkeypatch.setattr(constants, "HF_HOME", "/elsewhere")
    assert "Set HF_HUB_CACHE" in translated(lambda: open_to_all.hf_hub_download("meta/open", "config.json")).remedy


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOTDIR])
def test_a_cache_that_refuses_a_file(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/cache/hub")
    assert isinstance(translated(fails(OSError(number, "refused", "/cache/hub/models--a/blobs/1"))), HostUnfit)
    assert isinstance(translated(fails(RuntimeError("I/O error: Read-only file system (os error 30)"))), HostUnfit)
    elsewhere = OSError(number, "refused", "/somewhere/else")
    with pytest.raises(OSError, match="refused"), translate_hub_errors(WHAT, VARIABLE, has_token=True):
        raise elsewhere


def test_what_the_user_forbids_is_66_and_a_hub_that_is_silent_76(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are offline to the Hub's client, which would have HF_HUB_OFFLINE unset that nobody has set."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    error = translated(fails(OfflineModeIsEnabled("please unset HF_HUB_OFFLINE")))
    assert isinstance(error, NotFound)
    assert "HF_HUB_OFFLINE forbids to ask the Hub" in str(error)
    assert "HF_HUB_OFFLINE" in error.remedy
    monkeypatch.setattr("job.hosts.hub.SILENT", ["hub.example, port 443: Connection refused"])
    error = translated(fails(OfflineModeIsEnabled("please unset HF_HUB_OFFLINE")))
    assert isinstance(error, HubUnavailable)
    assert str(error).endswith("the Hub cannot be reached: hub.example, port 443: Connection refused")
    assert "HF_HUB_OFFLINE" not in error.remedy


# --- Xet: large files, through a library in Rust ---------------------------------------------------------------------


def download_by_xet(endpoint: str, file_hash: str, target: str) -> None:
    """What the Hub client does for a large file, without the Hub."""
    import hf_xet

    session = hf_xet.XetSession()
    access = {"endpoint": endpoint, "token": "t", "token_expiry_unix_secs": int(time.time()) + 9999}
    with session.new_file_download_group(**access) as group:
        group.start_download_file(hf_xet.XetFileInfo(file_hash, 300_000), target)


def upload_by_xet(endpoint: str, file: Path) -> str:
    """The file's hash."""
    import hf_xet

    file.write_bytes(bytes(range(250)) * 1200)
    session = hf_xet.XetSession()
    access = {"endpoint": endpoint, "token": "t", "token_expiry_unix_secs": int(time.time()) + 9999}
    with session.new_upload_commit(**access) as group:
        handle = group.start_upload_file(str(file), hf_xet.COMPUTE_SHA256)
    return str(handle.result().xet_info.hash)


@pytest.mark.parametrize(("status", "ours"), [(401, AccessDenied), (403, AccessDenied), (404, NotFound)])
@pytest.mark.parametrize("way", ["down", "up"])
def test_what_xets_store_answers_decides(
    way: str, status: int, ours: type[JobError], hub: StandInHub, tmp_path: Path
) -> None:
    """Its own words for it are a RuntimeError one way and a ConnectionError the other, with the status in the text."""
    hub.fail(".", status=status, times=100)
    error = translated(
        lambda: (
            download_by_xet(hub.url, "ab" * 32, str(tmp_path / "file"))
            if way == "down"
            else upload_by_xet(hub.url, tmp_path / "file")
        )
    )
    assert isinstance(error, ours)
    assert f"({status} " in str(error)
    assert "file store (Xet)" in str(error)


def upload_folder(hub: StandInHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> JobError:
    """A push as the Hub client does it with Xet switched on."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub.add_repo("model", "alice/adapter")
    (folder / "adapter_model.safetensors").write_bytes(bytes(range(250)) * 1200)
    api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    return translated(lambda: api.upload_folder(repo_id="alice/adapter", folder_path=folder))


def test_a_push_through_xet_that_its_store_refuses(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = {"casUrl": hub.url, "accessToken": "t", "exp": 9999999999}
    hub.lie("xet-write-token", json.dumps(access).encode())
    hub.fail("xorb", status=403, times=100)
    error = upload_folder(hub, tmp_path, monkeypatch)
    assert isinstance(error, AccessDenied)
    assert "file store (Xet) refused access" in str(error)
    assert len(hub.commits("model", "alice/adapter")) == 1


def test_a_push_through_xet_to_a_hub_without_xet(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client tries Xet first and falls back to nothing."""
    error = upload_folder(hub, tmp_path, monkeypatch)
    assert isinstance(error, NotFound)
    assert "has no such store" in str(error)
    assert "HF_HUB_DISABLE_XET=1" in error.remedy


def test_a_disk_that_is_full_under_xet(tmp_path: Path) -> None:
    store = f"local://{tmp_path / 'store'}"
    file_hash = upload_by_xet(store, tmp_path / "file")
    download_by_xet(store, file_hash, str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "file").read_bytes()
    error = translated(lambda: download_by_xet(store, file_hash, "/dev/full"))
    assert isinstance(error, DiskFull)
    assert "No space left on device" in str(error)


def test_a_file_that_arrives_with_another_size_under_xet(tmp_path: Path) -> None:
    store = f"local://{tmp_path / 'store'}"
    upload_by_xet(store, tmp_path / "file")
    error = translated(lambda: download_by_xet(store, "ab" * 32, str(tmp_path / "again")))
    assert isinstance(error, HubUnavailable)
    assert "File size mismatch" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "Task error: File reconstruction error: CAS Client Error: Request middleware error: error sending request for url",
        "Network error: Request middleware error: error sending request for url (http://127.0.0.1:9/v1/xorb-grants)",
        "Rate limited: Request error: HTTP status client error (429 Too Many Requests), domain: http://127.0.0.1:9/v1/xorb-grants",
        "Server error: Request error: HTTP status server error (500 Internal Server Error), domain: http://127.0.0.1:9/v1/x",
        "Data processing error: CAS service error : ReqwestMiddleware Error: Request failed after 5 retries",
        "Data processing error: CAS service error : Error : single flight error: Real call failed",
        "Operation cancelled: Task cancelled: task 11 was cancelled",
        "Xet headers have not been correctly set by the server.",
    ],
)
def test_what_xet_says_after_minutes_of_tries_of_its_own(text: str) -> None:
    """Seen with 1.8.0 (a store that refuses connections: after 210 s down and 346 s up; 429: 143 and 276 s; 500: 45 and 263 s)
    and, the two with "Data processing", in reports about older versions."""
    error = translated(fails(RuntimeError(text)))
    assert isinstance(error, HubUnavailable)
    assert text in str(error)
    assert "HF_HUB_DISABLE_XET=1" in error.remedy


# --- datasets, and errors around errors ------------------------------------------------------------------------------


class DatasetNotFoundError(Exception):
    """By the name of the one in datasets."""


def test_datasets_own_error_is_known_by_its_name() -> None:
    assert isinstance(translated(fails(DatasetNotFoundError("'owner/rows' doesn't exist on the Hub"))), NotFound)
    assert isinstance(translated(fails(DatasetNotFoundError("'owner/rows' is a gated dataset"))), AccessDenied)
    revision = translated(
        fails(DatasetNotFoundError("Revision 'c0ffee' doesn't exist for dataset 'owner/rows' on the Hub."))
    )
    assert isinstance(revision, NotFound)
    assert "no such revision" in str(revision)
    assert "begin anew in another FINETUNE_OUTPUT_DIR" in revision.remedy


def test_a_file_that_arrives_with_another_size(api: HfApi, hub: StandInHub, tmp_path: Path) -> None:
    """The client's own error for it is a plain OSError."""
    writer = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    hub.lie("GET /meta/base/resolve/", b"{}  ")
    error = translated(lambda: writer.hf_hub_download("meta/base", "config.json", cache_dir=tmp_path))
    assert isinstance(error, HubUnavailable)
    assert "another size than announced" in str(error)


def test_a_wrapped_failure_is_found_in_the_chain_of_causes() -> None:
    wrapped = OSError("can't load the tokenizer")
    wrapped.__cause__ = ConnectionResetError("reset by peer")
    error = translated(fails(wrapped))
    assert isinstance(error, HubUnavailable)
    assert "ConnectionResetError reset by peer" in str(error)


@pytest.mark.parametrize("error", [ValueError("a bug"), RuntimeError("a bug"), DataError("too few rows")])
def test_what_is_no_failure_of_the_hub_rises_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translate_hub_errors(WHAT, VARIABLE, has_token=False):
        raise error
    assert caught.value is error


def test_the_first_line_of_a_long_message() -> None:
    assert first_line(ValueError("\n\nfirst\nsecond")) == "first"
    assert first_line(ValueError("")) == "ValueError"


def test_the_client_writes_no_lines_of_its_own() -> None:
    """They would stand beside the job's, without a stage."""
    assert not logging.getLogger("huggingface_hub").handlers
