"""A run continues from whole checkpoints only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from job.training import checkpoints


def make(folder: Path, step: int, *, sealed: bool = True) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_model.safetensors").write_bytes(b"weights %d" % step)
    (checkpoint / "adapter_model.safetensors").chmod(0o600)
    (checkpoint / "optimizer.pt").write_bytes(b"moments")
    if sealed:
        checkpoints.seal(checkpoint)
    return checkpoint


def test_only_whole_checkpoints_are_resumed_from(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        make(tmp_path, step, sealed=step < 15)
    (tmp_path / "checkpoint-10" / "adapter_model.safetensors").write_bytes(b"flipped!!!")
    assert checkpoints.newest_whole(tmp_path) == tmp_path / "checkpoint-5"
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-5", "broken-checkpoint-10"}
    (tmp_path / "checkpoint-5" / "optimizer.pt").unlink()
    assert checkpoints.newest_whole(tmp_path) is None


def test_a_file_in_the_place_of_their_folder_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file", "utf-8")
    assert checkpoints.newest_whole(tmp_path / "checkpoints") is None
    assert make(tmp_path / "checkpoints", 5) == checkpoints.newest_whole(tmp_path / "checkpoints")
    assert (tmp_path / "broken-checkpoints").read_text("utf-8") == "a file"


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"files": {}}', b"\xff"])
def test_a_manifest_that_is_not_as_it_was_written_vouches_for_nothing(manifest: bytes, tmp_path: Path) -> None:
    checkpoint = make(tmp_path, 5)
    assert checkpoints.is_whole(checkpoint)
    (checkpoint / checkpoints.MANIFEST).write_bytes(manifest)
    assert checkpoints.newest_whole(tmp_path) is None
    assert (tmp_path / "broken-checkpoint-5").exists()


def test_broken_ones_go_when_a_newer_one_is_whole(tmp_path: Path) -> None:
    make(tmp_path, 5)
    make(tmp_path, 10)
    (tmp_path / "checkpoint-10" / "optimizer.pt").write_bytes(b"")
    checkpoints.newest_whole(tmp_path)
    assert (tmp_path / "broken-checkpoint-10").exists()
    make(tmp_path, 10)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-5", "checkpoint-10"}


def test_an_evaluation_after_it_changes_the_log_and_the_candidates_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("lines", "utf-8")
    checkpoint = make(tmp_path / "checkpoints", 5)
    (tmp_path / "log.jsonl").write_text("lines and an evaluation", "utf-8")
    (tmp_path / "candidates").mkdir()
    (tmp_path / "candidates" / "candidates.json").write_text("facts", "utf-8")
    checkpoints.seal_again(checkpoint)
    assert (checkpoint / "log.jsonl").read_text("utf-8") == "lines and an evaluation"
    assert (checkpoint / "candidates.json").read_text("utf-8") == "facts"
    assert checkpoints.is_whole(checkpoint)
    (checkpoint / "optimizer.pt").write_bytes(b"flipped")
    checkpoints.seal_again(checkpoint)
    assert not checkpoints.is_whole(checkpoint), "it vouches for nothing that it has not written"


def test_a_checkpoint_holds_the_log_and_the_candidates_facts_of_its_step(tmp_path: Path) -> None:
    (tmp_path / "candidates").mkdir()
    (tmp_path / "log.jsonl").write_text("lines", "utf-8")
    (tmp_path / "candidates" / "candidates.json").write_text("facts", "utf-8")
    checkpoint = make(tmp_path / "checkpoints", 5)
    assert (checkpoint / "log.jsonl").read_text("utf-8") == "lines"
    assert (checkpoint / "candidates.json").read_text("utf-8") == "facts"
    (checkpoint / "log.jsonl").write_text("line5", "utf-8")
    assert not checkpoints.is_whole(checkpoint)


def test_a_checkpoint_that_is_saved_again_is_whole_and_readable(tmp_path: Path) -> None:
    checkpoint = make(tmp_path, 5)
    (checkpoint / "optimizer.pt").write_bytes(b"other moments")
    checkpoints.seal(checkpoint)
    assert checkpoints.is_whole(checkpoint)
    assert stat.S_IMODE((checkpoint / "adapter_model.safetensors").stat().st_mode) & 0o044
