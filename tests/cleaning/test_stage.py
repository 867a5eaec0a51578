"""The stage as a whole: every row has its fate, and the same rows give the same bytes."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from job.cleaning import workers
from job.cleaning.stage import clean
from job.errors import DataError
from job.results import Funnel
from job.settings.fields import DataSettings, ModelSettings
from job.settings.sources import Source
from tests.cleaning.stage_runs import cleaned, read
from tests.conftest import make_rows, write_rows


def test_every_dropped_row_has_its_reason(base: Path, tmp_path: Path) -> None:
    good = make_rows(40)
    bad: list[Any] = [
        {**good[0]},  # a copy
        {**good[1], "output": "Hello. Too short."},
        {**good[2], "output": ""},
        {**good[3], "output": ["not", "text"]},
        {
            **good[5],
            "output": "Take it apart and dry all of it with Leaf Talk. Wait a day. Then clean all of it with the LeafTalk. Go on.",
        },
        {**good[6], "output": "Take it apart, clean it well. " * 20},
        {**good[6], "output": " ".join(f"water{number}" for number in range(700))},
        {**good[7], "input": "why " * 250},
        {**good[8], "output": "See {{care of things for all that there is to say about it."},
        {**good[9], "output": "x" * 200_000},
        {**good[9], "output": "PK\x03\x04\x00\x00\x00\x08" * 30},
    ]
    path = tmp_path / "rows.jsonl"
    write_rows(path, good + bad)
    with path.open("ab") as file:
        file.write(
            b'{"instruction": "You repair things.", "input": "caf\xe9?", "output": "A broken byte in the question."}\n'
        )
        file.write(b"this is no JSON\n")
    result = cleaned(path, base, tmp_path, brands=("LeafTalk",), cleaning=("qa-forum", "wiki"))
    assert result.dropped == {
        "duplicate": 1,
        "short_answer": 1,
        "empty": 1,
        "not_text": 1,
        "mostly_scrubbed": 1,
        "repetitive": 1,
        "enormous": 1,
        "binary": 1,
        "too_many_words": 1,
        "too_many_tokens": 1,
        "wiki_markup": 1,
        "broken_utf8": 1,
        "bad_json": 1,
    }
    assert sorted(row["reason"] for row in read(tmp_path / result.dropped_path)) == sorted(result.dropped)
    assert result.train_rows + result.eval_rows == 40
    assert result.longest_tokens <= 256


def test_garbage_collection_does_not_walk_the_libraries(base: Path, tmp_path: Path) -> None:
    gc.unfreeze()
    cleaned(write_rows(tmp_path / "rows.jsonl", make_rows(40)), base, tmp_path)
    assert gc.get_freeze_count() > 100_000


def test_too_few_rows_says_which_rule_took_most(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(20))
    with pytest.raises(DataError, match="short_answer 20") as caught:
        clean(
            DataSettings(sources=(Source.parse(str(path)),), min_answer_words=100),
            ModelSettings(base=str(base)),
            max_tokens=256,
            loss="answers",
            seed=42,
            token="",
            root=tmp_path,
        )
    assert "FINETUNE_DATA_MIN_ANSWER_WORDS (100)" in caught.value.remedy
    assert caught.value.funnel == Funnel(
        rows_in=20, kept=0, least=32, dropped={"short_answer": 20}, sources={str(path): 20}
    )
    assert not (tmp_path / "clean").exists()


def test_any_number_of_workers_and_any_batch_size_give_the_same_bytes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(700))
    found = []
    for count, batch, near in ((1, 500, "keep"), (2, 37, "keep"), (3, 8, "keep")):
        monkeypatch.setattr("job.cleaning.first_pass.BATCH", batch)
        monkeypatch.setattr(workers, "FIRST", 2)
        root = tmp_path / f"{count}-{batch}"
        result = cleaned(path, base, root, workers=count, near_duplicates=near)
        files = {name: (root / "clean" / f"{name}.jsonl").read_bytes() for name in ("train", "eval", "dropped")}
        found.append((files, result.model_dump()))
    assert found[0] == found[1] == found[2]
    assert sorted(path.name for path in (tmp_path / "1-500" / "clean").iterdir()) == [
        "dropped.jsonl",
        "eval.jsonl",
        "train.jsonl",
    ]
