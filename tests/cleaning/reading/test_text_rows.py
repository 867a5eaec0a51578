"""Plain text as rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import DataError
from tests.cleaning.reading.files import read


def test_paragraphs_are_rows_where_blank_lines_part_them(tmp_path: Path) -> None:
    content = b"\n\nFirst line.\r\nSecond line.\r\n \r\n\r\nAnother paragraph.\n\n\n  The last one, without an end"
    found, rows = read(tmp_path, "a.txt", content)
    assert found == "text, a row a paragraph, UTF-8"
    texts = ["First line.\r\nSecond line.", "Another paragraph.", "The last one, without an end"]
    assert rows == [{"text": text} for text in texts]


@pytest.mark.parametrize("content", [b"One.\nTwo.\nThree.", b"\n\nOne.\r\n Two. \r\nThree.\r\n\r\n"])
def test_lines_are_rows_where_none_are_blank_between_them(content: bytes, tmp_path: Path) -> None:
    found, rows = read(tmp_path, "a.txt", content)
    assert (found, rows) == ("text, a row a line, UTF-8", [{"text": text} for text in ("One.", "Two.", "Three.")])


def test_a_paragraph_that_never_ends_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.cleaning.reading.rows.MOST_LINE", 100)
    with pytest.raises(
        DataError, match=r"paragraph of the source .* more than 100 characters. It begins: 'word word"
    ) as caught:
        read(tmp_path, "a.txt", b"Short.\n\n" + b"word word\n" * 50)
    assert "blank lines" in caught.value.remedy
