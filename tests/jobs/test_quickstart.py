"""The quickstart, as README has it, shows the product's point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.quickstart.make_base import write_rows
from job.settings.files import QUICKSTART
from tests.conftest import PROJECT, metrics_of, run_job


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in QUICKSTART.rglob("*") if "__pycache__" not in path.parts) < 5_000_000


def test_an_images_ordinary_user_can_read_it() -> None:
    assert all(path.stat().st_mode & 0o004 for path in (QUICKSTART / "base").iterdir())


def test_the_shipped_rows_are_those_of_the_script(tmp_path: Path) -> None:
    write_rows(tmp_path, 480)
    for name in ("rows.jsonl", "questions.txt", "system_prompt.txt"):
        assert (tmp_path / name).read_bytes() == (QUICKSTART / name).read_bytes(), name


@pytest.mark.slow
def test_the_first_run(tmp_path: Path) -> None:
    result = run_job({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "--env-file", "env/quickstart.env", cwd=PROJECT)
    assert result.returncode == 0, result.stderr
    metrics = metrics_of(tmp_path)
    assert metrics["train"]["best_eval_loss"] < 0.8 * metrics["train"]["base_eval_loss"]
    assert metrics["probe"]["base"]["opening_filler_share"] > 0.8
    assert metrics["probe"]["tuned"]["opening_filler_share"] < 0.1
    assert metrics["probe"]["tuned"]["stopped_share"] > 0.9
    assert metrics["train"]["adapter_parts_bytes"]["embedding"] == 1025 * 128 * 2
    samples = [json.loads(line) for line in (tmp_path / "probe" / "samples.jsonl").read_text("utf-8").splitlines()]
    assert [sample["source"] for sample in samples].count("question") == 5
    assert (tmp_path / "report.html").exists()


@pytest.mark.gpu
def test_300_steps_in_float16_end_where_float32_ends(tmp_path: Path) -> None:
    """A base that was really pretrained; without dropout, whose random numbers depend on the width of the type."""
    losses = {}
    for precision in ("float16", "float32"):
        variables = {
            "FINETUNE_OUTPUT_DIR": str(tmp_path / precision),
            "FINETUNE_TRAIN_PRECISION": precision,
            "FINETUNE_TRAIN_EPOCHS": "11.2",
            "FINETUNE_TRAIN_LEARNING_RATE": "0.0005",
            "FINETUNE_LORA_DROPOUT": "0",
            "FINETUNE_PROBE_EVAL_ROWS": "1",
        }
        result = run_job(variables, "--env-file", "env/quickstart.env", cwd=PROJECT)
        assert result.returncode == 0, result.stderr
        train = metrics_of(tmp_path / precision)["train"]
        assert train["precision"]["value"] == precision
        assert train["steps"] >= 300
        losses[precision] = train["best_eval_loss"]
        print(precision, {name: train[name] for name in ("steps", "base_eval_loss", "best_eval_loss", "skipped_steps")})
    assert losses["float16"] == pytest.approx(losses["float32"], rel=0.005)
