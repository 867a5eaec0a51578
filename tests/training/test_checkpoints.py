"""A run continues from whole checkpoints only."""

from __future__ import annotations

from pathlib import Path

from job.training import checkpoints


def test_only_whole_checkpoints_are_resumed_from(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(b"weights %d" % step)
        (folder / "optimizer.pt").write_bytes(b"moments")
        if step < 15:
            checkpoints.seal(folder)
    (tmp_path / "checkpoint-10" / "adapter_model.safetensors").write_bytes(b"flipped!!!")
    assert checkpoints.newest_whole(tmp_path) == tmp_path / "checkpoint-5"
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint-5",
        "broken-checkpoint-10",
        "broken-checkpoint-15",
    }
    (tmp_path / "checkpoint-5" / "optimizer.pt").unlink()
    assert checkpoints.newest_whole(tmp_path) is None
