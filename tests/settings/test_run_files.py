"""Which paths in the output folder are the job's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.settings.run_files import FOLDERS, RECORDS, TRACKING, is_written
from job.stages import STAGES

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    "name",
    [
        *(
            "clean",
            "train/candidates/candidates.json",
            "adapter/adapter_config.json",
            "clean.partial/rows.jsonl",
            "adapter.old",
        ),
        *(
            "train.json",
            ".train.json",
            "metrics.json.partial",
            "run_id",
            "broken-train.jsonl.2",
            "kept-clean/notes",
            "clean/../adapter",
        ),
    ],
)
def test_what_the_job_writes_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    assert is_written(tmp_path / name, tmp_path)


@pytest.mark.parametrize("name", ["", "rows.jsonl", "train.jsonl", "settings", "mine/clean", "../clean", "config.json"])
def test_other_names_are_the_users(name: str, tmp_path: Path) -> None:
    assert not is_written(tmp_path / "output" / name, tmp_path / "output")


def test_links_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "train").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(tmp_path / "output")
    assert is_written(tmp_path / "output" / "train", tmp_path / "output")
    assert is_written(tmp_path / "link" / "clean", tmp_path / "output")


def test_links_in_a_circle_are_the_users(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert not is_written(tmp_path / "circle", tmp_path)


def test_every_stage_has_its_names() -> None:
    assert tuple(f"{stage.name}.json" for stage in STAGES) == RECORDS
    tops = {file.partition("/")[0] for stage in STAGES for file in stage.files}
    assert tops | {stage.name for stage in STAGES} | {TRACKING} == set(FOLDERS)
