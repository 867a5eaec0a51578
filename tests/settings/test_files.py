"""Where files are looked for, and where a platform collects results."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from job.errors import SettingsError
from job.settings import files
from job.settings.files import (
    MOST_TEXT_BYTES,
    PROJECT,
    collected_dir,
    find_file,
    irregular,
    read_file,
    read_lines,
    read_text,
)

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


@pytest.fixture
def not_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Everything that a path can lead to besides a file; reading the pipe and the device would never end."""
    monkeypatch.chdir(tmp_path)  # the path of a socket may have 100 characters
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    (tmp_path / "link").symlink_to("/dev/zero")
    found = {"a pipe (FIFO)": "pipe", "a socket": "socket", "a folder": ".", "a device": "link"}
    return {kind: tmp_path / name for kind, name in found.items()}


def test_what_is_no_file_is_named_and_not_read(not_files: dict[str, Path]) -> None:
    for kind, path in not_files.items():
        assert irregular(path) == kind
        with pytest.raises(OSError, match="not a file"):
            read_file(path)


def test_a_file_that_is_no_text_of_a_setting_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.truncate(MOST_TEXT_BYTES)
    assert len(read_file(path)) == MOST_TEXT_BYTES
    with path.open("wb") as file:
        file.truncate(10**12)  # takes no space
    with pytest.raises(OSError, match="more than 10,000,000 bytes"):
        read_file(path)


def test_lines_keep_the_numbers_that_an_editor_shows(tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text("\n Why?\n\nHow?\n", "utf-8")
    assert read_lines(str(tmp_path / "questions.txt")) == [(2, "Why?"), (4, "How?")]
    assert read_lines("") == []


@pytest.mark.parametrize("read", [read_text, read_lines])
def test_a_file_that_is_removed_while_the_run_works_is_a_wrong_setting(
    read: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "questions.txt")
    monkeypatch.setenv("FINETUNE_PROBE_QUESTIONS_FILE", path)
    monkeypatch.setenv("QUESTIONS", path)
    with pytest.raises(SettingsError) as caught:
        read(path)
    assert caught.value.problems == (
        f"FINETUNE_PROBE_QUESTIONS_FILE: the file {path} cannot be read any more (No such file or directory)",
    )
