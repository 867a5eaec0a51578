"""The table of checkpoints."""

from __future__ import annotations

from job.reporting.checkpoints import Checkpoints
from tests.reporting.pages import page_of, text_of, unbroken
from tests.sample_results import CANDIDATES, DONE, LOG, PROBED


def test_loss_and_answers_stand_side_by_side() -> None:
    rows = {words: [unbroken(one) for one in figures] for words, figures in Checkpoints.of(CANDIDATES).rows}
    assert rows["loss on all held-out rows, mean over tokens"] == ["1.61", "1.42"]
    assert rows["loss on the rows of the choice, mean over rows"] == ["1.60", "1.41"]
    assert rows["repeated phrases, share of the text"] == ["1.0 %", "6.0 %"]
    text = text_of(page_of(DONE, LOG))
    assert "step 10 step 20 ★ exported" in text
    assert "Their answers to one half of the questions chose" in text


def test_where_the_loss_alone_chose_the_table_says_so() -> None:
    by_loss = [one.model_copy(update={"loss": None, "scores": {}}) for one in CANDIDATES]
    run = DONE.model_copy(update={"probe": PROBED.model_copy(update={"candidates": by_loss})})
    text = text_of(page_of(run, LOG))
    assert "The lowest loss chose, and all rows count above: 100 held-out questions are the fewest" in text
    assert "loss on the rows of the choice, mean over rows" not in text


def test_one_candidate_needs_no_table() -> None:
    run = DONE.model_copy(update={"probe": PROBED.model_copy(update={"candidates": CANDIDATES[1:]})})
    assert 'id="checkpoints"' not in page_of(run, LOG)
