"""What a run folder says of its model, and every way in which it cannot say it. Nothing is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from job.asking.source import of_run
from job.errors import FolderError, HostUnfit, JobError, NotFound, SettingsError
from job.runs.files import open_sealed, write_sealed
from job.runs.lock import FolderLock
from tests.asking.conftest import CHATS, LOCAL, SYSTEM, write_records

pytestmark = pytest.mark.light


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_the_records_say_what_is_asked_and_stay_as_they_are(small_folder: Path) -> None:
    lock = FolderLock(small_folder)
    lock.take()  # a run is at work in it
    before = listing(small_folder)
    source = of_run(small_folder, "")
    assert (source.adapter, source.system, source.only_texts) == (small_folder / "adapter", SYSTEM, False)
    assert (source.max_new_tokens, source.repetition_penalty, source.precision) == (12, 1.0, "float32")
    assert source.model.location == str(small_folder.parent / "base")
    assert listing(small_folder) == before


def test_a_damaged_record_is_read_from_its_copy_and_not_mended(small_folder: Path) -> None:
    (small_folder / "probe.json").rename(small_folder / ".probe.json")
    (small_folder / "probe.json").write_text("{", "utf-8")
    before = listing(small_folder)
    assert of_run(small_folder, "").max_new_tokens == 12
    assert listing(small_folder) == before


def test_a_base_on_the_hub_is_the_commit_that_was_trained_on(small_folder: Path) -> None:
    write_records(small_folder, "meta/base", {}, trained=LOCAL.model_copy(update={"base_revision": "feedbeef"}))
    model = of_run(small_folder, "").model
    assert (model.base, model.revision, model.is_local) == ("meta/base", "feedbeef", False)


def test_plain_texts_are_continued(small_folder: Path) -> None:
    cleaned = CHATS.model_copy(update={"texts": CHATS.train_rows + CHATS.eval_rows})
    write_records(small_folder, "meta/base", {}, cleaned=cleaned)
    assert of_run(small_folder, "").only_texts


def other_schema(folder: Path) -> None:
    write_sealed(folder / "clean.json", open_sealed(folder / "clean.json") | {"schema_version": 1})


def other_result(folder: Path) -> None:
    write_sealed(folder / "train.json", open_sealed(folder / "train.json") | {"result": {"steps": 3}})


def only_cleaned(folder: Path) -> None:
    (folder / "probe.json").unlink()
    write_sealed(folder / "train.json", open_sealed(folder / "train.json") | {"result": None})


def loop(folder: Path) -> None:
    """What a process of root cannot read either."""
    (folder / "probe.json").unlink()
    (folder / "probe.json").symlink_to("probe.json")


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


SPOILT: dict[str, tuple[Callable[[Path], object], type[JobError], str]] = {
    "no folder": (shutil.rmtree, SettingsError, "holds no run (there is no folder)"),
    "empty": (emptied, SettingsError, "holds no run (it is empty)"),
    "not finished": (only_cleaned, SettingsError, "is not finished: done is clean, missing train, probe"),
    "other schema": (other_schema, FolderError, "another version of this program (schema 1, not 2)"),
    "other result": (other_result, FolderError, "another version of this program"),
    "no adapter": (lambda folder: shutil.rmtree(folder / "adapter"), NotFound, "adapter/adapter_model.safetensors in"),
    "unreadable": (loop, HostUnfit, "cannot be read: Too many levels of symbolic links"),
    "base gone": (lambda folder: shutil.rmtree(folder.parent / "base"), NotFound, "was trained on is gone"),
    "another base": (
        lambda folder: (folder.parent / "base" / "config.json").write_text('{"other": 1}', "utf-8"),
        NotFound,
        "the adapter belongs to another base model",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_cannot_be_asked_is_said(how: str, small_folder: Path) -> None:
    spoil, kind, said = SPOILT[how]
    spoil(small_folder)
    with pytest.raises(kind) as caught:
        of_run(small_folder, "")
    assert said in str(caught.value)
    assert caught.value.remedy


def test_an_adapters_own_folder_is_no_run(small_folder: Path) -> None:
    (small_folder / "adapter" / "adapter_config.json").write_text("{}", "utf-8")
    with pytest.raises(SettingsError, match="it is an adapter alone, so name the folder of its run"):
        of_run(small_folder / "adapter", "")


def test_a_base_that_was_moved_is_named_and_compared(small_folder: Path) -> None:
    moved = (small_folder.parent / "base").rename(small_folder.parent / "moved")
    assert of_run(small_folder, str(moved)).model.location == str(moved)
    (moved / "config.json").write_text('{"other": 1}', "utf-8")
    with pytest.raises(NotFound, match="belongs to another base model"):
        of_run(small_folder, str(moved))
