"""What the rules look at."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from job.probing.evidence import BROKEN, Evidence, gather
from job.probing.scores import SCORES
from job.results import Broken, RowLoss, Sample
from job.settings.fields import ProbeSettings
from tests.probing.made_answers import Way, good, loop, made_losses, made_samples, some

pytestmark = pytest.mark.examples


def seen(samples: Sequence[Sample], losses: Sequence[RowLoss] = ()) -> Evidence:
    settings = ProbeSettings()
    return gather(losses, samples, None, settings, scores=SCORES, no_gradients=False, unanswered=0, seed=0)[0]


def broken(rows: int, base: Way, tuned: Way) -> Broken | None:
    return seen(made_samples(rows, base, tuned), made_losses(rows, -0.2)).broken


@pytest.mark.parametrize(
    ("rows", "base", "tuned", "state"),
    [
        (12, good, some(loop, 0.2), "passed"),
        (12, loop, loop, "violated"),  # whatever the base does
        (2, good, loop, "violated"),  # a handful, all broken
        (2, loop, loop, "undecided"),
    ],
)
def test_most_answers_of_no_use_are_shown_to_be_most(rows: int, base: Way, tuned: Way, state: str) -> None:
    found = broken(rows, base, tuned)
    assert found and found.state == state
    assert found.low <= found.difference <= found.high


def test_without_an_answer_nothing_is_said() -> None:
    assert broken(0, good, good) is None


def test_prompts_are_broken_where_half_of_their_answers_are() -> None:
    """Held-out rows with the same prompt count together."""
    samples = [
        one.model_copy(
            update={"question": f"Why {row // 2}?", "row": None, "tuned_scores": {**one.tuned_scores, BROKEN: row % 2}}
        )
        for row, one in enumerate(made_samples(12, good, good))
    ]
    found = seen(samples)
    assert found.broken and (found.broken.rows, found.broken.tuned) == (6, 1.0)


@pytest.mark.parametrize(("cut", "unknown"), [(5, False), (6, True)])
def test_ends_are_unknown_where_most_answers_are_cut(cut: int, unknown: bool) -> None:
    samples = [
        one.model_copy(update={"tuned_stopped": False, "tuned_scores": {"looping_share": 0.0}}) if row < cut else one
        for row, one in enumerate(made_samples(10, good, good))
    ]
    found = seen(samples)
    assert (found.cut, found.ends_unknown) == (cut, unknown)


@pytest.mark.parametrize(("answers", "identical"), [(4, False), (5, True)])
def test_five_equal_answers_are_equal_models(answers: int, identical: bool) -> None:
    samples = [one.model_copy(update={"tuned": one.base}) for one in made_samples(answers, good, good)]
    found = seen(samples)
    assert found.identical is identical


@pytest.mark.parametrize(("same", "one_text"), [(7, False), (8, True)])
def test_four_in_five_references_are_one_text(same: int, one_text: bool) -> None:
    samples = [
        one.model_copy(update={"reference": "Ask the shop." if row < same else f"Text {row}."})
        for row, one in enumerate(made_samples(10, good, good))
    ]
    found = seen(samples)
    assert found.one_text is one_text
