"""Rows of every file format, and files that cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
import resource
from pathlib import Path

import pytest
from huggingface_hub import constants

from job.cleaning import first_pass, sources
from job.cleaning.rules import Rules
from job.cleaning.sources import HEAD, load
from job.errors import AccessDenied, DataError, HubUnavailable, NotFound
from job.settings.fields import DataSettings
from job.settings.sources import Source
from tests.cleaning.stage_runs import settings
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
    monkeypatch.setattr(sources, "MOST_LINE", 1000)
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
    monkeypatch.setattr(sources, "MOST_JSON", 1000)
    path = sparse(tmp_path / "rows.json", b"[", 5 * 10**9)
    with pytest.raises(DataError, match=r"one JSON value of more than 1,000 characters") as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "jq -c" in caught.value.remedy


def test_few_rows_are_held_where_they_are_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the layout and of a batch; no row is lost."""
    monkeypatch.setattr(sources, "HEAD_CHARACTERS", 5_000)
    monkeypatch.setattr(first_pass, "BATCH_CHARACTERS", 2_500)
    rows = [{"question": f"Q {number}", "answer": "A" * 1000} for number in range(40)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    assert len(sources._head(sources._local_rows(path))) == 5
    first = first_pass.FirstPass(settings(path), None, tmp_path, max_tokens=10, rules=Rules())  # type: ignore[arg-type]
    batches = [len(batch.rows) for batch in first.batches("")]
    assert batches == [3] * 13 + [1]
    assert first.rows_in == [40]


# --- rows on the Hub -------------------------------------------------------------------------------------------------


@pytest.fixture
def client(hub: StandInHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The Hub client and `datasets` in this process speak to the stand-in."""
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


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
    with pytest.raises(HubUnavailable, match="not in the local cache"):
        read(first)
