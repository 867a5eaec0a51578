"""What the rules look at."""

from __future__ import annotations

import pytest

from job.probing.evidence import gather
from job.probing.scores import SCORES
from job.results import Broken
from job.settings.fields import ProbeSettings
from tests.probing.made_answers import Way, good, loop, made_losses, made_samples, some

pytestmark = pytest.mark.examples


def broken(rows: int, base: Way, tuned: Way) -> Broken | None:
    found, _ = gather(
        made_losses(rows, -0.2),
        made_samples(rows, base, tuned),
        None,
        ProbeSettings(),
        scores=SCORES,
        no_gradients=False,
        unanswered=0,
        seed=0,
    )
    return found.broken


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
