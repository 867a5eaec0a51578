"""Where files are looked for, and where a platform collects results."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.settings import files
from job.settings.files import PROJECT, collected_dir, find_file, read_text

pytestmark = pytest.mark.light


def test_a_file_of_ones_own_comes_before_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "env/quickstart.env"
    assert find_file(name) == PROJECT / name
    (tmp_path / "env").mkdir()
    (tmp_path / name).touch()
    assert find_file(name) == Path(name)
    assert find_file("missing.env") == Path("missing.env")


def test_a_platform_says_where_it_collects_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SAGEMAKER_DIRS", (tmp_path / "checkpoints", tmp_path / "model"))
    assert collected_dir({}) is None
    (tmp_path / "model").mkdir()
    assert collected_dir({}) == tmp_path / "model"
    assert collected_dir({"AIP_MODEL_DIR": "gs://bucket/run/"}) == Path("/gcs/bucket/run")
    assert collected_dir({"AIP_MODEL_DIR": "/somewhere"}) == tmp_path / "model"


def test_texts_come_without_blanks_around_them(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("\n You repair things.\n", "utf-8")
    assert read_text(str(tmp_path / "prompt.txt")) == "You repair things."
    assert read_text("") == ""
