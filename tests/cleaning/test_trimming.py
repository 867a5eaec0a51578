"""Repeated sentences in the stage: listed or cut, source by source, and the same for any number of processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from job.cleaning import workers
from job.cleaning.stage import clean
from job.results import Cleaned
from job.settings.fields import DataSettings, ModelSettings
from job.settings.sources import Source
from tests.cleaning.stage_runs import cleaned, read
from tests.conftest import make_rows, write_rows

LOVE = "The whole workshop sends its love."


def rows(count: int, ending: str = f" {LOVE}", seed: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = make_rows(count, seed)
    for row in found:
        row["output"] = row["output"].removesuffix(" Hope this helps. Regards.") + ending
    return found


def kept(root: Path) -> list[tuple[str, str]]:
    found = [*read(root / "clean" / "train.jsonl"), *read(root / "clean" / "eval.jsonl")]
    return sorted((row["question"], row["answer"]) for row in found)


def test_report_lists_and_changes_nothing(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", rows(60))
    reported, off = (cleaned(path, base, tmp_path / mode, repeated=mode) for mode in ("report", "off"))
    found = {one.text: (one.side, one.rows, one.share, one.fate) for one in reported.repeated}
    assert found["What should I do?"] == ("question_end", 60, 1.0, "stays")
    assert found[LOVE] == ("answer_end", 60, 1.0, "can_be_cut")
    assert off.repeated == []
    assert (reported.sha256, reported.rules) == (off.sha256, off.rules)
    assert DataSettings(sources=(Source.parse("quickstart"),)).repeated == "report"


def test_cut_takes_it_from_answers_and_the_rules_see_the_new_end(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", rows(60, f" Hope this helps. {LOVE}"))
    result = cleaned(path, base, tmp_path, repeated="cut")
    assert [one.text for one in result.repeated if one.fate == "cut"] == [LOVE]
    found = kept(tmp_path)
    assert len(found) == 60
    assert all(question.endswith("What should I do?") for question, _ in found)
    assert all(answer.endswith("replace the screws.") for _, answer in found)
    assert result.longest_tokens < cleaned(path, base, tmp_path / "off", repeated="off").longest_tokens


def test_too_short_and_equal_rows_that_are_left_go_with_their_reason(base: Path, tmp_path: Path) -> None:
    several = rows(60)
    several.append({**several[0], "output": several[0]["output"].removesuffix(f" {LOVE}")})
    several.append({**several[0], "input": "Why does it drip?", "output": f"The seal is dry. {LOVE}"})
    result = cleaned(write_rows(tmp_path / "rows.jsonl", several), base, tmp_path, repeated="cut")
    assert result.dropped == {"short_answer": 1, "duplicate": 1}


def test_cleaning_the_output_again_changes_nothing(base: Path, tmp_path: Path) -> None:
    several = rows(40) + rows(40, f" The gate opens at eight. {LOVE}", 2) + rows(40, " The gate opens at eight.", 3)
    several += rows(30, " Yours, all of us. Many a greeting. To the gate with you! The gate opens at eight.", 4)
    first = cleaned(write_rows(tmp_path / "rows.jsonl", several), base, tmp_path / "a", repeated="cut")
    assert {one.text for one in first.repeated if one.fate == "cut"} >= {LOVE, "The gate opens at eight."}
    output = [{"question": question, "answer": answer} for question, answer in kept(tmp_path / "a")]
    again = cleaned(write_rows(tmp_path / "again.jsonl", output), base, tmp_path / "b", repeated="cut")
    assert not any(one.fate == "cut" for one in again.repeated)
    assert kept(tmp_path / "b") == kept(tmp_path / "a")


def test_languages_without_rules_are_cut_too(base: Path, tmp_path: Path) -> None:
    several: list[dict[str, Any]] = [
        {"question": f"पंप {number} क्यों रुका?", "answer": f"नमस्ते जी। सील {number} सूखी है। आपका दिन शुभ हो।"}
        for number in range(40)
    ]
    cleaned(write_rows(tmp_path / "rows.jsonl", several), base, tmp_path, repeated="cut", cleaning=("none",))
    assert kept(tmp_path) == sorted((row["question"], f"सील {number} सूखी है।") for number, row in enumerate(several))


def test_conversations_lose_it_at_their_end(base: Path, tmp_path: Path) -> None:
    turns = [
        [row["input"], row["output"], "And if it stays so?", f"Look at {row['input'][3:]} {LOVE}"] for row in rows(40)
    ]
    roles = ("user", "assistant", "user", "assistant")
    several = [
        {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]}
        for texts in turns
    ]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", several), base, tmp_path, repeated="cut", max_tokens=512)
    assert result.conversations == result.train_rows + result.eval_rows == 40
    found = [*read(tmp_path / "clean" / "train.jsonl"), *read(tmp_path / "clean" / "eval.jsonl")]
    ends = [[turn["content"].endswith(LOVE) for turn in row["turns"]] for row in found]
    assert ends == [[False, True, False, False]] * 40


def test_any_number_of_workers_and_any_batch_size_give_the_same_bytes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", rows(300) + rows(100, " The gate opens at eight.", 2))
    monkeypatch.setattr(workers, "FIRST", 2)
    found = []
    for count, batch in ((1, 500), (2, 37)):
        monkeypatch.setattr("job.cleaning.first_pass.BATCH", batch)
        result = cleaned(path, base, tmp_path / str(count), workers=count, repeated="cut")
        folder = tmp_path / str(count) / "clean"
        found.append((result, {path.name: path.read_bytes() for path in folder.iterdir()}))
    assert found[0] == found[1]
    assert sorted(found[0][1]) == ["dropped.jsonl", "eval.jsonl", "train.jsonl"]


def test_each_source_is_counted_by_itself(base: Path, tmp_path: Path) -> None:
    paths = [
        write_rows(tmp_path / "few.jsonl", rows(10, seed=1)),
        write_rows(tmp_path / "none.jsonl", []),
        write_rows(tmp_path / "many.jsonl", rows(50, seed=2)),
    ]
    write_rows(paths[1], [{"question": "", "answer": ""}])
    result = clean_all(paths, base, tmp_path)
    of_answers = [(one.source, one.text, one.rows, one.fate) for one in result.repeated if one.side == "answer_end"]
    assert of_answers == [(str(paths[0]), LOVE, 10, "stays"), (str(paths[2]), LOVE, 50, "cut")]
    assert sum(answer.endswith(LOVE) for _, answer in kept(tmp_path)) == 10


def clean_all(paths: list[Path], base: Path, root: Path) -> Cleaned:
    sources = tuple(Source.parse(str(path)) for path in paths)
    return clean(
        DataSettings(sources=sources, min_answer_words=5, repeated="cut"),
        ModelSettings(base=str(base)),
        max_tokens=256,
        loss="answers",
        seed=42,
        token="",
        root=root,
    )
