"""Records: done once, taken up again, refused where they belong to another run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from job.errors import FolderError, FolderInUse, HostUnfit
from job.results import Choice, Result
from job.runs.folder import RunDir, difference, replace_folder, write_json, write_text

pytestmark = pytest.mark.light

INPUTS = {"train": {"learning_rate": 0.0002, "seed": 42}}


def answer() -> Choice:
    return Choice(value="x", reason="y")


def never() -> Choice:
    raise AssertionError("the stage ran again")


class Left(Result):
    """A result that names a file."""

    rows_path: str


def leave_nothing() -> Left:
    raise AssertionError("the stage ran again")


def test_a_finished_stage_is_not_run_again(tmp_path: Path) -> None:
    assert RunDir(tmp_path).step("train", answer, Choice, INPUTS) == answer()
    again = RunDir(tmp_path)
    assert again.step("train", never, Choice, INPUTS) == answer()
    assert again.reused == ["train"]


def test_other_inputs_stop_with_the_difference(tmp_path: Path) -> None:
    RunDir(tmp_path).step("train", answer, Choice, INPUTS)
    other = {"train": {"learning_rate": 0.001, "seed": 42}}
    with pytest.raises(FolderError, match=r"train\.learning_rate: 0\.0002 -> 0\.001"):
        RunDir(tmp_path).step("train", never, Choice, other)


def test_an_unfinished_stage_takes_new_inputs_unless_it_left_something_to_go_on_from(tmp_path: Path) -> None:
    def fails() -> Choice:
        raise ValueError

    with pytest.raises(ValueError):
        RunDir(tmp_path).step("train", fails, Choice, INPUTS)
    other = {"train": {"learning_rate": 0.001, "seed": 42}}
    with pytest.raises(FolderError):
        RunDir(tmp_path).step("train", never, Choice, other, begun=True)
    assert RunDir(tmp_path).step("train", answer, Choice, other) == answer()


def test_a_torn_record_counts_as_none(tmp_path: Path) -> None:
    RunDir(tmp_path).step("train", answer, Choice, INPUTS)
    record = tmp_path / "train.json"
    record.write_text(record.read_text("utf-8")[:40], "utf-8")
    assert RunDir(tmp_path).step("train", answer, Choice, INPUTS) == answer()
    assert json.loads(record.read_text("utf-8"))["result"] == {"value": "x", "reason": "y"}


@pytest.mark.parametrize("text", ["[]", '{"schema_version": 0, "inputs": {}, "result": {}}', "{}"])
def test_a_record_of_another_form_counts_as_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(text, "utf-8")
    assert RunDir(tmp_path).record("train") is None
    assert not RunDir(tmp_path).has_result("train")


def test_a_result_is_there_when_the_stage_has_finished(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    seen = []

    def look() -> Choice:
        seen.append(run_dir.has_result("train"))
        return answer()

    run_dir.step("train", look, Choice, INPUTS)
    assert (seen, run_dir.has_result("train")) == ([False], True)


def test_a_run_of_another_version_is_told_from_one_with_other_settings(tmp_path: Path) -> None:
    RunDir(tmp_path).step("train", answer, Choice, {"train": {"learning_rate": 0.0002}})
    with pytest.raises(
        FolderError, match=r"another version of this program, which did not have train\.seed \(train\)"
    ) as caught:
        RunDir(tmp_path).refuse_other_run("train", INPUTS, begun=False)
    assert "new folder" in caught.value.remedy


def test_a_result_of_another_version_is_refused(tmp_path: Path) -> None:
    RunDir(tmp_path).step("train", answer, Choice, INPUTS)
    with pytest.raises(FolderError, match=r"train\.json was written by another version"):
        RunDir(tmp_path).step("train", leave_nothing, Left, INPUTS)


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    tmp_path = tmp_path / "made" / "here"
    first, second = RunDir(tmp_path), RunDir(tmp_path)
    first.open()
    with pytest.raises(FolderInUse, match="Another process"):
        second.open()


def test_a_folder_that_cannot_be_made_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(HostUnfit, match=r"file/output cannot be written: Not a directory\.") as caught:
        RunDir(tmp_path / "file" / "output").open()
    assert "FINETUNE_OUTPUT_DIR" in caught.value.remedy


def test_difference_names_fields() -> None:
    assert list(difference({"a": {"b": 1}}, {"a": 2})) == ['a: {"b": 1} -> 2']
    assert list(difference({"a": "x" * 78}, {"a": "ü" * 79})) == [f'a: "{"x" * 78}" -> "{"ü" * 76}...']
    assert list(difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})) == ["a.c: 2 -> 3", "d: null -> 4"]


def test_written_text_is_redacted_and_leaves_nothing_half(tmp_path: Path) -> None:
    token = "hf_" + "q" * 30
    write_text(tmp_path / "a.json", f"before {token} after")
    assert (tmp_path / "a.json").read_text("utf-8") == "before ********** after"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def spy(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink().name, (tmp_path / "a" / "b.json").exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", spy)
    write_json(tmp_path / "a" / "b.json", {"ü": 1})
    assert synced == [("b.json.partial", False), ("a", True)]
    assert (tmp_path / "a" / "b.json").read_text("utf-8") == '{\n  "ü": 1\n}\n'


def test_a_folder_takes_its_place_where_there_was_none(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").touch()
    replace_folder(tmp_path / "new", tmp_path / "final")
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["final", "final/file"]


def test_what_an_interrupted_replacement_left_is_no_obstacle(tmp_path: Path) -> None:
    for name in ("new", "final", "final.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "final")
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["final", "final/new"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("new", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("", "utf-8")
    replace_folder(tmp_path / "new", tmp_path / "final")
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["final", "final/new"]


def test_a_stage_whose_file_is_gone_runs_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def leave() -> Left:
        write_text(tmp_path / "clean" / "rows", "rows")
        return Left(rows_path="clean/rows")

    RunDir(tmp_path).step("clean", leave, Left, INPUTS)
    assert RunDir(tmp_path).step("clean", leave_nothing, Left, INPUTS) == Left(rows_path="clean/rows")
    (tmp_path / "clean" / "rows").unlink()
    again = RunDir(tmp_path)
    again.step("clean", leave, Left, INPUTS)
    assert again.reused == []
    assert (tmp_path / "clean" / "rows").exists()
    assert "stage=clean gone=clean/rows" in caplog.text


def test_a_replaceable_result_gives_way_to_other_inputs(tmp_path: Path) -> None:
    RunDir(tmp_path).step("push", answer, Choice, {"hub": {"repo_id": ""}})
    other = {"hub": {"repo_id": "owner/name"}}
    new = Choice(value="new", reason="other inputs")
    with pytest.raises(FolderError):
        RunDir(tmp_path).step("push", lambda: new, Choice, other)
    assert RunDir(tmp_path).step("push", lambda: new, Choice, other, replaceable=True) == new
