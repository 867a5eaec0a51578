"""The push, against a stand-in Hub in this process: what is sent, what is compared, what is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, constants

from job.errors import AccessDenied, HubUnavailable
from job.hosts.patience import Limits, set_limits
from job.publishing.stage import base_licence, push
from job.results import Pushed
from tests.conftest import READ_TOKEN, WRITE_TOKEN
from tests.sample_results import CLEANED, PROBED, SAMPLES, TRAINED, run_settings
from tests.standin_hub import StandInHub


@pytest.fixture(autouse=True)
def client(hub: StandInHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The Hub client of this process speaks to the stand-in, and a push is tried for a second."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    set_limits(Limits(retry_seconds=1, waits_seconds=(0.2,)))
    yield
    set_limits(Limits())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as the stages before leave it."""
    root = tmp_path / "run"
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}", "utf-8")
    for folder in ("adapter", "clean", "probe"):
        (root / folder).mkdir(parents=True)
    (root / "adapter" / "adapter_model.safetensors").write_bytes(b"\0" * 300)
    (root / "adapter" / "adapter_config.json").write_text("{}", "utf-8")
    (root / "clean" / "train.jsonl").write_text("{}\n" * 3, "utf-8")
    (root / "clean" / "eval.jsonl").write_text("{}\n", "utf-8")
    (root / "clean" / "dropped.jsonl").write_text("{}\n", "utf-8")
    lines = "".join(f"{sample.model_dump_json()}\n" for sample in SAMPLES)
    (root / "probe" / "samples.jsonl").write_text(lines, "utf-8")
    return root


def push_from(root: Path, token: str = WRITE_TOKEN, **hub: Any) -> Pushed:
    base = str(root.parent / "base")
    return push(CLEANED, TRAINED, PROBED, run_settings(base, **hub), token=token, root=root)


def test_without_a_repository_the_card_is_written_and_nothing_pushed(run: Path, hub: StandInHub) -> None:
    pushed = push_from(run)
    assert pushed.skipped
    assert "FINETUNE_HUB_REPO_ID" in pushed.reason
    assert "**What now?**" in (run / "adapter" / "README.md").read_text("utf-8")
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
    repo = pushed.repositories[1]
    assert repo.url == f"{hub.url}/alice/adapter"
    assert repo.commit == hub.commits("model", "alice/adapter")[0].oid
    assert repo.bytes == sum(path.stat().st_size for path in (run / "adapter").iterdir())


def test_repositories_are_private_unless_the_settings_say_otherwise(run: Path, hub: StandInHub) -> None:
    push_from(run, repo_id="alice/adapter")
    push_from(run, repo_id="alice/open", private=False)
    assert hub.repo("model", "alice/adapter").private
    assert not hub.repo("model", "alice/open").private


def test_equal_files_make_no_new_commit(run: Path, hub: StandInHub) -> None:
    first = push_from(run, repo_id="alice/adapter")
    commits = len(hub.commits("model", "alice/adapter"))
    assert push_from(run, repo_id="alice/adapter") == first
    assert len(hub.commits("model", "alice/adapter")) == commits


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])  # by Git LFS, and in git itself
def test_a_file_that_the_hub_holds_otherwise_is_found(
    name: str, run: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes a file behind the upload's back, to as many other bytes; each try sees it."""
    real = HfApi.upload_folder
    tries = []

    def upload_and_damage(self: HfApi, **options: Any) -> Any:
        commit = real(self, **options)
        content = (run / "adapter" / name).read_bytes()
        tries.append(name)
        commit.oid = hub.add_commit("model", "alice/adapter", {name: bytes(byte ^ 1 for byte in content)})
        return commit

    monkeypatch.setattr(HfApi, "upload_folder", upload_and_damage)
    with pytest.raises(HubUnavailable, match=f"{name} in alice/adapter differs"):
        push_from(run, repo_id="alice/adapter")
    assert len(tries) > 1


def test_a_file_that_is_missing_on_the_hub_is_found(
    run: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = HfApi.upload_folder

    def upload_less(self: HfApi, **options: Any) -> Any:
        return real(self, **{**options, "allow_patterns": ["README.md"]})

    monkeypatch.setattr(HfApi, "upload_folder", upload_less)
    with pytest.raises(HubUnavailable, match="lacks adapter_config"):
        push_from(run, repo_id="alice/adapter")


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
    assert sum(method == "POST" for method, _, _ in hub.requests) == 1


def test_the_licence_of_the_base_model_is_on_the_card(run: Path, hub: StandInHub) -> None:
    (run.parent / "base" / "README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    push_from(run)
    assert "\nlicense: apache-2.0\n" in (run / "adapter" / "README.md").read_text("utf-8")


def test_a_licence_is_read_from_the_hub_or_left_out(hub: StandInHub, caplog: pytest.LogCaptureFixture) -> None:
    hub.add_repo("model", "acme/small-3b", {"README.md": b"---\nlicense: mit\n---\n"})
    assert base_licence(run_settings(), "") == "mit"
    assert base_licence(run_settings("acme/none"), "") == ""
    assert "stage=push licence=unknown" in caplog.text
