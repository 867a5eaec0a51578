"""The report: one file, at every ending, from whatever is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from job.reporting.report import duration, read_lines, render, share, size, write_report
from job.results import (
    Choice,
    Cleaned,
    Failure,
    LogEntry,
    Metrics,
    Probed,
    Pushed,
    PushedRepo,
    Sample,
    Scores,
    SourceCount,
    Trained,
)

LOG = [
    LogEntry(step=0, eval_loss=2.0, seconds=0),
    LogEntry(step=10, loss=1.5, seconds=1),
    LogEntry(step=20, eval_loss=1.0, seconds=2),
]
SAMPLE = Sample(
    question="What <b>now</b>?",
    source="question",
    reference="",
    base="<script>alert(1)</script>",
    tuned="مرحبا 👋",
    base_stopped=False,
    tuned_stopped=True,
)


def metrics(**changes: Any) -> Metrics:
    facts: dict[str, Any] = {
        "version": "0",
        "status": "succeeded",
        "stage": "push",
        "exit_code": 0,
        "started_at": "2026-01-01T00:00:00+00:00",
        "updated_at": "2026-01-01T00:01:00+00:00",
        "seconds": 60.0,
        "stage_seconds": {},
        "reused": [],
        "settings": {},
    }
    return Metrics(**(facts | changes))


CLEANED = Cleaned(
    rows_in=100,
    train_rows=80,
    eval_rows=10,
    dropped={"short_answer": 10},
    sources=[SourceCount(source="a/b@main:train", revision="abc", layout="question/answer", rows_in=100, rows_out=90)],
    rules={},
    system_prompt="Be brief.",
    train_tokens=5000,
    answer_tokens=2000,
    longest_tokens=200,
    train_path="clean/train.jsonl",
    eval_path="clean/eval.jsonl",
    dropped_path="clean/dropped.jsonl",
    sha256="0",
)
TRAINED = Trained(
    adapter_path="adapter",
    base_revision="",
    precision=Choice(value="float32", reason="no GPU"),
    steps=20,
    epochs=1,
    trainable_parameters=1000,
    total_parameters=100000,
    base_eval_loss=2.0,
    best_eval_loss=1.0,
    best_step=20,
    final_train_loss=1.1,
    train_seconds=72,
    train_tokens=5000,
    tokens_per_second=69,
    resumed_from_step=0,
    micro_batch_rows=4,
    accumulation_steps=4,
    peak_gpu_bytes=0,
    vocabulary_rows=1025,
    pad_token="<pad>",
    adapter_bytes=4000,
    adapter_parts_bytes={"lora": 4000},
    readback_max_difference=0.0,
    readback_tolerance=1e-4,
)


def scores(filler: float) -> Scores:
    return Scores(
        answers=1,
        stopped_share=1,
        opening_filler_share=filler,
        closing_filler_share=0,
        repetition_share=0,
        mean_tokens=9,
    )


PROBED = Probed(samples_path="probe/samples.jsonl", questions=1, eval_rows=0, base=scores(1), tuned=scores(0))
PUSHED = Pushed(
    skipped=False,
    reason="",
    repositories=[PushedRepo(kind="model", repo_id="a/b", commit="c0ffee", url="https://hub/a/b", files=6, bytes=5000)],
)
DONE = metrics(clean=CLEANED, train=TRAINED, probe=PROBED, push=PUSHED)


def test_a_success_says_what_was_won() -> None:
    page = render(DONE, LOG, [SAMPLE])
    assert "Evaluation loss 2.000 → 1.000 (-50%); answers that open with filler 100% → 0%." in page
    assert "short answer" in page
    assert "c0ffee" in page
    assert "did not stop by itself" in page
    assert page.count("<svg") == 1


ENDINGS = {
    "settings": metrics(
        status="failed",
        stage="settings",
        exit_code=64,
        error=Failure(kind="SettingsError", message="wrong", remedy="mend"),
    ),
    "in train": metrics(
        status="failed",
        stage="train",
        exit_code=62,
        clean=CLEANED,
        error=Failure(kind="X", message="no memory", remedy="less"),
    ),
    "stopped": metrics(status="stopped", stage="train", exit_code=75, clean=CLEANED),
    "running": metrics(status="running", stage="clean", exit_code=None),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_has_a_page(ending: str) -> None:
    state = ENDINGS[ending]
    page = render(state, LOG[:1] if state.clean else [], [])
    if state.error:
        assert state.error.message in page
        assert state.error.remedy in page


def test_what_models_and_rows_say_is_text_and_never_markup() -> None:
    page = render(DONE, LOG, [SAMPLE])
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "What &lt;b&gt;now&lt;/b&gt;?" in page


def test_equal_results_give_equal_bytes() -> None:
    assert render(DONE, LOG, [SAMPLE]) == render(DONE, LOG, [SAMPLE])


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render(DONE, LOG, [SAMPLE])
    loaded = re.findall(r"(?:src|href)=[\"'](?!#)([^\"']+)", page) + re.findall(r"url\((?!#)([^)]+)\)|@import", page)
    assert loaded == ["https://hub/a/b"]


def test_torn_lines_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(LOG[0].model_dump_json() + '\n{"step": 5, "lo', "utf-8")
    assert read_lines(tmp_path / "log.jsonl", LogEntry) == LOG[:1]
    assert read_lines(tmp_path / "missing.jsonl", LogEntry) == []


def test_the_page_is_redacted(tmp_path: Path) -> None:
    token = "hf_" + "z" * 30
    write_report(tmp_path, metrics(error=Failure(kind="X", message=f"refused {token}", remedy="")))
    assert token not in (tmp_path / "report.html").read_text("utf-8")


def test_numbers_are_for_people() -> None:
    assert [share(value) for value in (0, 0.004, 0.25, 1)] == ["0%", "0.4%", "25%", "100%"]
    assert [size(value) for value in (512, 286_720, 824_711_168)] == ["512 bytes", "286.7 kB", "824.7 MB"]
    assert [duration(value) for value in (4.2, 72, 4380)] == ["4.2 s", "1 min 12 s", "1 h 13 min"]
