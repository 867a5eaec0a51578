"""What each score sees, and that the list of scores is all there is to change for a new one."""

from __future__ import annotations

import pytest

from job.modeling.generation import Answer
from job.probing import scores
from job.probing.scores import SCORES, Score, closes_with_filler, opens_with_filler, repetition, score


@pytest.mark.parametrize(
    "text",
    [
        "As a medical assistant, I'd be happy to help you with that.",
        "Great question! The roots need air.",
        "Hello, the roots need air.",
        "Thank you for your question.",
        "I have gone through your query.",
        "Certainly! Roots need air.",
    ],
)
def test_opening_filler_is_seen(text: str) -> None:
    assert opens_with_filler(text)


@pytest.mark.parametrize(
    "text",
    ["The roots need air.", "Thanks to its roots it drinks little.", "Higher pots.", "Surely not.", "Heat harms it."],
)
def test_content_is_not_mistaken_for_filler(text: str) -> None:
    assert not opens_with_filler(text)
    assert not closes_with_filler(text)


def test_closing_filler_counts_at_the_end_alone() -> None:
    assert closes_with_filler("Roots need air. Hope this helps! Let me know if you have any other questions.")
    assert not closes_with_filler("Let me know the pot first. " + "Roots need air and water. " * 20)


def test_repetition_is_zero_for_prose_and_near_one_for_a_loop() -> None:
    assert repetition("Roots need air and water, and in winter they need rest.") == 0
    assert repetition("water it well " * 50) > 0.9
    assert repetition("a b c d A B C D") == pytest.approx(1 - 4 / 5)  # five 4-grams, one of them twice, in any case


def test_scores_are_means_over_answers() -> None:
    answers = [Answer("Hello, roots need air.", 6, True), Answer("Roots need air. Regards", 5, False)]
    assert score(answers) == {
        "answers": 2,
        "stopped_share": 0.5,
        "opening_filler_share": 0.5,
        "closing_filler_share": 0.5,
        "repetition_share": 0.0,
        "mean_tokens": 5.5,
    }


def test_without_answers_every_score_is_zero() -> None:
    assert set(score([]).values()) == {0}


def test_a_new_score_is_in_every_result(monkeypatch: pytest.MonkeyPatch) -> None:
    shouts = Score("shouted_share", "is shouted", unit="share", better="lower", of=lambda answer: answer.text.isupper())
    monkeypatch.setattr(scores, "SCORES", (*SCORES, shouts))
    result = score([Answer("AIR.", 2, True), Answer("Air.", 2, True)])
    assert list(result) == ["answers", *(known.name for known in SCORES), "shouted_share"]
    assert result["shouted_share"] == 0.5


def test_names_are_unique_and_shares_say_so() -> None:
    assert len({known.name for known in SCORES}) == len(SCORES)
    assert all((known.unit == "share") == known.name.endswith("_share") for known in SCORES)
