"""Rows of every file format, and files that cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from job.cleaning.sources import HEAD, load
from job.errors import DataError
from job.settings.sources import Source
from tests.cleaning.stage_runs import settings
from tests.conftest import make_rows, write_rows


def formats(folder: Path) -> list[Path]:
    """The same ten rows in every format that is read."""
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset

    rows = make_rows(10)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    paths = [folder / name for name in ("a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet")]
    paths[0].write_text(text, "utf-8")
    with gzip.open(paths[1], "wt", encoding="utf-8") as packed:
        packed.write(text)
    paths[2].write_text(json.dumps(rows), "utf-8")
    with paths[3].open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), paths[4])
    saved = folder / "saved"
    Dataset.from_list(rows).save_to_disk(str(saved))
    return [*paths, saved]


def test_every_file_format_gives_the_same_rows(tmp_path: Path) -> None:
    expected = [(row["instruction"], row["input"], row["output"]) for row in make_rows(10)]
    for path in formats(tmp_path):
        loaded = load(Source.parse(str(path)), settings(path), "")
        assert [(row.system, row.question, row.answer) for row in loaded.rows] == expected, path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.jsonl", b""),
        ("page.jsonl", b"<html>\n<body>\nnot found\n</body>\n"),
        ("torn.json", b'[{"question": "Q"'),
        ("torn.parquet", b"PAR1 and nothing behind it"),
        ("torn.jsonl.gz", b"\x1f\x8b\x08\x00 torn"),
    ],
)
def test_an_unreadable_source_names_file_and_variable(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert name in str(caught.value)
    assert "FINETUNE_DATA_SOURCES" in caught.value.remedy


def test_the_layout_is_recognised_by_the_first_rows_and_the_others_stream(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"question": "Q", "answer": "A"}] * (HEAD + 5))
    assert sum(1 for _ in load(Source.parse(str(path)), settings(path), "").rows) == HEAD + 5
