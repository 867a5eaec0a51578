"""Files are whole, on the disk and hashed before anybody relies on them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from job.runs import files
from job.runs.files import (
    MOST_ASIDE,
    facts_of,
    files_of,
    is_as_recorded,
    open_sealed,
    place,
    remove_unchanged,
    replace_folder,
    set_aside,
    settle,
    unused,
    write_json,
    write_sealed,
    write_text,
)
from job.runs.progress import counts

pytestmark = pytest.mark.light


def test_written_text_is_redacted_and_leaves_nothing_half(tmp_path: Path) -> None:
    token = "hf_" + "q" * 30
    write_text(tmp_path / "a.json", f"before {token} after")
    assert (tmp_path / "a.json").read_text("utf-8") == "before ********** after"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_in_the_place_of_a_file_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("first", "second"):
        (tmp_path / "a.json" / name).mkdir(parents=True)
        write_json(tmp_path / "a.json", {})
        (tmp_path / "a.json").unlink()
    assert (tmp_path / "broken-a.json" / "first").exists()
    assert (tmp_path / "broken-a.json.2" / "second").exists()
    assert "broken=a.json: it is a folder" in caplog.text


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
        (tmp_path / name / "both").write_text(name, "utf-8")
    replace_folder(tmp_path / "new", tmp_path / "final")
    found = sorted(path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path))
    assert found == ["final/both", "final/new", "kept-final/final", "kept-final/final.old"]
    assert (tmp_path / "final" / "both").read_text("utf-8") == "new"


def test_a_folder_is_replaced_whole_and_what_its_user_put_there_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for version in ("first", "second", "third"):
        write_text(tmp_path / "new" / "rows", version)
        replace_folder(tmp_path / "new", tmp_path / "final")
        write_text(tmp_path / "final" / "notes", f"on the {version}")
    kept = {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in files_of(tmp_path)}
    assert kept == {
        "final/notes": "on the third",
        "final/rows": "third",
        "kept-final/notes": "on the first",
        "kept-final/notes.2": "on the second",
    }
    assert "kept=kept-final/notes.2: the new final/ has no such file" in caplog.text


@pytest.mark.parametrize("place", ["elsewhere", "nowhere"])
def test_a_link_gives_way_and_what_it_points_to_stays_untouched(place: str, tmp_path: Path) -> None:
    """Before, the files of the folder that it points to were moved out of it, and a link to nothing was a traceback."""
    write_text(tmp_path / "elsewhere" / "mine", "of somebody")
    (tmp_path / "final").symlink_to(tmp_path / place)
    write_text(tmp_path / "new" / "rows", "new")
    replace_folder(tmp_path / "new", tmp_path / "final")
    found = sorted(path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path))
    assert found == ["elsewhere/mine", "final/rows"]
    assert not (tmp_path / "final").is_symlink()


def test_a_few_files_of_one_name_are_kept_and_the_first_of_them_for_good(tmp_path: Path) -> None:
    for number in range(1, MOST_ASIDE + 3):
        unused(tmp_path / "rows").write_text(str(number), "utf-8")
    found = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert len(found) == MOST_ASIDE
    assert (found["rows"], found["rows.2"], found[f"rows.{MOST_ASIDE}"]) == ("1", "2", str(MOST_ASIDE + 2))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was synced, in order."""
    names: list[str] = []
    fsync = os.fsync

    def spy(handle: int) -> None:
        names.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", spy)
    return names


def test_files_of_a_folder_are_on_the_disk_before_it_takes_its_place(tmp_path: Path, synced: list[str]) -> None:
    (tmp_path / "new" / "inner").mkdir(parents=True)
    for name in ("a", "inner/b"):
        (tmp_path / "new" / name).write_text("x", "utf-8")
    replace_folder(tmp_path / "new", tmp_path / "final")
    assert synced == ["a", "b", "new", "inner", tmp_path.name]


