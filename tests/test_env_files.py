"""The shipped env files work unchanged under docker, Compose, kubectl and a shell, and give valid settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from job.settings.env_files import read_env_file
from job.settings.loading import load_settings
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

FILES = sorted((PROJECT / "env").glob("*.env"))
LINE = re.compile(r"[A-Z_][A-Z0-9_]*=[A-Za-z0-9_./:,=@%+^-]*")
"""The one form that every reader of env files takes the same way: no quotes, blanks, `$` or comments behind values."""


def test_all_recipes_are_there() -> None:
    assert {file.stem for file in FILES} == {"quickstart", "example", "medical-t4", "medical-t4-v2"}


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
