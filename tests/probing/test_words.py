"""The verdict's figures as sentences."""

from __future__ import annotations

import pytest

from job.probing import words
from job.results import Estimate
from tests.sample_results import estimate, guardrail, verdict

pytestmark = pytest.mark.light


def test_the_loss_is_given_with_interval_and_rows() -> None:
    assert words.loss_text(Estimate(**estimate(rows=1200)), 0.0231) == (
        "Loss per answer token 2.310 → 1.420 (-38.5 %): a change of -0.890 on 1,200 rows (95 % interval -0.950 to -0.830; "
        "-0.023 would count as better)."
    )
    assert "(+0.0 %)" in words.loss_text(Estimate(**estimate(base=0.0, tuned=0.0, difference=0.0)), 0.0)


def test_a_guardrail_is_given_in_its_unit_with_its_margin() -> None:
    share = guardrail(
        "looping_share", base=0.0, tuned=0.31, difference=0.31, low=0.2, high=0.45, state="violated", rows=50
    )
    assert words.guardrail_text(share) == (
        "looping_share: 0 % → 31 % on 50 rows, a change of +31.0 points (95 % interval +20.0 to +45.0, margin +10): harm."
    )
    distance = guardrail("kl", base=0.0, tuned=0.08, difference=0.08, low=0.06, high=0.1, margin=0.5)
    assert "0.000 → 0.080" in words.guardrail_text(distance)
    assert "margin +0.5" in words.guardrail_text(distance)
    fell = guardrail("stopped_share", harm="lower", base=1.0, tuned=0.4, difference=-0.6, low=-0.7, high=-0.5)
    assert "margin -10" in words.guardrail_text(fell)


def test_undecided_ones_that_read_alike_are_named_alone() -> None:
    some = [guardrail(f"score_{number}", state="undecided", rows=1) for number in range(5)]
    texts = words.undecided_texts(some)
    assert len(texts) == 4
    assert "on 1 row, a change of" in texts[0]
    assert texts[3] == "Undecided too: score_3, score_4."
    assert len(words.undecided_texts(some[:2])) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty_share", "an answer is empty in 40 % of cases, the base model's in 2 %"),
        ("choices", "it answers 40 % of general questions right, the base model 2 %"),
        ("kl", "it has changed where the data teaches nothing (a distance of 0.40 on general text)"),
    ],
)
def test_harm_is_said_without_names_of_figures(name: str, said: str) -> None:
    harmed = guardrail(name, base=0.02, tuned=0.4)
    assert words.harm_text(harmed, others=0) == said
    assert words.harm_text(harmed, others=1) == f"{said}; 1 other check failed too"


def test_rows_that_training_knows_are_among_the_reasons() -> None:
    assert words.with_leak(verdict(), 0) == verdict()
    assert words.with_leak(verdict(), 46).reasons == [
        *verdict().reasons,
        "46 held-out rows have the question or the text of training rows: the loss there may be learned by heart.",
    ]
