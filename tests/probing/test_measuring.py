"""Losses and answers of adapters beside the base's. How they become a verdict is in test_stage.py."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from job.modeling.generation import Answer
from job.probing import measuring
from job.probing.measuring import Probe
from job.probing.questions import Question
from job.probing.tuned import Tuned
from job.settings.fields import ProbeSettings


@pytest.fixture
def probe() -> Probe:
    chat: Any = SimpleNamespace()
    return Probe(
        tuned=Tuned(SimpleNamespace(disable_adapter=nullcontext)),
        chat=chat,
        settings=ProbeSettings(),
        seed=1,
        questions=[Question(f"Why {number}?", "", "", "eval_row", number=number) for number in range(3)],
        prompts=[[number] for number in range(3)],
        rows=[],
        halves={0: "choice"},
        look=lambda: None,
        until=0.0,
    )


def test_unanswered_questions_are_left_out_and_said(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def answer_all(_: Any, __: Any, prompts: list[list[int]], ___: Any, models: Any, **options: Any) -> Any:
        assert options["share"] is None, "one card"
        return {name: [Answer(f"{name} {ids[0]}", 2, True) if ids[0] else None for ids in prompts] for name in models}

    monkeypatch.setattr(measuring, "answer_all", answer_all)
    with caplog.at_level(logging.WARNING, "job"):
        found = probe.samples([0, 2], {"10": Path("10.safetensors")})
    assert [(one.base, one.tuned, one.row, one.half) for one in found["10"]] == [("base 2", "10 2", 2, "confirmation")]
    assert "stage=probe unanswered=1 of=2: the time was over" in caplog.text
    assert probe.seconds["answers"] >= 0


def test_where_others_may_help_they_get_the_adapters_and_the_time(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    probe.sharing = SimpleNamespace(share=lambda *arguments: asked.append(arguments))  # type: ignore[assignment]
    probe.until = 7.0

    def answer_all(*_: Any, share: Any, **__: Any) -> Any:
        share("item", "batches", "compute")
        return {name: [None] for name in ("base", "10")}

    monkeypatch.setattr(measuring, "answer_all", answer_all)
    adapters = {"10": Path("10.safetensors")}
    probe.samples([1], adapters)
    assert asked == [("answers", adapters, 7.0, "item", "batches", "compute")]
