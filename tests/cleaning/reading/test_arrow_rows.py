"""Parquet files and save_to_disk folders."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from job.cleaning.reading.arrow_rows import read_saved
from job.errors import DataError
from tests.cleaning.reading.files import read

ROWS = [{"question": f"Q {number}", "answer": "A"} for number in range(2500)]


def parquet() -> bytes:
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), content)
    return content.getvalue()


def test_a_parquet_file_is_read_batch_by_batch(tmp_path: Path) -> None:
    assert read(tmp_path, "rows.parquet", parquet()) == ("Parquet", ROWS)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (parquet()[:-50], "cut off or damaged"),
        (b"question,answer\n", "something that begins with b'question,answer"),
        (b"ARROW1\x00\x00", "it is Arrow"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_no_parquet_file_is_named(content: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read(tmp_path, "rows.parquet", content)
    assert "FINETUNE_DATA_SOURCES" in caught.value.remedy


def test_of_several_saved_splits_train_is_taken_or_one_must_be_named(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    some = Dataset.from_list(ROWS[:3])
    DatasetDict({"train": some, "test": some.select([0])}).save_to_disk(str(tmp_path / "with"))
    DatasetDict({"test": some, "dev": some}).save_to_disk(str(tmp_path / "without"))
    table = read_saved(tmp_path / "with")
    assert (table.format, list(table.rows)) == ("save_to_disk", ROWS[:3])
    assert len(list(read_saved(tmp_path / "with" / "test").rows)) == 1
    with pytest.raises(DataError, match=r"holds the splits test, dev but no train split; name one: .*/without/SPLIT"):
        read_saved(tmp_path / "without")
