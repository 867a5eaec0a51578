"""What the embedded base model and rows are made by."""

from __future__ import annotations

from pathlib import Path

from job.quickstart.make_base import make_tokenizer, write_rows
from job.settings.files import QUICKSTART


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in QUICKSTART.rglob("*") if "__pycache__" not in path.parts) < 5_000_000


def test_an_images_ordinary_user_can_read_it() -> None:
    assert all(path.stat().st_mode & 0o004 for path in (QUICKSTART / "base").iterdir())


def test_the_shipped_rows_are_those_of_the_script(tmp_path: Path) -> None:
    write_rows(tmp_path, 480)
    for name in ("rows.jsonl", "questions.txt", "system_prompt.txt"):
        assert (tmp_path / name).read_bytes() == (QUICKSTART / name).read_bytes(), name


def test_the_tokenizer_reads_and_writes_what_it_was_made_from() -> None:
    tokenizer = make_tokenizer(["Water the aloe once a fortnight.", "Never let the fern dry out."] * 50)
    text = "Water the fern once a fortnight."
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
