"""Records name files: a stage whose files are not as recorded runs again, and what else follows from that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from job.errors import SettingsError
from job.results import Choice
from job.runs.files import open_sealed, write_sealed, write_text
from job.runs.folder import Consumer, FileChanged, RunDir
from tests.runs.records import INPUTS, Left, answer

pytestmark = pytest.mark.light


@pytest.fixture
def two_stages(tmp_path: Path) -> Callable[..., RunDir]:
    """One stage writes rows, the next one copies them; `rows` are what the first one writes if it runs again."""

    def start(
        rows: str = "rows",
        *,
        begun: bool = False,
        between: Callable[[], object] = lambda: None,
        within: Callable[[], object] = lambda: None,
    ) -> RunDir:
        run_dir = RunDir(tmp_path)

        def first() -> Left:
            write_text(tmp_path / "clean" / "rows", rows)
            return Left(rows_path="clean/rows")

        def second() -> Left:
            within()
            write_text(tmp_path / "copy" / "rows", (tmp_path / "clean" / "rows").read_text("utf-8"))
            return Left(rows_path="copy")

        run_dir.step("clean", first, Left, INPUTS)
        between()
        run_dir.step("copy", second, Left, INPUTS, begun=begun)
        return run_dir

    return start


@pytest.mark.parametrize("change", ["gone", "flipped", "longer"])
def test_a_stage_whose_file_is_not_as_recorded_runs_again_and_the_next_is_reused_if_that_gives_the_same(
    change: str, two_stages: Callable[..., RunDir], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    two_stages()
    assert two_stages().reused == ["clean", "copy"]
    file = tmp_path / "clean" / "rows"
    if change == "gone":
        file.unlink()
    else:
        file.write_text({"flipped": "rowt", "longer": "rows "}[change], "utf-8")
    assert two_stages().reused == ["copy"]
    assert file.read_text("utf-8") == "rows"
    assert f"stage=clean {'gone' if change == 'gone' else 'broken'}=clean/rows" in caplog.text
    if change != "gone":
        assert (tmp_path / "broken-rows").read_text("utf-8") != "rows"


class Lean(Left):
    expendable = ("rows_path",)


@pytest.mark.parametrize("change", ["gone", "flipped"])
def test_a_file_that_only_the_report_reads_makes_no_stage_run_again(
    change: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def leave() -> Lean:
        write_text(tmp_path / "rows", "rows")
        return Lean(rows_path="rows")

    RunDir(tmp_path).step("log", leave, Lean, INPUTS)
    (tmp_path / "rows").unlink() if change == "gone" else (tmp_path / "rows").write_text("rowt", "utf-8")
    again = RunDir(tmp_path)
    again.step("log", leave, Lean, INPUTS)
    again.step("next", answer, Choice, INPUTS)
    assert again.reused == ["log"]
    assert "rows: " in caplog.text
    assert "nothing else needs it" in caplog.text


class Handed(Left):
    handed_on = ("rows_path",)


@pytest.mark.parametrize("change", ["gone", "flipped"])
@pytest.mark.parametrize("consumed", ["done", "broken", "of other rows", "not yet"])
def test_a_file_that_the_next_stage_alone_reads_is_needed_until_that_is_done(
    consumed: str, change: str, tmp_path: Path
) -> None:
    """Whoever removes gigabytes of a finished training does not train again to push."""

    def leave() -> Handed:
        write_text(tmp_path / "rows", "rows")
        return Handed(rows_path="rows")

    def copy() -> Left:
        write_text(tmp_path / "copy", (tmp_path / "rows").read_text("utf-8"))
        return Left(rows_path="copy")

    def start(name: str) -> RunDir:
        run_dir = RunDir(tmp_path)
        run_dir.step("leave", leave, Handed, INPUTS, consumer=Consumer("copy", Left))
        if name != "leave":
            run_dir.step("copy", copy, Left, INPUTS)
            run_dir.step("next", answer, Choice, INPUTS)
        return run_dir

    start("leave" if consumed == "not yet" else "next")
    (tmp_path / "rows").unlink() if change == "gone" else (tmp_path / "rows").write_text("rowt", "utf-8")
    (tmp_path / "next.json").unlink(missing_ok=True)
    if consumed == "broken":
        (tmp_path / "copy").write_text("copied", "utf-8")
    if consumed == "of other rows":
        record = open_sealed(tmp_path / "copy.json")
        write_sealed(tmp_path / "copy.json", record | {"earlier": {"leave": "others"}})
    lacking = RunDir(tmp_path).not_as_recorded("leave", Handed, Consumer("copy", Left))
    assert lacking == ([] if consumed in ("done", "of other rows") else ["rows"])
    assert start("next").reused == (["leave", "copy"] if consumed == "done" else [])
    assert (tmp_path / "copy").read_text("utf-8") == "rows"


@pytest.mark.parametrize("change", ["gone", "flipped"])
def test_a_stage_that_a_start_may_not_run_is_left_as_it_is(change: str, tmp_path: Path) -> None:
    """What is missing may come back: a copy that was not complete, a volume that was not mounted."""

    def leave() -> Left:
        write_text(tmp_path / "rows", "rows")
        return Left(rows_path="rows")

    def lacking(files: list[str]) -> NoReturn:
        raise SettingsError([",".join(files)])

    RunDir(tmp_path).step("leave", leave, Left, INPUTS)
    (tmp_path / "rows").unlink() if change == "gone" else (tmp_path / "rows").write_text("rowt", "utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SettingsError, match="rows"):
        RunDir(tmp_path).step("leave", leave, Left, INPUTS, lacking=lacking)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_was_made_from_other_files_is_made_again(two_stages: Callable[..., RunDir], tmp_path: Path) -> None:
    two_stages()
    (tmp_path / "clean" / "rows").unlink()
    assert two_stages(rows="other rows").reused == []
    assert (tmp_path / "copy" / "rows").read_text("utf-8") == "other rows"


def test_what_was_begun_with_other_files_or_by_nobody_knows_whom_is_set_aside(
    two_stages: Callable[..., RunDir], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A checkpoint of other rows or settings must not be continued. It stays until there is a result in its place."""

    def killed() -> None:
        assert (tmp_path / "broken-copy" / "checkpoint").exists()
        assert not (tmp_path / "copy").exists()
        raise KeyboardInterrupt

    two_stages()
    (tmp_path / "copy" / "checkpoint").touch()
    (tmp_path / "clean" / "rows").unlink()
    with pytest.raises(KeyboardInterrupt):
        two_stages(rows="other rows", begun=True, within=killed)
    assert (tmp_path / "broken-copy" / "checkpoint").exists()
    assert "stage=copy begun=unknown" in caplog.text
    two_stages(rows="other rows")
    assert not (tmp_path / "broken-copy").exists()
    (tmp_path / "copy" / "checkpoint").touch()
    (tmp_path / "copy.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        two_stages(rows="other rows", begun=True, within=killed)


def test_a_file_that_changes_while_the_run_works_is_found_before_it_is_used(
    two_stages: Callable[..., RunDir], tmp_path: Path
) -> None:
    file = tmp_path / "clean" / "rows"
    with pytest.raises(FileChanged, match=r"clean/rows \(stage clean\) changed"):
        two_stages(between=lambda: file.write_text("rowt", "utf-8"))
    assert not (tmp_path / "copy").exists()
    two_stages(between=file.touch)  # another time, but the same content
    assert (tmp_path / "copy" / "rows").read_text("utf-8") == "rows"


def test_a_file_in_the_place_of_a_stages_folder_is_set_aside(
    two_stages: Callable[..., RunDir], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "copy").write_text("a file", "utf-8")
    two_stages()
    assert (tmp_path / "copy" / "rows").read_text("utf-8") == "rows"
    assert (tmp_path / "broken-copy").read_text("utf-8") == "a file"
    assert "stage=copy broken=copy: it is no folder; set aside as broken-copy" in caplog.text
