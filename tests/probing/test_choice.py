"""The checkpoint with the best answers is exported, not the one with the lowest loss."""

from __future__ import annotations

import pytest

from job.probing.choice import Seen, best, said
from job.results import Candidate, Guardrail
from tests.sample_results import guardrail, scores, verdict

pytestmark = pytest.mark.light


def seen(step: int, loss: float, *guardrails: Guardrail) -> Seen:
    candidate = Candidate(step=step, eval_loss=loss, loss=loss, scores=scores(), chosen=False)
    return Seen(candidate, verdict(guardrails=list(guardrails)))


def test_the_lowest_loss_wins_among_equals_and_the_earlier_step_among_those() -> None:
    assert best([seen(10, 1.5), seen(20, 1.4), seen(30, 1.4)]).step == 20


def test_a_lower_loss_with_answers_that_got_worse_loses() -> None:
    loops = guardrail("looping_share", difference=0.3, state="violated")
    assert best([seen(10, 1.5), seen(20, 1.2, loops)]).step == 10


@pytest.mark.parametrize(("harm", "difference"), [("higher", 0.12), ("lower", -0.12)])
def test_a_harm_beyond_the_margin_counts_before_it_is_shown(harm: str, difference: float) -> None:
    doubtful = guardrail("stopped_share", harm=harm, difference=difference, state="undecided")
    assert best([seen(10, 1.5), seen(20, 1.2, doubtful)]).step == 10
    harmless = guardrail("stopped_share", harm=harm, difference=-difference, state="passed")
    assert best([seen(10, 1.5), seen(20, 1.2, harmless)]).step == 20


def test_among_checkpoints_that_are_all_harmed_the_one_with_most_answers_of_use_wins() -> None:
    loops = guardrail("looping_share", difference=0.3, state="violated")
    useless, better = seen(10, 1.2, loops), seen(20, 1.5, loops)
    useless.candidate.scores["broken_share"], better.candidate.scores["broken_share"] = 0.64, 0.21
    assert best([useless, better]).step == 20


def test_the_log_says_how_many_questions_are_needed_for_two_halves() -> None:
    assert said(99).startswith("halves=false: 99 questions of held-out rows, and 100 are the fewest")
    assert said(100).startswith("halves=true: half of 100 questions")
