"""A run keeps its names, and gets one more for each push."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import pytest

from job.runs import redaction
from job.runs.identity import created, new_run_id, note_created, run_ids
from job.settings.run_files import RUN_NAME

pytestmark = pytest.mark.light


def test_a_run_keeps_its_names_and_another_has_its_own(tmp_path: Path) -> None:
    assert run_ids(tmp_path) == ()
    (first,) = new_run_id(tmp_path / "a")
    assert RUN_NAME.fullmatch(first)
    names = new_run_id(tmp_path / "a")
    assert names == run_ids(tmp_path / "a")
    assert (names[0], len(set(names))) == (first, 2)
    assert not {*new_run_id(tmp_path / "b")} & {*names}


def test_a_copy_knows_what_was_there_and_nothing_newer(tmp_path: Path) -> None:
    before = new_run_id(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    after = new_run_id(tmp_path / "a")
    assert run_ids(tmp_path / "copy") == before
    assert after[-1] not in new_run_id(tmp_path / "copy")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0123", b"../../x" * 5])
def test_a_name_that_cannot_be_read_is_none(content: bytes, tmp_path: Path) -> None:
    whole = b"0a" * 16
    (tmp_path / "run_id").write_bytes(whole + b"\n" + content)
    assert run_ids(tmp_path) == (whole.decode(),)
    assert len(new_run_id(tmp_path)) == 2


def test_a_folder_in_its_place_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "run_id").mkdir()
    assert new_run_id(tmp_path) == run_ids(tmp_path)


def test_a_password_that_is_a_part_of_the_name_changes_it_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {"c0de"})
    monkeypatch.setattr(secrets, "token_hex", lambda length: "c0de" * (length // 2))
    assert new_run_id(tmp_path) == run_ids(tmp_path) == ("c0de" * 8,)


def test_a_run_knows_the_repositories_that_it_has_created(tmp_path: Path) -> None:
    names = new_run_id(tmp_path)
    note_created(tmp_path, "model repository alice/adapter")
    assert created(tmp_path) == {"model repository alice/adapter"}
    assert new_run_id(tmp_path)[:-1] == names
    assert created(tmp_path) == {"model repository alice/adapter"}
