"""The page: at every ending, from whatever is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from job.reporting.report import count_dropped, write_report
from job.results import Failure, LogEntry, MaskedRow, Metrics, Pushed, Sample, TokenCounts
from job.runs.files import read_lines
from tests.conftest import PROJECT
from tests.reporting.pages import Tags, page_of, text_of
from tests.sample_results import (
    CLEANED,
    DONE,
    HOST,
    LOG,
    LOSSES,
    PROBED,
    PUSHED,
    SAMPLES,
    SETTINGS,
    TRAINED,
    metrics,
    sample,
    scores,
)


def test_what_was_skipped_has_no_row() -> None:
    assert PROBED.forgetting
    none = PROBED.forgetting.model_copy(update={"choices": 0, "base_accuracy": 0.0, "tuned_accuracy": 0.0})
    text = text_of(page_of(DONE.model_copy(update={"probe": PROBED.model_copy(update={"forgetting": none})}), LOG))
    assert "general multiple-choice questions answered right, of" not in text
    assert "general multiple-choice questions answered right, of 100" in text_of(page_of(DONE, LOG))
    assert "distance from the base on 100 general prompts" in text


def test_a_page_without_the_log_says_why_it_has_no_curve() -> None:
    assert "The loss curve and the speed cannot be shown: train/log.jsonl is gone." in text_of(page_of(DONE))
    assert "is gone" not in text_of(page_of(DONE, LOG))


def test_a_success_says_what_was_won() -> None:
    text = text_of(page_of(DONE, LOG, SAMPLES))
    assert "✓ Better than the base model The tuned model is better than the base model." in text
    assert (
        "loss of the held-out rows, mean over rows 50 rows would show a change of 0.080 and more 2.31 1.42 −0.890"
        in text
    )
    assert "Base model acme/small-3b Adapter acme/tuned" in text
    assert "2026-01-01 00:00 UTC" in text
    assert "1 min 12 s; reused from an earlier start: clean" in text
    assert "11.40 GB of 15.64 GB (73 %)" in text
    assert "compute capability 7.5 has no bfloat16" in text
    assert "differ by at most 0.002; 0.05 is allowed. ✓ within" in text
    assert "train.max_tokens 512" in text


def test_a_settings_error_keeps_its_lines_and_says_what_to_do() -> None:
    error = Failure(kind="SettingsError", message="2 settings are wrong:\n  A: not set\n  B: too low", remedy="Mend.")
    page = page_of(metrics(status="failed", stage="settings", exit_code=64, seconds=0.4, error=error))
    assert "2 settings are wrong:\n  A: not set\n  B: too low</pre>" in page
    text = text_of(page)
    assert "Failed in stage “settings”" in text
    assert "The run ended before any result." in text
    assert "What to do: Mend." in text
    assert "Exit code 64: settings Worth another try? no" in text
    assert "<svg" not in page


def test_a_failure_in_train_shows_how_far_it_came() -> None:
    error = Failure(kind="MemoryExhausted", message="GPU memory ran out.", remedy="Lower it.")
    failed = metrics(status="failed", stage="train", exit_code=62, settings=SETTINGS, clean=CLEANED, error=error)
    page = page_of(failed, LOG)
    text = text_of(page)
    assert "Failed in stage “train”" in text
    assert "Eval loss 2.31 → 1.42 (−39 %) so far, at step 20." in text
    assert "dropped: duplicate −2,000" in text
    assert page.count("<svg") == 2


def test_a_stopped_run_has_a_page_with_one_point() -> None:
    page = page_of(metrics(status="stopped", stage="train", exit_code=75, clean=CLEANED), LOG[:1])
    text = text_of(page)
    assert "Stopped in stage “train”" in text
    assert "Worth another try? yes, continues" in text
    assert "9,450 of 12,000 rows are kept; no adapter has been evaluated yet." in text
    assert page.count("<svg") == 2


def test_a_running_job_has_a_page_without_an_exit_code() -> None:
    text = text_of(page_of(metrics()))
    assert "There is no result yet." in text
    assert "Exit code" not in text


RESULTS = {"host": HOST, "clean": CLEANED, "train": TRAINED, "probe": PROBED, "push": PUSHED}


@pytest.mark.parametrize("missing", RESULTS)
@pytest.mark.parametrize("log", [[], LOG[1:2], LOG], ids=["no log", "one line", "whole log"])
def test_any_result_may_be_missing(missing: str, log: list[LogEntry]) -> None:
    Tags(page_of(DONE.model_copy(update={missing: None}), log))
    Tags(page_of(metrics(**{missing: RESULTS[missing]}), log, SAMPLES))


def test_no_number_is_too_odd_for_a_page() -> None:
    odd = float("nan")
    train = TRAINED.model_copy(update={"base_eval_loss": odd, "best_eval_loss": float("inf"), "epochs": odd})
    probe = PROBED.model_copy(update={"base": scores(stopped_share=odd, mean_tokens=odd)})
    changes = {"train": train, "probe": probe, "seconds": odd, "stage_seconds": {"clean": odd}}
    log = [*LOG, LogEntry(step=30, loss=odd, eval_loss=odd, seconds=odd)]
    Tags(page_of(DONE.model_copy(update=changes), log))
    nothing = CLEANED.model_copy(
        update={
            "rows_in": 0,
            "train_rows": 0,
            "eval_rows": 0,
            "dropped": {},
            "train_tokens": 0,
            "rules": {},
            "sources": [],
        }
        | {"token_counts": TokenCounts(step=1, rows=[], rows_above=0, longest_above=0, median=0)}
        | {
            "plain_split_leaked_rows": 0,
            "plain_split_eval_rows": 0,
            "masked_rows": [MaskedRow(tokens=[], learned=[])],
        }
    )
    assert "No rule changed or dropped a row." in text_of(page_of(metrics(clean=nothing)))
    Tags(page_of(metrics(clean=nothing.model_copy(update={"plain_split_leaked_rows": 1, "masked_rows": []}))))


def test_an_exit_code_that_nobody_knows_stands_alone() -> None:
    assert "Exit code 137 Started" in text_of(page_of(metrics(status="failed", exit_code=137)))


def test_why_a_training_may_have_taught_nothing_stands_beside_its_steps() -> None:
    trained = TRAINED.model_copy(update={"warnings": ["7 optimizer steps hardly teach anything"]})
    text = text_of(page_of(DONE.model_copy(update={"train": trained}), LOG))
    assert "Warning 7 optimizer steps hardly teach anything" in text
    assert "Warning " not in text_of(page_of(DONE, LOG))


def test_a_skipped_push_gives_its_reason_and_the_folder() -> None:
    skipped = Pushed(skipped=True, reason="no repository is set", repositories=[])
    text = text_of(page_of(DONE.model_copy(update={"push": skipped}), LOG))
    assert "Skipped: no repository is set." in text
    assert "Base model acme/small-3b Adapter folder adapter" in text


def run_folder(root: Path) -> Path:
    for folder in ("train", "probe", "clean"):
        (root / folder).mkdir()
    (root / "train/log.jsonl").write_text("".join(f"{line.model_dump_json()}\n" for line in LOG) + '{"step": 30, "lo')
    (root / "probe/samples.jsonl").write_text("".join(f"{line.model_dump_json()}\n" for line in SAMPLES))
    row = {
        "source": "a/b@main:train",
        "reason": "duplicate",
        "question": "private question",
        "answer": "private answer",
    }
    (root / "clean/dropped.jsonl").write_text(f"{json.dumps(row)}\n" * 3 + '["no row"]\n{"reas')
    return root


def test_a_run_folder_becomes_a_page(tmp_path: Path) -> None:
    write_report(run_folder(tmp_path), DONE)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page == page_of(DONE, LOG, SAMPLES, {"a/b@main:train": {"duplicate": 3}})
    assert "duplicate 3" in text_of(page)
    assert "private" not in page.replace("hub.private", "")
    assert not list(tmp_path.glob("*.partial"))


def test_answers_of_a_probe_whose_result_other_settings_have_replaced_are_not_shown(tmp_path: Path) -> None:
    write_report(run_folder(tmp_path), DONE.model_copy(update={"probe": None}))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert SAMPLES[0].tuned not in page and "samples.jsonl" not in page


@pytest.mark.parametrize("state", [metrics(), DONE], ids=["nothing known", "all results"])
def test_every_file_may_be_missing(tmp_path: Path, state: Metrics) -> None:
    write_report(tmp_path, state)
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_torn_and_foreign_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(LOG[0].model_dump_json().encode() + b'\n\n\xff\xfe\n{"other": 1}\n{"step": 5, "lo')
    assert read_lines(path, LogEntry) == LOG[:1]
    assert count_dropped(path) == {}
    assert read_lines(tmp_path / "missing.jsonl", LogEntry) == []
    assert count_dropped(tmp_path / "missing.jsonl") == {}


def test_a_line_ends_at_a_line_feed_alone(tmp_path: Path) -> None:
    """JSON leaves U+2028 as it is, and `str.splitlines` would cut the line there."""
    odd = sample(tuned="One.\u2028Two.\x85Three.\rFour.")
    path = tmp_path / "samples.jsonl"
    path.write_text(f"{odd.model_dump_json()}\n", "utf-8", newline="")
    assert read_lines(path, Sample) == [odd]


def test_the_report_needs_no_model_library() -> None:
    """A wrong setting gets its report without the seconds that importing torch takes."""
    code = "import sys, job.reporting.report; print({'torch', 'transformers', 'peft', 'datasets'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_the_page_is_redacted(tmp_path: Path) -> None:
    token = "hf_" + "z" * 30
    write_report(tmp_path, metrics(error=Failure(kind="X", message=f"refused {token}", remedy="")))
    assert token not in (tmp_path / "report.html").read_text("utf-8")


def test_a_file_that_cannot_be_read_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for place in ("train/log.jsonl", "probe/samples.jsonl", "probe/losses.jsonl", "clean/eval.jsonl"):
        (tmp_path / place).mkdir(parents=True)
    write_report(tmp_path, DONE)
    assert "Better than the base model" in (tmp_path / "report.html").read_text("utf-8")
    assert "report=without_a_file" in caplog.text


def test_rows_that_changed_most_come_from_the_files(tmp_path: Path) -> None:
    root = run_folder(tmp_path)
    lines = "".join(f"{line.model_dump_json()}\n" for line in LOSSES)
    (root / "probe/losses.jsonl").write_text(lines + '{"row": 9, "to')
    (root / "clean/eval.jsonl").write_text('{"question": "How is the moss?", "answer": "Dry."}\n' * 8)
    write_report(root, DONE)
    text = text_of((root / "report.html").read_text("utf-8"))
    assert "it rose on 1 of 8 held-out rows" in text
    assert "2.70 → 2.85 ▼ How is the moss?" in text
    assert "Line 8 of the evaluation rows, 47 tokens learned." in text
