"""Data sets on the Hub: one file, private ones, and the first rows without the rest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from job.cleaning.reading import hub_rows
from job.cleaning.reading.formats import read_file
from job.cleaning.sources import load, sample
from job.errors import AccessDenied, DataError, NotFound
from job.settings.fields import DataSettings
from job.settings.sources import Source
from tests.conftest import READ_TOKEN, make_rows, write_rows
from tests.standin_hub import StandInHub

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture
def jsonl(tmp_path: Path) -> bytes:
    return write_rows(tmp_path / "rows.jsonl", make_rows(40)).read_bytes()


def count(name: str, token: str = "", commit: str = "") -> int:
    source = Source.parse(name).model_copy(update={"commit": commit})
    return sum(1 for _ in load(source, DataSettings(sources=(source,)), token).rows)


def test_one_file_of_a_data_set_is_read_at_its_commit(hub: StandInHub, jsonl: bytes) -> None:
    first = hub.add_repo(
        "dataset", "owner/rows", {"data/rows.jsonl.gz": gzip.compress(jsonl), "other.csv": b"a,b\n1,2\n"}
    )
    second = hub.add_commit("dataset", "owner/rows", {"data/rows.jsonl.gz": gzip.compress(jsonl * 2)})
    name = "hf://datasets/owner/rows/data/rows.jsonl.gz"
    assert (count(name, commit=first), count(name, commit=second), count(name)) == (40, 80, 80)
    loaded = load(Source.parse(name), DataSettings(sources=(Source.parse(name),)), "")
    assert loaded.format == "JSON lines, UTF-8, gzip"


def test_a_file_that_is_not_there_and_a_hub_that_fails_have_their_codes(hub: StandInHub, jsonl: bytes) -> None:
    hub.add_repo("dataset", "owner/rows", {"rows.jsonl": jsonl, "page.csv": b"<!DOCTYPE html>\n<html></html>\n"})
    with pytest.raises(NotFound, match=r"data set hf://datasets/owner/rows@main/gone.jsonl cannot be read"):
        count("hf://datasets/owner/rows/gone.jsonl")
    with pytest.raises(NotFound, match="does not exist, or is private"):
        count("hf://datasets/owner/nobody/rows.jsonl")
    with pytest.raises(NotFound, match="no such revision"):
        count("hf://datasets/owner/rows@v9/rows.jsonl")
    with pytest.raises(
        DataError, match=r"^The source hf://datasets/owner/rows@main/page.csv is not what its name says"
    ):
        count("hf://datasets/owner/rows/page.csv")
    hub.fail("/datasets/", status=403, times=10**6)
    with pytest.raises(AccessDenied):
        count("hf://datasets/owner/rows/rows.jsonl")


def test_a_file_that_was_read_once_needs_no_hub(hub: StandInHub, jsonl: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = hub.add_repo("dataset", "owner/rows", {"rows.jsonl": jsonl})
    name = "hf://datasets/owner/rows/rows.jsonl"
    assert count(name, commit=commit) == 40
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert count(name, commit=commit) == 40
    with pytest.raises(NotFound, match=r"is not in the cache .*HF_HUB_OFFLINE forbids"):
        count("hf://datasets/owner/rows/other.jsonl", commit=commit)


@pytest.mark.parametrize("name", ["bob/secret", "hf://datasets/bob/secret/rows.jsonl"])
def test_a_private_data_set_is_read_with_its_token_and_not_without(name: str, hub: StandInHub, jsonl: bytes) -> None:
    hub.add_repo("dataset", "bob/secret", {"rows.jsonl": jsonl}, private=True)
    with pytest.raises(NotFound, match="private and was requested with no token") as caught:
        count(name)
    assert "HF_TOKEN" in caught.value.remedy
    assert count(name, READ_TOKEN) == 40
    source = Source.parse(name)
    assert sum(1 for _ in sample(source, DataSettings(sources=(source,)), READ_TOKEN, 7).rows) == 7


# --- the first rows alone --------------------------------------------------------------------------------------------


def large(rows: int = 150_000) -> bytes:
    """About 38 MB, of which the first rows are a small part."""
    filler = "It takes a while. " * 12
    return b"".join(json.dumps({"question": f"Q {n}?", "answer": filler}).encode() + b"\n" for n in range(rows))


@pytest.mark.parametrize("name", ["owner/large", "hf://datasets/owner/large/train.jsonl"])
def test_a_sample_of_the_hub_fetches_a_part_and_keeps_nothing(
    name: str, hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = large()
    hub.add_repo("dataset", "owner/large", {"train.jsonl": content})
    sent = []
    answer = hub.answer

    def counting(request):  # type: ignore[no-untyped-def]
        response = answer(request)
        sent.append(len(response.body))
        return response

    monkeypatch.setattr(hub, "answer", counting)
    source = Source.parse(name)
    found = list(sample(source, DataSettings(sources=(source,)), "", 200).rows)
    assert [row.question for row in found] == [f"Q {number}?" for number in range(200)]
    assert not list(tmp_path.rglob("*.arrow")) and not list(tmp_path.rglob("*.jsonl"))
    assert sum(sent) < len(content)


def test_a_sample_of_a_local_file_is_its_first_rows(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(40))
    source = Source.parse(str(path))
    found = sample(source, DataSettings(sources=(source,)), "", 5)
    assert len(list(found.rows)) == 5
    assert found.format == "JSON lines, UTF-8"


def test_a_remote_file_can_be_read_from_its_end_and_reports_failures_as_its_own(
    hub: StandInHub, tmp_path: Path
) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(make_rows(40)), path)
    hub.add_repo("dataset", "owner/rows", {"rows.parquet": path.read_bytes()})
    file = hub_rows.remote_file(Source.parse("hf://datasets/owner/rows/rows.parquet"), "")
    assert len(list(read_file(file).rows)) == 40
    opened = file.open()
    hub.fail("/datasets/", status=403, times=10**6)
    with pytest.raises(AccessDenied):
        opened.read(100)


@pytest.mark.parametrize(
    "others",
    [
        {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
        {"question": ["Q"], "answer": ["A"]},
    ],
)
def test_files_of_different_forms_are_to_be_named_one_by_one(others: dict[str, object], hub: StandInHub) -> None:
    """Within one file rows of mixed forms are read."""
    plain, other = (json.dumps(row).encode() + b"\n" for row in ({"question": "Q", "answer": "A"}, others))
    hub.add_repo("dataset", "owner/mixed", {"a.jsonl": plain * 3, "b.jsonl": other * 3})
    source = Source.parse("owner/mixed")
    data = DataSettings(sources=(source,))
    for read in (lambda: load(source, data, ""), lambda: sample(source, data, "", 10)):
        with pytest.raises(DataError, match="holds files of different forms") as caught:
            read()
        assert "hf://datasets/owner/mixed/FILE" in caught.value.remedy
    hub.add_repo("dataset", "owner/one", {"a.jsonl": (plain + other) * 3})
    assert count("owner/one") == 6
