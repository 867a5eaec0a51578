"""What every reader takes and gives."""

from __future__ import annotations

from pathlib import Path

from job.cleaning.reading.rows import in_words, local_file


def test_a_file_is_read_from_its_beginning_any_number_of_times(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes(b"some rows")
    file = local_file(path)
    for _ in range(2):
        with file.open() as stream:
            assert stream.read() == b"some rows"
    assert (file.name, file.shown, local_file(path, "owner/rows").shown) == ("rows.txt", str(path), "owner/rows")


def test_facts_that_are_empty_are_not_named() -> None:
    assert in_words("CSV", "UTF-8", "") == "CSV, UTF-8"
