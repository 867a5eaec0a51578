"""The quickstart, as README has it, shows the product's point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import PROJECT, metrics_of, run_job


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
    assert metrics["probe"]["verdict"]["value"] == "better"
    assert {one["state"] for one in metrics["probe"]["verdict"]["guardrails"]} == {"passed"}
    (lora,) = metrics["export"]["forms"]
    assert (lora["name"], lora["agreement"]["answers"]) == ("lora", 16)
    assert lora["agreement"]["same_tokens"] == lora["agreement"]["tokens"] > 500
    asked = [sample for sample in samples if sample["source"] == "question"]
    (tmp_path / "asked.txt").write_text("".join(sample["question"] + "\n" for sample in asked), "utf-8")
    with (tmp_path / "asked.txt").open() as questions:
        said = run_job({}, "ask", "--json", "--output", str(tmp_path), stdin=questions)
    assert said.returncode == 0, said.stderr
    for line, sample in zip(said.stdout.splitlines(), asked, strict=True):
        answers = json.loads(line)
        assert answers == {name: sample[name] for name in answers} and len(answers) == 5
    merged = run_job({}, "export", "merged", "--output", str(tmp_path))
    assert merged.returncode == 0, merged.stderr
    assert "merged: 2,29" in merged.stdout and "says 16 of 16 word for word" in merged.stdout
    assert [form["name"] for form in metrics_of(tmp_path)["export"]["forms"]] == ["lora", "merged"]
    assert "Better than the base model" in (tmp_path / "report.html").read_text("utf-8")


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
            "FINETUNE_PROBE_ANSWERS": "1",
        }
        result = run_job(variables, "--env-file", "env/quickstart.env", cwd=PROJECT)
        assert result.returncode == 0, result.stderr
        train = metrics_of(tmp_path / precision)["train"]
        assert train["precision"]["value"] == precision
        assert train["steps"] >= 300
        losses[precision] = train["best_eval_loss"]
        print(precision, {name: train[name] for name in ("steps", "base_eval_loss", "best_eval_loss", "skipped_steps")})
    assert losses["float16"] == pytest.approx(losses["float32"], rel=0.005)
