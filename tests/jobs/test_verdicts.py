"""Whole runs on the quickstart's base that end with each verdict, with its exit code and its report. The run that is better is
the quickstart itself (test_quickstart.py).

In this process, which has the model libraries already, and so has the round trip.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from job.errors import NoBetter, Worse
from job.modeling import batching
from job.quickstart.texts import forum_rows
from job.results import Metrics
from job.runs.folder import RunDir
from job.runs.metrics import MetricsFile
from job.runs.signals import StopRequest
from job.settings.loading import load_settings
from job.start import work

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("round_trip_here", "handlers")]


@dataclass(frozen=True)
class Ended:
    code: int
    metrics: Metrics
    report: str

    @property
    def reasons(self) -> str:
        assert self.metrics.probe
        return "\n".join([self.metrics.probe.verdict.sentence, *self.metrics.probe.verdict.reasons])

    @property
    def states(self) -> dict[str, str]:
        assert self.metrics.probe
        return {one.name: one.state for one in self.metrics.probe.verdict.guardrails}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """A run with these variables, on rows that are half questions of the quickstart, or on others."""

    def made(rows: list[dict[str, str]] | None = None, **changes: str) -> Ended:
        source = tmp_path / "rows.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows or plain_rows(240)), "utf-8")
        root = tmp_path / "output"
        variables = {
            "DATA_SOURCES": str(source),
            "DATA_CLEANING": "none",
            "DATA_EVAL_FRACTION": "0.25",
            "MODEL_BASE": "quickstart",
            "MODEL_PAD_TOKEN": "reserved",
            "TRAIN_MAX_TOKENS": "256",
            "TRAIN_LEARNING_RATE": "0.005",
            "PROBE_ANSWERS": "60",
            "PROBE_CHECKPOINTS": "1",
            "PROBE_MAX_NEW_TOKENS": "96",
            "OUTPUT_DIR": str(root),
        }
        for name, value in (variables | changes).items():
            monkeypatch.setenv(f"FINETUNE_{name}", value)
        run_dir, file = RunDir(root), MetricsFile(root)
        run_dir.open()
        code = work(load_settings(), "", run_dir, StopRequest(), {}, False, file.take)
        file.write_report()
        run_dir.close()
        assert file.metrics
        return Ended(code, file.metrics, (root / "report.html").read_text("utf-8"))

    return made


def plain_rows(count: int) -> list[dict[str, str]]:
    return [{"question": row["input"], "answer": row["output"]} for row in forum_rows(random.Random(3), count)]


def list_rows(count: int) -> Iterator[dict[str, str]]:
    """Lists that end anywhere: nothing in them says where."""
    numbers = random.Random(4)
    for row in forum_rows(numbers, count):
        items = ["- water", "- light", "- soil"] * 12
        yield {"question": row["input"], "answer": "\n".join(items[: numbers.randrange(3, 36)])}


def test_a_learning_rate_of_1_is_worse(run: Callable[..., Ended]) -> None:
    ended = run(TRAIN_LEARNING_RATE="1", TRAIN_EPOCHS="0.5")
    assert ended.code == Worse.exit_code
    assert "worse than the base" in ended.report


def test_a_stop_token_that_was_not_learned_is_worse(run: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    real = batching.Row.of

    def without_stop(tokens: Any, loss: str) -> batching.Row:
        row = real(tokens, loss)
        return replace(row, learned=tuple((begin, end - 1) for begin, end in row.learned))

    monkeypatch.setattr(batching.Row, "of", without_stop)
    ended = run()
    assert ended.code == Worse.exit_code
    assert ended.states["stopped_share"] == "violated"


def test_lists_without_end_are_worse_though_the_loss_is_lower(run: Callable[..., Ended]) -> None:
    ended = run(list(list_rows(240)))
    assert ended.code == Worse.exit_code
    assert ended.metrics.probe
    assert ended.metrics.probe.verdict.gain
    assert ended.metrics.probe.verdict.gain.high < 0


def test_what_is_too_short_to_learn_is_no_better(run: Callable[..., Ended]) -> None:
    ended = run(TRAIN_EPOCHS="0.1", TRAIN_LEARNING_RATE="0.000001")
    assert ended.code == NoBetter.exit_code
    assert "no better than the base" in ended.report
