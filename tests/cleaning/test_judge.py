"""The command that counts on unread rows, on rows of our own in place of those that are not part of the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cleaning.judge import FILES, main, rows_of
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

BODY = (
    "A swollen gland under the jaw mostly comes from an infection nearby, so look for a sore tooth or throat first and press "
    "a warm cloth on it three times a day. "
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Even rows thank, odd ones do not; row 5 repeats row 0."""
    answers = [
        f"{BODY}Case {index} needs {index} days of rest.{' Here the tablets helped, thanks dear.' * (index % 2 == 0)}"
        for index in range(8)
    ]
    answers[5] = answers[0]
    questions = ["Question 0" if index == 5 else f"Question {index}" for index in range(8)]
    rows = [
        {"input": question, "output": answer, "source": "hcm-made" if index < 6 else "wiki-made"}
        for index, (question, answer) in enumerate(zip(questions, answers, strict=True))
    ]
    (tmp_path / FILES[0]).write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (tmp_path / FILES[1]).write_text(json.dumps(rows[2]) + "\n" + json.dumps(rows[2]), "utf-8")
    return tmp_path


def test_halves_are_distinct_and_share_no_row(folder: Path) -> None:
    assert [row["question"] for row in rows_of("read", folder)] == [
        "Question 0",
        "Question 2",
        "Question 4",
        "Question 6",
    ]
    assert [row["question"] for row in rows_of("unread", folder)] == ["Question 1", "Question 3", "Question 7"]


def test_counts_name_sources_shares_and_classes_without_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(folder)])
    made, wiki, forums, named = capsys.readouterr().out.splitlines()
    assert made.split() == ["hcm-made", "2", "rows,", "kept", "100.0%,", "flagged", "0.0%"]
    assert wiki.split()[:2] == ["wiki-made", "1"]
    assert forums.split()[:3] == ["all", "forums", "2"]
    assert named.split() == ["with", "named", "packs", "2", "rows,", "kept", "100.0%"]


def test_short_answers_are_kept_by_default_and_dropped_where_packs_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"input": "Question", "output": "Hello. Press a warm cloth on it.", "source": "hcm-made"}
    (folder / FILES[0]).write_text("{0}\n{0}".format(json.dumps(row)), "utf-8")
    main(["--data", str(folder), "--half", "read"])
    made, *_, named = capsys.readouterr().out.splitlines()
    assert made.split()[3:5] == ["kept", "100.0%,"]
    assert named.split()[-1] == "50.0%"  # the other row is a long one


def test_a_sample_holds_published_and_cleaned_answers_of_forums(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "kept.txt"
    main(["--data", str(folder), "--sample", "10", "--out", str(out)])
    assert capsys.readouterr().out == f"2 kept answers written to {out}\n"
    text = out.read_text("utf-8")
    assert text.count("--- published") == text.count("--- cleaned") == 2
    assert "wiki-made" not in text


def test_no_sample_is_written_into_the_project(folder: Path) -> None:
    with pytest.raises(SystemExit, match="lies in the project"):
        main(["--data", str(folder), "--sample", "1", "--out", str(PROJECT / "tests" / "kept.txt")])
    assert not (PROJECT / "tests" / "kept.txt").exists()


def test_a_sample_needs_a_file_and_a_file_a_number(folder: Path) -> None:
    for arguments in (["--sample", "3"], ["--out", str(folder / "kept.txt")]):
        with pytest.raises(SystemExit):
            main(["--data", str(folder), *arguments])
