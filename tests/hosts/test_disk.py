"""What a run will write, and whether it fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.errors import DiskFull, HostUnfit
from job.hosts import disk
from job.settings.fields import DataSettings
from job.settings.sources import Source
from tests.conftest import make_rows, write_rows

pytestmark = pytest.mark.light


def test_too_little_space_names_the_variable_before_a_run_and_says_what_is_left_in_the_middle(tmp_path: Path) -> None:
    with pytest.raises(HostUnfit, match="GB free") as caught:
        disk.require_space(tmp_path, 10**18, "checkpoints and adapter", "FINETUNE_OUTPUT_DIR")
    assert "FINETUNE_OUTPUT_DIR" in caught.value.remedy
    with pytest.raises(DiskFull, match=r"bytes free; answers need up to 1,000,000,000,000,000,000\."):
        disk.require_left(tmp_path, 10**18, "answers")
    disk.require_space(tmp_path, 1, "", "")
    disk.require_left(tmp_path, 1, "")


def test_cleaning_is_predicted_from_the_sources_and_the_system_prompt(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", make_rows(1000))
    size = rows.stat().st_size
    plain = DataSettings(sources=(Source.parse(str(rows)),))
    assert disk.cleaning_bytes(plain) == 2 * size
    packed = rows.rename(tmp_path / "rows.jsonl.gz")
    assert disk.cleaning_bytes(plain.model_copy(update={"sources": (Source.parse(str(packed)),)})) == 10 * size
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("x" * 500, "utf-8")
    pattern = plain.model_copy(
        update={"sources": (Source.parse(f"{tmp_path}/*.gz"),), "system_prompt_file": str(prompt)}
    )
    assert disk.cleaning_bytes(pattern) > 2 * 2 * size  # as much prompt as rows
    assert disk.cleaning_bytes(plain.model_copy(update={"sources": (Source.parse("owner/name"),)})) == 0


def test_what_a_run_has_written_already_need_not_fit_again_and_broken_pieces_do_not_count(tmp_path: Path) -> None:
    names = ("train/checkpoints/checkpoint-5/optimizer.pt", "train/candidates/a", "train/adapter/a", "adapter/a")
    for name in ("clean/train.jsonl", *names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 1000)
    assert disk.present_bytes(tmp_path) == 5000
    for name in ("broken-clean", "train/checkpoints/broken-checkpoint-10"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x" * 1000)
    assert disk.present_bytes(tmp_path) == 5000


def test_answers_are_those_of_two_models() -> None:
    longest = json.dumps("ü" * 100)
    assert disk.answers_bytes(1, 100) >= 2 * len(longest.encode())
