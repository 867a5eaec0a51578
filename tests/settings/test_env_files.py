"""Env files are read as docker reads them; the shipped ones work unchanged under docker, Compose, kubectl and a shell."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from job.errors import SettingsError
from job.settings.env_files import read_env_file
from job.settings.loading import load_settings
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

FILES = sorted((PROJECT / "env").glob("*.env"))
LINE = re.compile(r"[A-Z_][A-Z0-9_]*=[A-Za-z0-9_./:,=@%+^-]*")
"""The one form that every reader of env files takes the same way: no quotes, blanks, `$` or comments behind values."""


def test_all_recipes_are_there() -> None:
    assert {file.stem for file in FILES} == {"quickstart", "example", "medical-t4", "medical-t4-v2"}


def test_env_files_follow_dockers_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_CALLER", "yes")
    file = tmp_path / "run.env"
    file.write_text('# a comment\n\nA=1 # not a comment\nB="quoted"\nFROM_CALLER\nNOT_THERE\n  C=x=y\n', "utf-8")
    assert read_env_file(file) == {"A": "1 # not a comment", "B": '"quoted"', "FROM_CALLER": "yes", "C": "x=y"}


def test_a_broken_env_file_is_a_settings_error(tmp_path: Path) -> None:
    file = tmp_path / "run.env"
    file.write_text("=1\nA B=2\n", "utf-8")
    with pytest.raises(SettingsError, match="line 1"):
        read_env_file(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_env_file(tmp_path / "missing.env")


def test_a_pipe_and_a_zero_byte_are_settings_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match=r"--env-file .*pipe: cannot be read \(it is a pipe \(FIFO\), not a file\)"):
        read_env_file(tmp_path / "pipe")
    file = tmp_path / "run.env"
    file.write_bytes(b"A=1\nB=x\0y\nC\0=1\n")
    with pytest.raises(SettingsError) as caught:
        read_env_file(file)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [f"{file} line 2", f"{file} line 3"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_form(file: Path) -> None:
    content = file.read_bytes()
    assert content.isascii()
    assert content.endswith(b"\n")
    assert b"\r" not in content
    names = []
    for line in content.decode().splitlines():
        if line and not line.startswith("#"):
            assert LINE.fullmatch(line), line
            names.append(line.partition("=")[0])
    assert len(names) == len(set(names))
    assert "HF_TOKEN" not in names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_gives_valid_settings(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in read_env_file(file).items():
        monkeypatch.setenv(name, value)
    load_settings()


def test_the_t4_recipes_are_those_of_the_write_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in read_env_file(PROJECT / "env" / "medical-t4-v2.env").items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert [source.rows for source in settings.data.sources] == [8500, 1500]
    assert set(settings.lora.targets) >= {"gate_proj", "up_proj", "down_proj"}
    assert (settings.model.pad_token, settings.probe.repetition_penalty) == ("reserved", 1.3)


def test_line_ends_of_windows_and_a_byte_order_mark_are_no_part_of_a_value(tmp_path: Path) -> None:
    file = tmp_path / "run.env"
    file.write_bytes("\ufeffA=1\r\n\tB=two words\r\n".encode())
    assert read_env_file(file) == {"A": "1", "B": "two words"}


def test_a_name_with_two_values_is_told_with_both_lines(tmp_path: Path) -> None:
    """One of the two would be forgotten without a word. The same value twice does no harm."""
    file = tmp_path / "run.env"
    file.write_text("A=1\nB=2\nB=2\n\nA=3\n", "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_env_file(file)
    assert list(caught.value.problems) == [f"{file} line 5: line 1 gives it another value; keep one of them"]


def test_a_line_without_a_name_is_told_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "run.env"
    file.write_text("A=1\nMY NAME=2\n=3\n", "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_env_file(file)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [f"{file} line 2", f"{file} line 3"]


@pytest.mark.parametrize(
    "line",
    [
        "HF_TOKEN: plain-secret",
        "HTTPS_PROXY: http://user:plain-secret#tail=@proxy:3128",
        "HF_TOKEN = plain-secret",
        "export HF_TOKEN=plain-secret",
        "PLAINSECRET: x",
        "my plain-secret=1",
        "plain-secret with blanks",
    ],
)
def test_of_a_wrong_line_nothing_but_its_number_is_quoted(line: str, tmp_path: Path) -> None:
    file = tmp_path / "run.env"
    file.write_text(f"A=1\n{line}\n", "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_env_file(file)
    said = "no name stands alone before '='; a line is NAME=value, without spaces"
    assert caught.value.problems == (f"{file} line 2: {said}",)
