"""The kinds of files, and several files as one source."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from job.cleaning.reading.formats import FORMATS, read_files
from job.cleaning.reading.rows import local_file
from job.errors import DataError
from job.settings.sources import FILE_ENDINGS, KINDS, kind_of


def test_every_ending_that_the_settings_take_has_its_reader() -> None:
    assert tuple(kind for kind, _ in FORMATS) == KINDS
    assert {kind_of(f"rows{ending}") for ending in FILE_ENDINGS} == set(KINDS)


def test_a_file_without_a_known_ending_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file extension that the job knows") as caught:
        read_files([local_file(tmp_path / "rows.xls")])
    assert ".jsonl, .json, .csv, .tsv, .txt (each also with .gz or .zst), .xlsx, .parquet" in caught.value.remedy


def test_shards_follow_each_other_and_one_that_is_written_otherwise_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nQ 1,A\n", "utf-8")
    (tmp_path / "b.csv").write_text("note;answer;question\nn;A;Q 2\n", "utf-8")
    with caplog.at_level(logging.INFO, logger="job.clean"):
        table = read_files([local_file(tmp_path / name) for name in ("a.csv", "b.csv")])
        rows = list(table.rows)
    assert table.format == "2 files, CSV, separator comma, UTF-8"
    assert rows == [{"question": "Q 1", "answer": "A"}, {"note": "n", "answer": "A", "question": "Q 2"}]
    assert "file=b.csv format='CSV, separator semicolon, UTF-8'" in caplog.text


def test_a_shard_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nQ,A\n", "utf-8")
    (tmp_path / "b.csv").write_text("question,reply\nQ,A\n", "utf-8")
    table = read_files([local_file(tmp_path / name) for name in ("a.csv", "b.csv")])
    with pytest.raises(
        DataError, match=r"b.csv has no column answer, which .*a.csv has; its columns are question, reply"
    ) as caught:
        list(table.rows)
    assert "several sources" in caught.value.remedy
