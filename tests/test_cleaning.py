"""Cleaning: rules on examples written here, sources of every kind, bad input, and counts that add up."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from job.cleaning.clean import clean
from job.cleaning.rules import Pack, repair
from job.cleaning.sources import load
from job.errors import DataError
from job.results import Cleaned
from job.settings import DataSettings, ModelSettings, Source
from tests.conftest import make_rows, write_rows


def settings(path: Path, **changes: Any) -> DataSettings:
    return DataSettings(sources=(Source.parse(str(path)),), min_answer_words=5, min_rows=2, **changes)


def cleaned(path: Path, base: Path, root: Path, *, max_tokens: int = 256, **changes: Any) -> Cleaned:
    model = ModelSettings(base=str(base))
    result = clean(settings(path, **changes), model, max_tokens=max_tokens, seed=42, token="", root=root)
    assert result.rows_in == result.train_rows + result.eval_rows + sum(result.dropped.values())
    return result


def read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_dropped_row_has_its_reason(base: Path, tmp_path: Path) -> None:
    good = make_rows(40)
    bad: list[Any] = [
        {**good[0]},  # a copy
        {**good[1], "output": "Hello. Too short."},
        {**good[2], "output": ""},
        {**good[3], "output": ["not", "text"]},
        {**good[4], "input": "I asked LeafTalk before. " + good[4]["input"]},
        {**good[5], "output": f"Read LeafTalk first. {good[5]['output']}"},
        {**good[6], "output": "water " * 700},
        {**good[7], "input": "why " * 250},
        {**good[8], "output": "See [[Template:Care]] for all that there is to say about it."},
    ]
    path = tmp_path / "rows.jsonl"
    write_rows(path, good + bad)
    with path.open("ab") as file:
        file.write(
            b'{"instruction": "You repair things.", "input": "caf\xe9?", "output": "A broken byte in the question."}\n'
        )
        file.write(b"this is no JSON\n")
    result = cleaned(path, base, tmp_path, brands=("LeafTalk",))
    assert result.dropped == {
        "duplicate": 1,
        "short_answer": 1,
        "empty": 1,
        "not_text": 1,
        "brand_in_question": 1,
        "brand_left": 1,
        "too_many_words": 1,
        "too_many_tokens": 1,
        "wiki_markup": 1,
        "broken_utf8": 1,
        "bad_json": 1,
    }
    assert sorted(row["reason"] for row in read(tmp_path / result.dropped_path)) == sorted(result.dropped)
    assert result.train_rows + result.eval_rows == 40
    assert result.longest_tokens <= 256


def test_the_split_has_no_twins_and_does_not_depend_on_the_order_of_rows(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    first = cleaned(write_rows(tmp_path / "a.jsonl", rows + rows), base, tmp_path / "one")
    second = cleaned(write_rows(tmp_path / "b.jsonl", rows[::-1]), base, tmp_path / "two")
    assert first.eval_rows == 4
    held_out = {row["question"] for row in read(tmp_path / "one" / first.eval_path)}
    assert held_out == {row["question"] for row in read(tmp_path / "two" / second.eval_path)}
    assert held_out.isdisjoint(row["question"] for row in read(tmp_path / "one" / first.train_path))


def test_two_sources_are_mixed_by_count(base: Path, tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.jsonl", make_rows(40, seed=1))
    two = write_rows(tmp_path / "two.jsonl", make_rows(40, seed=2))
    data = DataSettings(
        sources=(Source.parse(f"{one}=20"), Source.parse(f"{two}=10")), min_answer_words=5, min_rows=2, eval_share=0.2
    )
    result = clean(data, ModelSettings(base=str(base)), max_tokens=256, seed=42, token="", root=tmp_path)
    assert [source.rows_out for source in result.sources] == [20, 10]
    assert (result.train_rows, result.eval_rows, sum(result.dropped.values())) == (24, 6, 50)


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


LAYOUTS: dict[str, dict[str, Any]] = {
    "question/answer": {"question": "Q", "answer": "A"},
    "prompt/completion": {"prompt": "Q", "completion": "A"},
    "input/output": {"input": "Q", "output": "A"},
    "messages": {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
    "conversations": {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    "instruction and input as question, output": {"instruction": "Q", "input": "", "output": "A"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_usual_layouts_are_recognised(layout: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [LAYOUTS[layout]] * 3)
    loaded = load(Source.parse(str(path)), settings(path), "")
    assert loaded.layout == layout
    assert (loaded.rows[0].question, loaded.rows[0].answer) == ("Q", "A")


def test_other_columns_are_named_by_settings(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"ask": "Q", "say": "A"}] * 3)
    with pytest.raises(DataError) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "the columns ask, say" in str(caught.value)
    assert "FINETUNE_DATA_QUESTION_COLUMN" in caught.value.remedy
    loaded = load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="say"), "")
    assert loaded.rows[0].answer == "A"
    with pytest.raises(DataError, match="no column reply; it has: ask, say"):
        load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="reply"), "")


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


def test_too_few_rows_says_which_rule_took_most(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(20))
    with pytest.raises(DataError, match="short_answer 20") as caught:
        clean(
            DataSettings(sources=(Source.parse(str(path)),), min_answer_words=100),
            ModelSettings(base=str(base)),
            max_tokens=256,
            seed=42,
            token="",
            root=tmp_path,
        )
    assert "FINETUNE_DATA_MIN_ANSWER_WORDS (100)" in caught.value.remedy
    assert not (tmp_path / "clean").exists()


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "dev.jsonl"


@pytest.mark.skipif(not SHARED.exists(), reason="the development rows are not part of the project")
def test_real_forum_rows_keep_more_than_the_write_up_kept(base: Path, tmp_path: Path) -> None:
    """The write-up kept 40 % of its forum rows; and cleaning twice changes nothing on any real row."""
    pack = Pack(("qa-forum", "wiki"), ("ChatDoctor", "HealthCareMagic", "iCliniq"))
    kept = seen = 0
    for row in read(SHARED):
        text = pack.clean(row["output"]).text
        assert pack.clean(text).text == text
        if row["source"].startswith("hcm"):
            seen += 1
            kept += not any(pack.faults(repair(row["input"]), text)) and len(text.split()) >= 30
    assert kept / seen > 0.55