def test_what_a_library_wrote_for_its_owner_alone_is_readable_as_the_umask_says(
    tmp_path: Path, synced: list[str]
) -> None:
    partial = tmp_path / "next.partial"
    partial.write_text("weights", "utf-8")
    partial.chmod(0o600)
    before = os.umask(0o027)
    try:
        place(partial, tmp_path / "weights")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights").stat().st_mode) == 0o640
    assert synced == ["next.partial", tmp_path.name]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOTSUP, errno.EXDEV, errno.ENOTEMPTY])
def test_a_folder_that_cannot_be_renamed_is_moved_file_by_file(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.is_dir():
            raise OSError(number, os.strerror(number))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    for name in ("new", "final"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "file").write_text(name, "utf-8")
    (tmp_path / "final" / "gone").touch()
    replace_folder(tmp_path / "new", tmp_path / "final")
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == [
        *("final", "final/inner", "final/inner/file", "kept-final", "kept-final/gone")
    ]
    assert (tmp_path / "final" / "inner" / "file").read_text("utf-8") == "new"
    assert set_aside(tmp_path / "final") == tmp_path / "broken-final"
    assert (tmp_path / "broken-final" / "inner" / "file").exists()


def test_a_disk_that_fails_while_syncing_is_an_error_and_one_that_cannot_sync_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(number: int) -> None:
        def fsync(handle: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    fails(errno.EINVAL)
    write_text(tmp_path / "a", "text")
    settle(tmp_path)
    for number in (errno.ENOSPC, errno.EIO):
        fails(number)
        with pytest.raises(OSError, match=os.strerror(number)):
            write_text(tmp_path / "a", "other text")
        assert (tmp_path / "a").read_text("utf-8") == "text"


def test_a_file_is_known_by_size_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 3)
    path = tmp_path / "file"
    path.write_bytes(b"1234567")
    before = counts().get("bytes", 0)
    facts = facts_of(path)
    assert counts()["bytes"] == before + 7  # a watchdog sees that a large file is being read
    assert facts == {"bytes": 7, "sha256": "8bb0cf6eb9b17d0f7d22b456f121257dc1254e1f01665370476383ea776df414"}
    assert is_as_recorded(path, facts)
    path.write_bytes(b"1234568")
    assert not is_as_recorded(path, facts)
    path.unlink()
    assert not is_as_recorded(path, facts)
    assert not is_as_recorded(path / "below", facts)


def test_every_flipped_byte_of_a_sealed_file_is_found_or_changes_no_value(tmp_path: Path) -> None:
    value = {"loss": 0.125, "files": {"a": {"bytes": 3}}, "text": "\u00fc \u2028 \U0001f600", "none": None}
    write_sealed(tmp_path / "record.json", value)
    content = (tmp_path / "record.json").read_bytes()
    assert open_sealed(tmp_path / "record.json") == value
    for place_ in range(len(content)):
        for bit in (0, 2, 5, 7):
            flipped = bytearray(content)
            flipped[place_] ^= 1 << bit
            (tmp_path / "flipped.json").write_bytes(flipped)
            try:
                found = open_sealed(tmp_path / "flipped.json")
            except ValueError:
                continue
            assert found == value, (place_, bit)


def test_a_secret_in_a_sealed_file_is_starred_and_the_seal_holds(tmp_path: Path) -> None:
    write_sealed(tmp_path / "record.json", {"text": "before hf_" + "q" * 30})
    assert open_sealed(tmp_path / "record.json") == {"text": "before **********"}


def test_files_that_nobody_has_changed_are_removed_with_their_folder(tmp_path: Path) -> None:
    names = ("lora/weights", "merged/weights", "merged/card")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("lamp", "utf-8")
    facts = {name: facts_of(tmp_path / name) for name in names}
    (tmp_path / "merged/card").write_text("mine", "utf-8")
    remove_unchanged(tmp_path, {**facts, "moved/away": facts["lora/weights"]})
    assert files_of(tmp_path) == [tmp_path / "merged/card"]
    assert not (tmp_path / "lora").exists()
