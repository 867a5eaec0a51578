"""The folders beside the output folder that a run writes, tested before any work."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from job.errors import HostUnfit
from job.hosts.folders import hub_cache, require_folders
from job.settings.fields import DataSettings, HubSettings, ModelSettings, Settings
from job.settings.sources import Source

pytestmark = pytest.mark.light


def settings(base: str = "a/b", source: str = "quickstart") -> Settings:
    return Settings.model_construct(
        data=DataSettings(sources=(Source.parse(source),)), model=ModelSettings(base=base), hub=HubSettings()
    )


def test_a_cache_that_cannot_be_written_ends_the_run_before_it_begins() -> None:
    """/proc takes no file, from root neither."""
    with pytest.raises(HostUnfit, match="the cache /proc/hub cannot be written") as caught:
        require_folders(settings(), {"HF_HOME": "/proc"})
    assert "HF_HOME to a folder" in caught.value.remedy
    with pytest.raises(HostUnfit, match="the cache /proc/cache cannot") as caught:
        require_folders(settings("quickstart", "c/d"), {"HF_HUB_CACHE": "/proc/cache"})
    assert "HF_HUB_CACHE to a folder" in caught.value.remedy


def test_a_cache_that_is_only_read_need_not_be_writable(tmp_path: Path) -> None:
    require_folders(settings("quickstart"), {"HF_HOME": "/proc"})  # everything is local
    require_folders(settings(), {"HF_HOME": "/proc", "HF_HUB_OFFLINE": "1"})
    require_folders(settings("quickstart", "hf://datasets/c/d/rows.jsonl"), {"HF_HOME": "/proc"})  # read without it
    (tmp_path / "hub" / "models--a--b" / "snapshots").mkdir(parents=True)
    (tmp_path / "hub").chmod(0o555)
    require_folders(settings(), {"HF_HOME": str(tmp_path)})
    assert sorted(path.name for path in (tmp_path / "hub").iterdir()) == ["models--a--b"]


def test_without_a_folder_for_temporary_files_no_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc"])  # a read-only root has no other
    with pytest.raises(HostUnfit, match="No folder for temporary files can be written, /proc neither") as caught:
        require_folders(settings("quickstart"), {"TMPDIR": "/proc"})
    assert "TMPDIR to a folder" in caught.value.remedy


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({}, f"{Path.home()}/.cache/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_hub_client_has_it(variables: dict[str, str], place: str) -> None:
    assert hub_cache(variables) == Path(place)
