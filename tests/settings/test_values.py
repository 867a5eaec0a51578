"""Values that are more than a word or a number."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from job.settings.fields import ModelSettings
from job.settings.sources import Source
from job.settings.values import HubId, Names, RuleFile, Sources, TextFile

pytestmark = pytest.mark.light


def refused(kind: Any, value: str) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return str(caught.value)


def test_a_list_is_written_with_commas() -> None:
    assert TypeAdapter(Names).validate_python(" a, b ,,c") == ("a", "b", "c")
    assert TypeAdapter(Names).validate_python("") == ()


def test_every_wrong_source_is_named() -> None:
    assert TypeAdapter(Sources).validate_python("owner/a,owner/b:test") == (
        Source(name="owner/a"),
        Source(name="owner/b", split="test"),
    )
    message = refused(Sources, "nonsense,owner/name,./missing.csv")
    assert "'nonsense' is neither" in message
    assert "missing.csv" in message


def test_a_text_file_holds_utf8_text(tmp_path: Path) -> None:
    assert TypeAdapter(TextFile).validate_python("") == ""
    good, blank, bytes_ = tmp_path / "good", tmp_path / "blank", tmp_path / "bytes"
    good.write_text("You repair things.", "utf-8")
    blank.write_text(" \n", "utf-8")
    bytes_.write_bytes(b"\xff\xfe")
    assert TypeAdapter(TextFile).validate_python(str(good)) == str(good)
    assert "is empty" in refused(TextFile, str(blank))
    assert "cannot be read as UTF-8 text" in refused(TextFile, str(bytes_))
    assert "there is no file" in refused(TextFile, str(tmp_path / "missing"))


def test_a_link_that_leads_nowhere_is_called_one(tmp_path: Path) -> None:
    link = tmp_path / "rows.jsonl"
    link.symlink_to("gone.jsonl")
    for kind in (TextFile, RuleFile, Sources):
        assert f"{link} is a link to gone.jsonl, which is not there" in refused(kind, str(link))


def test_a_file_of_rows_in_place_of_rules_is_not_quoted_as_a_whole(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "Why?", "answer": "So."}\n' * 1_234, "utf-8")
    said = refused(RuleFile, str(rows))
    assert said.count("is not a rule") == 3
    assert "line 3: " in said and "; and 1,231 more lines" in said


def test_a_pipe_or_a_device_is_refused_by_every_setting_that_names_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe (FIFO)"), (Path("/dev/zero"), "a device")):
        assert f"{path} cannot be read as UTF-8 text (it is {kind}, not a file)" in refused(TextFile, str(path))
        assert f"it is {kind}, not a file" in refused(RuleFile, str(path))
        assert f"{path} is {kind}; a source is a file or a folder" in refused(Sources, str(path))


def test_a_name_that_no_file_can_have_is_a_problem_like_any_other() -> None:
    name = f"./{'x' * 300}.jsonl"
    assert "File name too long" in refused(Sources, name)
    assert "File name too long" in refused(TextFile, name)
    with pytest.raises(ValidationError, match="holds no model"):
        ModelSettings(base=f"./{'x' * 300}")


def test_a_rule_file_is_checked_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.txt"
    file.write_text("votes = please vote\n", "utf-8")
    assert TypeAdapter(RuleFile).validate_python(str(file)) == str(file)
    file.write_text("votes = (\nvotes = x\n", "utf-8")
    assert "line 1: the pattern of votes is wrong" in refused(RuleFile, str(file))
    assert "line 2: there are two rules called votes" in refused(RuleFile, str(file))


def test_a_repository_has_an_owner_and_a_name() -> None:
    assert TypeAdapter(HubId).validate_python("owner/name") == "owner/name"
    assert "must be owner/name, not 'name'" in refused(HubId, "name")
