"""pins.json: written once, used by every later start, and not believed once a byte of it has changed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from job.results import Pin
from job.runs import pins, redaction
from job.runs.pins import pinned, unpinned
from job.settings.fields import Settings
from job.settings.loading import load_settings

pytestmark = pytest.mark.light

BASE = Pin(kind="model", name="meta/base", revision="main", commit="a" * 40)
ROWS = Pin(kind="dataset", name="owner/rows", revision="v2", commit="b" * 40)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FINETUNE_MODEL_BASE", "meta/base")
    monkeypatch.setenv(
        "FINETUNE_DATA_SOURCES",
        "owner/rows@v2,owner/rows@v2:test=50,owner/rows,quickstart,hf://datasets/owner/rows@v2/a.csv",
    )
    return load_settings()


def test_each_repository_and_revision_is_pinned_once_and_no_file(settings: Settings) -> None:
    assert [(pin.kind, pin.name, pin.revision, pin.commit) for pin in unpinned(settings)] == [
        ("model", "meta/base", "main", ""),
        ("dataset", "owner/rows", "v2", ""),
        ("dataset", "owner/rows", "main", ""),
    ]


def test_stages_get_commits_and_the_settings_keep_their_text(settings: Settings) -> None:
    found = pinned(settings, [BASE, ROWS])
    assert found.model.revision == BASE.commit
    assert [source.commit for source in found.data.sources] == [ROWS.commit, ROWS.commit, "", "", ROWS.commit]
    assert found.data.model_dump(mode="json") == settings.data.model_dump(mode="json")
    assert pinned(settings, []).model.revision == "main"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert pins.read(tmp_path) == []
    pins.write(tmp_path, [BASE, ROWS])
    assert pins.read(tmp_path) == [BASE, ROWS]


def test_no_changed_byte_is_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Found, or harmless: white space and the number of the format say nothing about a commit."""
    pins.write(tmp_path, [BASE, ROWS])
    file = tmp_path / pins.NAME
    whole = file.read_bytes()
    with caplog.at_level(logging.WARNING):
        for place in range(len(whole)):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert pins.read(tmp_path) in ([], [BASE, ROWS]), place
    assert caplog.text.count("unreadable=pins.json") > 200


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"pins": 3}', b'{"pins": [{}]}', b"\xff\xfe", b"[" * 10**5])
def test_what_is_no_record_of_commits_is_treated_as_absent(content: bytes, tmp_path: Path) -> None:
    (tmp_path / pins.NAME).write_bytes(content)
    assert pins.read(tmp_path) == []


def test_a_password_that_is_a_word_of_a_name_makes_no_pin_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_known", {"base", "owner/rows-of-ours", "aaaa"})
    pins.write(tmp_path, [BASE, ROWS])
    assert pins.read(tmp_path) == [BASE, ROWS]
