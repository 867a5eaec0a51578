"""How the job meets the platforms that start it: extra words on its command line, and no word at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from job import cli
from job.settings import files
from job.settings.env_files import read_env_file
from job.settings.loading import load_settings
from tests.conftest import run_job

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["run"],
        ["python3", "/app/entrypoint.py", "run"],
        ["/app/entrypoint.py", "train"],
        ["python", "entrypoint.py"],
    ],
)
def test_words_that_platforms_add_are_no_arguments_of_ours(words: list[str]) -> None:
    assert cli._without_platform_words([*words, "--env-file", "x"]) in (["run", "--env-file", "x"], ["--env-file", "x"])


def test_train_starts_the_run(tmp_path: Path) -> None:
    result = run_job({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "train")
    assert (result.returncode, "invalid choice" in result.stderr) == (64, False)


def test_nothing_set_says_what_to_do(tmp_path: Path) -> None:
    result = run_job({}, cwd=tmp_path)
    assert result.returncode == 64
    assert "FINETUNE_DATA_SOURCES: not set" in result.stderr
    assert "IMAGE --env-file env/quickstart.env" in result.stderr
    assert len(result.stderr.splitlines()) < 12
    other = run_job({"FINETUNE_LORA_R": "8"}, cwd=tmp_path)
    assert "first run" not in other.stderr


def test_shipped_env_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_env_file(Path("env/quickstart.env"))["FINETUNE_MODEL_BASE"] == "quickstart"


def test_the_place_that_the_platform_collects_is_the_output_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = tmp_path / "checkpoints", tmp_path / "model"
    monkeypatch.setattr(files, "SAGEMAKER_DIRS", folders)
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    assert load_settings().output_dir == Path("output")
    for folder in reversed(folders):
        folder.mkdir()
        assert load_settings().output_dir == folder
    monkeypatch.setenv("AIP_MODEL_DIR", "gs://bucket/path/model/")
    assert load_settings().output_dir == Path("/gcs/bucket/path/model")
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", "/output")
    assert load_settings().output_dir == Path("/output")
