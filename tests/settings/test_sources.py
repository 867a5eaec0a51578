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
        ("/home/me/data/*.jsonl=10", "*.jsonl=10"),
        ("owner/name@v1:train=5", "owner/name@v1:train=5"),
    ],
)
def test_only_the_name_of_a_file_is_published(source: str, published: str) -> None:
    assert without_path(source) == published


# --- folders and patterns --------------------------------------------------------------------------------------------


def names(source: str) -> list[str]:
    return [path.name for path in Source.parse(source).list_files()]


def test_a_folder_or_a_pattern_stands_for_its_data_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl.gz", "c.jsonl.zst", "README.md", ".hidden.jsonl", "_SUCCESS", "deep/d.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(str(tmp_path)) == ["a.jsonl.gz", "b.jsonl", "c.jsonl.zst"]
    assert names(f"{tmp_path}/*.jsonl") == ["b.jsonl"]
    assert names(f"{tmp_path}/**/*.jsonl") == ["b.jsonl", "d.jsonl"]
    assert names(f"{tmp_path}/*=5") == ["a.jsonl.gz", "b.jsonl", "c.jsonl.zst"]


def test_what_the_job_writes_in_its_output_folder_is_no_data_of_a_pattern_or_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "output"
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", str(output))
    for name in ("mine.jsonl", "output/more.jsonl", "output/clean/train.jsonl", "output/broken-train.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (output / "metrics.json").touch()
    pattern, folder = Source.parse(f"{tmp_path}/**/*.jsonl"), Source.parse(str(output))
    assert [path.name for path in pattern.list_files()] == ["mine.jsonl", "more.jsonl"]
    assert [path.name for path in folder.list_files()] == ["more.jsonl"]
    assert [path.name for path in folder.list_left_out()] == ["broken-train.jsonl", "metrics.json"]
    named = Source.parse(str(output / "clean"))  # refused later, with the reason
    assert ([path.name for path in named.list_files()], named.list_left_out()) == (["train.jsonl"], ())
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", str(tmp_path / "another"))
    assert len(pattern.list_files()) == 4


def test_what_another_run_writes_is_no_data_of_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the rows of the first run would change while a second one works in a folder beside it."""
    for name in (
        "mine.jsonl",
        "first/mine-too.jsonl",
        "first/clean/train.jsonl",
        "clean/own.jsonl",
        "other/clean/a.jsonl",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "other" / "metrics.json").write_text('{"accuracy": 0.9}', "utf-8")  # no run's
    (tmp_path / "first" / "settings.json").write_text('{"data": {}, "hf_token": ""}', "utf-8")
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", str(tmp_path / "second"))
    (tmp_path / "link").symlink_to("first")
    assert names(f"{tmp_path}/**/*.jsonl") == ["own.jsonl", "mine-too.jsonl", "mine-too.jsonl", "mine.jsonl", "a.jsonl"]
    for named in ("link/clean", "first/clean", "first/clean/*.jsonl"):
        assert names(f"{tmp_path}/{named}") == ["train.jsonl"], "who names it gets it"


def test_a_pattern_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("1.csv", "2.csv"):
        (tmp_path / "data" / name).touch()
    assert names("data/*") == names("data/[0-9].csv") == ["1.csv", "2.csv"]
    (tmp_path / "data" / "[0-9].csv").touch()
    assert names("data/[0-9].csv") == ["[0-9].csv"], "a file of that name comes first"


@pytest.mark.parametrize(
    ("files", "source", "problem"),
    [
        ((), "/", r"there is no data file \(.jsonl, .*, .parquet\) in .* a pattern such as data/\*/\*.jsonl"),
        (("notes.md", "deep/a.jsonl"), "/", "there is no data file"),
        (("a.jsonl",), "/*.csv", r"there is no data file .*working directory"),
        (("a.jsonl", "b.csv", "c.csv.gz"), "/", r"data files of 2 kinds \(csv, jsonl\); name .* such as /.*/\*.csv"),
        (("a.jsonl", "b.txt"), "/*", r"2 kinds \(jsonl, txt\); .* such as /.*[^*]/\*.jsonl"),
    ],
)
def test_a_folder_without_data_or_with_several_kinds_is_a_settings_error(
    files: tuple[str, ...], source: str, problem: str, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=problem):
        Source.parse(f"{tmp_path}{source}")


# --- one file on the Hub ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hf://datasets/owner/name/rows.jsonl", ("owner/name", "main", "rows.jsonl")),
        ("hf://datasets/owner/name@v1.2/data/rows.csv.gz", ("owner/name", "v1.2", "data/rows.csv.gz")),
        ("hf://datasets/owner/name/data/rows.csv.gz@v1.2", ("owner/name", "v1.2", "data/rows.csv.gz")),
        ("hf://datasets/o/n@refs/pr/4/a.parquet", ("o/n", "refs/pr/4", "a.parquet")),
        ("hf://datasets/o/n@refs%2Fconvert%2Fparquet/a.parquet", ("o/n", "refs/convert/parquet", "a.parquet")),
    ],
)
def test_one_file_of_a_data_set_is_spelt_as_the_hub_spells_it(text: str, parts: tuple[str, str, str]) -> None:
    source = Source.parse(f"{text}=7")
    assert (source.name, source.revision, source.file) == parts
    assert (source.rows, source.split, source.is_local) == (7, "", False)
    assert Source.parse(str(source)) == source
    assert not is_path(text)
    assert without_path(str(source)) == str(source)


@pytest.mark.parametrize(
    "text",
    [
        "hf://datasets/owner/name",
        "hf://datasets/owner/name/folder",
        "hf://datasets/owner/name/data/*.jsonl",
        "hf://datasets/owner/name@v1/rows.jsonl@v2",
        "hf://owner/name/rows.jsonl",
        "hf:datasets/owner/name/rows.jsonl",
        "hf://datasets/owner/name/rows.pdf",
    ],
)
def test_a_path_on_the_hub_that_names_no_data_file_says_how_to_write_one(text: str) -> None:
    assert not is_path(text)
    with pytest.raises(ValueError, match=r"write hf://datasets/owner/name\[@revision\]/path/to/file"):
        Source.parse(text)
