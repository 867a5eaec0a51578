"""What a training with other workers goes by before its first step."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import MemoryExhausted, Stopped
from job.modeling.files import BaseFiles
from job.settings.fields import LoraSettings, TrainSettings
from job.training.parallel import beginning
from job.training.parallel.beginning import gathered, held_by, smaller_next_time


def test_memory_that_runs_out_where_workers_share_a_base_makes_the_next_start_smaller(tmp_path: Path) -> None:
    """None of them can try another cut while the others wait in a pass. The second time it is the end."""
    marker = tmp_path / "train" / "smaller"
    words = r"full\. The next start begins with micro-batches of half the size"
    with pytest.raises(Stopped, match=words), smaller_next_time(marker, halved=False):
        raise MemoryExhausted("full.")
    assert marker.exists()
    with pytest.raises(MemoryExhausted, match="full"), smaller_next_time(marker, halved=True):
        raise MemoryExhausted("full.")


def test_a_host_that_is_alone_goes_by_its_own_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gathered(None, 3, TrainSettings()) == ([3], None)
    monkeypatch.setattr(beginning, "weakest_capability", lambda: (7, 5))
    assert gathered(None, 3, TrainSettings()) == ([3], (7, 5))


def test_a_single_worker_holds_the_whole_base_and_says_so_where_it_was_to_be_shared(
    base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = BaseFiles(base, str(base), "")
    full = TrainSettings(shard="full")
    assert held_by(files, LoraSettings(), full, [1, 1], None) == "sharded"
    assert held_by(files, LoraSettings(), TrainSettings(shard="auto"), [2], None) == "whole", "main memory holds it"
    assert held_by(files, LoraSettings(), TrainSettings(shard="none"), [2], None) == "whole"
    assert not caplog.records
    assert held_by(files, LoraSettings(), full, [1], None) == "whole"
    assert "FINETUNE_TRAIN_SHARD=full shares the base among workers, and this run has one" in caplog.text
