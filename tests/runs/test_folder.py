"""Records: done once, taken up again, refused where they belong to another run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from job.errors import FolderError, FolderInUse, HostUnfit
from job.results import SCHEMA_VERSION, Choice
from job.runs import redaction
from job.runs.files import open_sealed, write_sealed
from job.runs.folder import RunDir
from tests.faults.small_disk import small_disk
from tests.runs.records import INPUTS, Left, answer, leave_nothing, never

pytestmark = pytest.mark.light


def test_a_finished_stage_is_not_run_again(tmp_path: Path) -> None:
    assert RunDir(tmp_path).step("train", answer, Choice, INPUTS) == answer()
    again = RunDir(tmp_path)
    assert again.step("train", never, Choice, INPUTS) == answer()
    assert again.reused == ["train"]


def test_a_stage_that_knows_itself_what_is_missing_runs_again(tmp_path: Path) -> None:
    RunDir(tmp_path).step("train", answer, Choice, INPUTS)
    other = answer().model_copy(update={"reason": "another"})
    assert RunDir(tmp_path).step("train", lambda: other, Choice, INPUTS, again=True) == other


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
    assert caught.value.remedy == "Set FINETUNE_OUTPUT_DIR to a folder that uid 0 may write."


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
        assert "no right to change train/" in found and f"sudo chown -R 65534:65534 {root}" in found
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
        root.chmod(0o700)
        for look in (RunDir(root).holds_a_run, lambda: RunDir(root).has_result("train")):
            found = as_nobody(look)
            assert found.startswith("HostUnfit") and "cannot be read" in found, (
                "as `plan` and `export` find a closed folder"
            )


def test_a_replaceable_result_gives_way_to_other_inputs(tmp_path: Path) -> None:
    RunDir(tmp_path).step("push", answer, Choice, {"hub": {"repo_id": ""}})
    other = {"hub": {"repo_id": "owner/name"}}
    new = Choice(value="new", reason="other inputs")
    with pytest.raises(FolderError):
        RunDir(tmp_path).step("push", lambda: new, Choice, other)
    assert RunDir(tmp_path).step("push", lambda: new, Choice, other, replaceable=True) == new
