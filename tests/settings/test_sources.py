"""How a source is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.settings.sources import Source, is_path, without_path

pytestmark = pytest.mark.light


def test_sources_are_spelt_with_revision_split_and_rows() -> None:
    source = Source.parse("owner/name@v1.2:validation=8500")
    assert (source.name, source.revision, source.split, source.rows) == ("owner/name", "v1.2", "validation", 8500)
    assert str(Source.parse("owner/name")) == "owner/name@main:train"
    for rows in ("many", "0", "-1", "1.5"):
        with pytest.raises(ValueError, match="a whole number above 0"):
            Source.parse(f"owner/name={rows}")
    assert Source.parse("owner/name=1").rows == 1


@pytest.mark.parametrize("path", ["/data/rows", "./rows", "../rows", "rows.jsonl", "rows.csv.gz", "quickstart"])
def test_a_path_is_known_by_its_first_or_last_characters(path: str) -> None:
    assert is_path(path)
    assert not is_path("owner/rows")


def test_a_missing_file_is_named_with_the_folder_it_was_looked_for_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"rows.jsonl \\(working directory: {tmp_path}\\)"):
        Source.parse("rows.jsonl=10")
    (tmp_path / "rows.jsonl").touch()
    assert str(Source.parse("rows.jsonl=10")) == "rows.jsonl=10"


def test_a_file_has_no_revision_and_no_split() -> None:
    source = Source.parse("quickstart=10")
    assert (source.revision, source.split, source.rows, str(source)) == ("", "", 10, "quickstart=10")


@pytest.mark.parametrize(
    ("source", "published"),
    [
        ("/home/me/data/rows.jsonl=10", "rows.jsonl=10"),
        ("../rows", "rows"),
        ("quickstart", "quickstart"),
        ("owner/name@v1:train=5", "owner/name@v1:train=5"),
    ],
)
def test_only_the_name_of_a_file_is_published(source: str, published: str) -> None:
    assert without_path(source) == published
