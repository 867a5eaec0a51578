"""The whole job on an object store, with bits that flip, and on a disk that fills.

The rest is in `python -m tests.faults.storage` and `python -m tests.faults.integrity`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from job.runs.files import open_sealed
from job.runs.folder import RunDir
from tests.conftest import metrics_of, small_run
from tests.faults.integrity import flip
from tests.faults.object_store import crash, object_store
from tests.faults.runs import disturbed, results
from tests.faults.small_disk import fill, small_disk

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("round_trip_here")
def test_a_store_that_renames_no_folder_and_forgets_what_was_not_synced_and_bits_that_flip(
    command: Callable[..., int], base: Path, rows_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with object_store(tmp_path / "store") as server:
        output = tmp_path / "store" / "output"
        assert command(small_run(base, rows_file, output)) == 0
        wanted = results(output)
        crash(server, tmp_path / "store")
        assert results(output) == wanted
        for name in ("clean/train.jsonl", "train/adapter/adapter_model.safetensors", "probe.json"):
            flip(output / name, (output / name).stat().st_size // 2, 3)
        assert command(small_run(base, rows_file, output)) == 0
        assert metrics_of(output)["reused"] == [
            "train",
            "probe",
            "export",
            "push",
        ]  # the probe is done with that adapter
        assert results(output) == wanted
        assert {path.name for path in output.glob("broken-*")} == {
            *("broken-train.jsonl", "broken-adapter_model.safetensors", "broken-probe.json")
        }
    log = capfd.readouterr().err
    for words in ("broken=clean/train.jsonl", "broken=train/adapter/adapter_model.safetensors", "restored=probe.json"):
        assert words in log


def test_a_disk_that_is_full_when_training_begins(base: Path, rows_file: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64 * 2**20) as disk:
        output = disk / "output"
        wanted = small_run(base, rows_file, output)
        code, log = disturbed(wanted, "stage=train started=true", lambda _: fill(disk))
        assert code == 73, log
        assert metrics_of(output)["status"] == "failed"
        assert RunDir(output)._broken(open_sealed(output / "clean.json")["files"]) == []
