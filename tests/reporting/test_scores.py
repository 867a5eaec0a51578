"""Scores as rows: how they are written, and which change is for the better."""

from __future__ import annotations

import pytest

from job.probing import scores as registry
from job.probing.scores import SCORES, Score
from job.reporting.scores import beside_verdict, score_rows
from tests.reporting.pages import page_of, text_of, unbroken
from tests.sample_results import DONE, PROBED, guardrail, scores, verdict


def test_scores_are_judged_in_words() -> None:
    judged = {row.name: (row.judgement, unbroken(row.change)) for row in score_rows(PROBED)}
    assert judged["opens with filler"] == ("better", "−96 points")
    assert judged["repeated phrases, share of the text"] == ("worse", "+5.0 points")
    assert judged["closes with filler"] == ("same", "")
    assert judged["mean length in tokens"] == ("", "−110 tokens")


def test_a_change_too_small_to_be_seen_is_none() -> None:
    change = {"base": scores(repetition_share=0.0), "tuned": scores(repetition_share=0.0004)}
    judged = {row.name: row.judgement for row in score_rows(PROBED.model_copy(update=change))}
    assert judged["repeated phrases, share of the text"] == "same"


def test_more_answers_that_stop_are_better() -> None:
    change = {"base": scores(stopped_share=0.5), "tuned": scores(stopped_share=0.75)}
    rows = score_rows(PROBED.model_copy(update=change))
    assert (rows[0].judgement, unbroken(rows[0].change)) == ("better", "+25 points")


def test_a_new_score_is_on_the_page_and_at_its_top(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Score("words", "words an answer", unit="words", better="higher", of=lambda _: 1, headline="long answers")
    monkeypatch.setattr(registry, "SCORES", (*SCORES, new))
    probed = PROBED.model_copy(update={"base": scores(words=20), "tuned": scores(words=31)})
    text = text_of(page_of(DONE.model_copy(update={"probe": probed})))
    assert "words an answer 20 31 ▲ better +11 words" in text
    assert "long answers 31 base model 20" in text


def test_a_score_that_one_model_lacks_is_left_out() -> None:
    old = {name: value for name, value in PROBED.base.items() if name != "repetition_share"}
    assert (
        len(score_rows(PROBED.model_copy(update={"base": old}))) == len(PROBED.base) - 2
    )  # without `answers` and the one that is gone


def test_figures_that_are_not_those_of_the_verdict_say_why() -> None:
    few = guardrail("stopped_share", rows=int(PROBED.base["answers"]) - 1)
    said = beside_verdict(PROBED.model_copy(update={"verdict": verdict(guardrails=[few])}))
    assert "The verdict leaves out those that chose the checkpoint, counts each prompt once" in said
    same = guardrail("stopped_share", rows=int(PROBED.base["answers"]))
    assert beside_verdict(PROBED.model_copy(update={"verdict": verdict(guardrails=[same])})) == ""
