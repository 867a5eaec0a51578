"""Rows of every file format, and files that cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import resource
from pathlib import Path

import pytest
from huggingface_hub import constants

from job.cleaning import first_pass, sources
from job.cleaning.reading.formats import read_file
from job.cleaning.reading.rows import local_file
from job.cleaning.rules import Rules
from job.cleaning.sources import HEAD, load
from job.errors import AccessDenied, DataError, NotFound
from job.settings.fields import DataSettings
from job.settings.sources import Source
from tests.cleaning.stage_runs import cleaned, settings
from tests.conftest import make_rows, write_rows
from tests.standin_hub import StandInHub


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


# --- what was found --------------------------------------------------------------------------------------------------


def test_what_was_found_stands_in_the_log_and_in_the_result(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="cp1252") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("question", "answer"))
        writer.writerows((f"{row['input']} Wie heiß?", f"{row['output']} Höchstens achtzig.") for row in make_rows(40))
        writer.writerow(("only a question",))
    with caplog.at_level(logging.INFO, logger="job.clean"):
        result = cleaned(path, base, tmp_path)
    (source,) = result.sources
    assert source.format == "CSV, separator semicolon, cp1252"
    assert f"source={path} format='CSV, separator semicolon, cp1252' layout='question/answer'" in caplog.text
    assert result.dropped["ragged"] == 1
    assert "Wie heiß?" in (tmp_path / "clean" / "train.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'"a"\n"b"\n{"question": "Q", "answer": "A"}\n',
            r"2 of its first 3 lines are not JSON objects\. It was read as JSON",
        ),
        (b"\n".join([b"Hello there", b"this is", b"no JSON"]), "3 of its first 3 lines are not JSON objects"),
    ],
)
def test_a_source_whose_lines_are_mostly_no_rows_says_as_what_it_was_read(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "one JSON object per line" in caught.value.remedy


def test_a_table_that_falls_apart_behind_its_first_rows_says_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\n" + "Q,A\n" * 250 + "Well, it depends, on you\n" * 700, "utf-8")
    with pytest.raises(
        DataError, match=r"700 of its first 950 lines have more or fewer fields .* separator comma"
    ) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "in quotes" in caught.value.remedy


def test_rows_that_are_lost_to_their_encoding_send_the_user_to_the_file(base: Path, tmp_path: Path) -> None:
    """Not to the cleaning rules."""
    path = tmp_path / "rows.jsonl"
    row = b'{"question": "f\xfcr", "answer": "It is for all of it, and for the rest."}\n'
    path.write_bytes('{"question": "für äöü äöü", "answer": ""}\n'.encode() * 4 + row * 20)
    with pytest.raises(DataError, match="broken_utf8 20") as caught:
        cleaned(path, base, tmp_path)
    assert "encoding of the files in FINETUNE_DATA_SOURCES" in caught.value.remedy


def test_shards_are_one_source_and_empty_ones_are_none(tmp_path: Path) -> None:
    for number, count in enumerate((3, 0, 4)):
        write_rows(tmp_path / f"part-{number}.jsonl", make_rows(count))
    (tmp_path / "_SUCCESS").touch()
    for name in (str(tmp_path), f"{tmp_path}/part-*.jsonl", f"{tmp_path}/*=5"):
        source = Source.parse(name)
        loaded = load(source, DataSettings(sources=(source,)), "")
        assert len(list(loaded.rows)) == 7
        assert loaded.format == "2 files, JSON lines, UTF-8"
    write_rows(tmp_path / "part-0.jsonl", [])
    write_rows(tmp_path / "part-2.jsonl", [])
    with pytest.raises(DataError, match=r"part-0.jsonl is empty"):
        load(source, DataSettings(sources=(source,)), "")
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(DataError, match="is gone"):
        load(source, DataSettings(sources=(source,)), "")


def test_a_damaged_folder_of_save_to_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}", "utf-8")
    source = Source.parse(str(tmp_path))
    with pytest.raises(DataError, match=f"folder {tmp_path} cannot be read") as caught:
        load(source, DataSettings(sources=(source,)), "")
    assert "FINETUNE_DATA_SOURCES" in caught.value.remedy


def test_the_log_tells_which_files_are_left_out_since_the_job_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "job")
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", str(tmp_path / "output"))
    (tmp_path / "output" / "clean").mkdir(parents=True)
    for name in ("rows.jsonl", "output/clean/train.jsonl"):
        write_rows(tmp_path / name, [{"question": name, "answer": "b"}])
    source = Source.parse(f"{tmp_path}/**/*.jsonl")
    assert [raw.question for raw in load(source, DataSettings(sources=(source,)), "").rows] == ["rows.jsonl"]
    assert f"source={source} left_out=1: files that the job itself writes" in caplog.text


# --- more than fits into memory --------------------------------------------------------------------------------------


def sparse(path: Path, begin: bytes, size: int) -> Path:
    """Zeros behind `begin`, which take no space on the disk."""
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_a_line_without_an_end_is_named_and_not_read_into_memory(name: str, tmp_path: Path) -> None:
    begin = b"question,answer\n" if name.endswith("csv") else b'{"question": "Q", "answer": "A"}\n'
    path = sparse(tmp_path / name, begin, 5 * 10**9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"^Line 2 of the source .* has more than 33,554,432 characters\.$"):
        list(load(Source.parse(str(path)), settings(path), "").rows)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def test_a_quote_that_nothing_closes_is_found_at_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.cleaning.reading.rows.MOST_LINE", 1000)
    path = tmp_path / "rows.csv"
    path.write_text('question,answer\nQ,A\nQ,"open\n' + "Q,a longer answer\n" * 100, "utf-8")
    with pytest.raises(
        DataError, match=r"cannot be read at line \d+: field larger than field limit \(1000\)"
    ) as caught:
        list(load(Source.parse(str(path)), settings(path), "").rows)
    assert "a quote may be open" in caught.value.remedy


def test_a_json_file_that_would_have_to_fit_into_memory_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.cleaning.reading.json_rows.MOST_JSON", 1000)
    path = sparse(tmp_path / "rows.json", b"[\n", 5 * 10**9)
    with pytest.raises(DataError, match=r"one JSON value of more than 1,000 characters") as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "jq -c" in caught.value.remedy


def test_few_rows_are_held_where_they_are_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the layout and of a batch; no row is lost."""
    monkeypatch.setattr(sources, "HEAD_CHARACTERS", 5_000)
    monkeypatch.setattr(first_pass, "BATCH_CHARACTERS", 2_500)
    rows = [{"question": f"Q {number}", "answer": "A" * 1000} for number in range(40)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    assert len(sources._head(read_file(local_file(path)).rows)) == 5
    first = first_pass.FirstPass(settings(path), None, tmp_path, max_tokens=10, loss="answers", rules=Rules())  # type: ignore[arg-type]
    batches = [len(batch.rows) for batch in first.batches("")]
    assert batches == [3] * 13 + [1]
    assert first.rows_in == [40]


# --- rows on the Hub -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("client")
def test_rows_on_the_hub_are_those_of_the_commit_or_none(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`datasets` alone would take whatever its cache holds, should the Hub fail."""

    def rows(count: int) -> dict[str, bytes]:
        return {"train.jsonl": write_rows(tmp_path / "rows.jsonl", make_rows(count)).read_bytes()}

    def read(commit: str, name: str = "owner/rows") -> int:
        source = Source.parse(name).model_copy(update={"commit": commit})
        return sum(1 for _ in load(source, DataSettings(sources=(source,)), "").rows)

    first = hub.add_repo("dataset", "owner/rows", rows(40))
    second = hub.add_commit("dataset", "owner/rows", rows(30))
    assert read(first) == 40
    hub.fail("/datasets/", status=403, times=10**6)
    with pytest.raises(AccessDenied, match=f"data set owner/rows@main:train \\(commit {second}\\)"):
        read(second)
    hub.forgive()
    hub.remove_commit("dataset", "owner/rows", first)
    assert read(second) == 30
    with pytest.raises(NotFound, match="has no such revision"):
        read("c" * 40)
    with pytest.raises(DataError, match="cannot be loaded"):
        read(second, "owner/rows:test")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    assert read(second) == 30
    with pytest.raises(NotFound, match=r"is not in the cache .*HF_HUB_OFFLINE forbids"):
        read(first)
