"""Records: done once, taken up again, refused where they belong to another run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from job.errors import FolderError, FolderInUse, HostUnfit, SettingsError
from job.results import SCHEMA_VERSION, Choice, Result
from job.runs import redaction
from job.runs.files import open_sealed, write_sealed, write_text
from job.runs.folder import Consumer, FileChanged, RunDir
from tests.faults.small_disk import small_disk

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
    (tmp_path / ".train.json").unlink()
    record.write_text(record.read_text("utf-8")[:40], "utf-8")
    assert RunDir(tmp_path).step("train", answer, Choice, INPUTS) == answer()
    assert open_sealed(record)["result"] == {"value": "x", "reason": "y"}


BROKEN = {
    "empty": b"",
    "a list": b"[]",
    "without keys": b"{}",
    "not UTF-8": b'{"stage": "\xff"}',
    "without a seal": b'{"schema_version": 2, "inputs": {}, "result": {"value": "z", "reason": "y"}, "earlier": {}}',
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_record_that_is_not_as_it_was_written_gives_way_to_its_copy(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    RunDir(tmp_path).step("train", answer, Choice, INPUTS)
    whole = (tmp_path / "train.json").read_bytes()
    (tmp_path / "train.json").write_bytes(content)
    assert RunDir(tmp_path).step("train", never, Choice, INPUTS) == answer()
    assert (tmp_path / "train.json").read_bytes() == whole
    assert (tmp_path / "broken-train.json").read_bytes() == content
    assert "broken=train.json" in caplog.text
    for name in ("train.json", ".train.json"):
        (tmp_path / name).write_bytes(content)
    assert RunDir(tmp_path).record("train") is None
    assert not RunDir(tmp_path).has_result("train")


def test_a_digit_of_a_result_that_flipped_is_not_believed(tmp_path: Path) -> None:
    RunDir(tmp_path).step("train", lambda: Choice(value="0.125", reason=""), Choice, INPUTS)
    record = tmp_path / "train.json"
    record.write_text(record.read_text("utf-8").replace("0.125", "0.135"), "utf-8")
    assert RunDir(tmp_path).step("train", never, Choice, INPUTS).value == "0.125"


def test_a_record_of_another_schema_counts_as_none(tmp_path: Path) -> None:
    write_sealed(tmp_path / "train.json", {"schema_version": 0, "inputs": {}, "result": {}})
    assert RunDir(tmp_path).record("train") is None


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
    move = f"Move {tmp_path / 'file'} away, or set FINETUNE_OUTPUT_DIR to another folder."
    assert caught.value.remedy == move
    with pytest.raises(HostUnfit) as caught:
        RunDir(tmp_path / "file").open()
    assert caught.value.remedy == move


@pytest.mark.parametrize("name", [".lock", "owner.json", "owner.json.partial"])
def test_a_folder_in_the_place_of_the_lock_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "inner").touch()
    with pytest.raises(HostUnfit, match=r"cannot be written: Is a directory\.") as caught:
        RunDir(tmp_path).open()
    assert caught.value.remedy.startswith(f"Move {tmp_path / name} away")


def test_a_file_in_the_place_of_a_stages_folder_is_set_aside(
    two_stages: Callable[..., RunDir], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "copy").write_text("a file", "utf-8")
    two_stages()
    assert (tmp_path / "copy" / "rows").read_text("utf-8") == "rows"
    assert (tmp_path / "broken-copy").read_text("utf-8") == "a file"
    assert "stage=copy broken=copy: it is no folder; set aside as broken-copy" in caplog.text


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


def test_a_folder_that_looks_like_a_secret_and_a_password_that_is_a_common_word_refuse_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_known", {"clean", "8128", "0.5"})
    inputs = {"clean": {"rate": 0.5, "rows": 118128, "source": "/data/hf_medicalquestionsandanswers/rows.jsonl"}}
    RunDir(tmp_path).step("clean", answer, Choice, inputs)
    again = RunDir(tmp_path)
    again.refuse_other_run("clean", inputs, begun=True)
    again.step("clean", answer, Choice, inputs)
    assert again.reused == ["clean"]


def test_a_folder_with_records_holds_a_run_without_its_settings_too(tmp_path: Path) -> None:
    assert not RunDir(tmp_path).holds_a_run()
    RunDir(tmp_path).step("clean", answer, Choice, INPUTS)
    assert RunDir(tmp_path).holds_a_run()


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


def test_on_a_read_only_mount_nobodys_rights_are_to_blame(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2**20) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(HostUnfit, match="Read-only file system") as caught:
            RunDir(disk).open()
    assert caught.value.remedy.startswith("Mount it read-write, or set FINETUNE_OUTPUT_DIR")


@pytest.mark.skipif(os.getuid() != 0, reason="about root's rights")
def test_root_is_not_told_to_take_what_it_owns_already() -> None:
    with pytest.raises(HostUnfit) as caught:
        RunDir(Path("/proc/output")).open()  # as a mount that refuses root
    assert caught.value.remedy.startswith("Mount it read-write, or start with its owner's uid (--user $(stat -c %u:%g")


def as_nobody(function: Callable[[], object]) -> str:
    """What the function raises in a process without root's rights; root may do everything."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            function()
        except BaseException as error:
            os.write(writer, f"{type(error).__name__} {error} {getattr(error, 'remedy', '')}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as file:
        return file.read().decode()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can leave files of another owner")
def test_pieces_of_another_owner_are_named_with_the_remedy() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o777)
        (root / "lost+found").mkdir(mode=0o700)
        (root / "train" / "checkpoints").mkdir(parents=True)
        assert as_nobody(lambda: RunDir(root).open()).startswith("HostUnfit")
        found = as_nobody(lambda: RunDir(root).open())
        assert "no right to change train/" in found and "sudo chown -R 65534 FOLDER" in found
        (root / "train").rename(root / "elsewhere")
        (root / "elsewhere" / "checkpoints").rmdir()
        (root / "elsewhere").rmdir()
        for left in (".lock", "owner.json"):
            (root / left).unlink(missing_ok=True)
        assert as_nobody(lambda: RunDir(root).open()) == ""
        write_sealed(root / "train.json", {"schema_version": SCHEMA_VERSION, "inputs": {}, "result": None})
        (root / "train.json").chmod(0o600)
        found = as_nobody(lambda: RunDir(root).record("train"))
        assert found.startswith("HostUnfit") and "train.json cannot be read" in found


def test_a_replaceable_result_gives_way_to_other_inputs(tmp_path: Path) -> None:
    RunDir(tmp_path).step("push", answer, Choice, {"hub": {"repo_id": ""}})
    other = {"hub": {"repo_id": "owner/name"}}
    new = Choice(value="new", reason="other inputs")
    with pytest.raises(FolderError):
        RunDir(tmp_path).step("push", lambda: new, Choice, other)
    assert RunDir(tmp_path).step("push", lambda: new, Choice, other, replaceable=True) == new
