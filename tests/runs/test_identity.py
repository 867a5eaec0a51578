"""A run keeps its name, and two runs have two."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from job.runs import redaction
from job.runs.identity import NAME, run_id

pytestmark = pytest.mark.light


def test_a_run_keeps_its_name_and_another_has_its_own(tmp_path: Path) -> None:
    first = run_id(tmp_path / "a")
    assert NAME.fullmatch(first)
    assert run_id(tmp_path / "a") == first
    assert run_id(tmp_path / "b") != first


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0123", b"../../x" * 5])
def test_a_name_that_cannot_be_read_is_replaced(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run_id").write_bytes(content)
    name = run_id(tmp_path)
    assert NAME.fullmatch(name)
    assert run_id(tmp_path) == name


def test_a_folder_in_its_place_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "run_id").mkdir()
    assert run_id(tmp_path) == run_id(tmp_path)


def test_a_password_that_is_a_part_of_the_name_changes_it_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {"c0de"})
    monkeypatch.setattr(secrets, "token_hex", lambda length: "c0de" * (length // 2))
    assert run_id(tmp_path) == "c0de" * 8
    monkeypatch.setattr(secrets, "token_hex", lambda length: "f00d" * (length // 2))
    assert run_id(tmp_path) == "c0de" * 8
