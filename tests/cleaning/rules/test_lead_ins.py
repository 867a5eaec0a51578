"""An announcement whose list the source lost goes with the courtesy behind it; one that announces something stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules.lead_ins import without_lead_in
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples

BEHIND = "The soil should drain well and stay loose."


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("Try taking the following: revert with more information to a gardener online.", ""),
        ("You can try the following: Hope this solves your query.", ""),
        ("It may be one of the following: Do you see any spots?", "Do you see any spots?"),
        ("I can list a few causes as follows: May I know its age?", "May I know its age?"),
        (
            "A few pests can cause the same spots, these are as follows: Hope this helps.",
            "A few pests can cause the same spots.",
        ),
    ],
)
def test_an_announcement_without_its_list_goes(sentence: str, rest: str) -> None:
    for behind in ("", BEHIND):
        assert cleaned(f"{ADVICE} {sentence} {behind}") == " ".join(filter(None, (ADVICE, rest, behind)))


@pytest.mark.parametrize(
    "sentence",
    [
        "I need to know the following: Is the pot wet?",
        "Check the following: Is the pot wet?",
        "Try the following: Drain the pot.",
        "Do the following: take care of the roots.",
        "The reason is as follows: it is too dark.",
    ],
)
def test_an_announcement_of_something_stays(sentence: str) -> None:
    assert cleaned(f"{ADVICE} {sentence} {BEHIND}") == f"{ADVICE} {sentence} {BEHIND}"
    assert without_lead_in(sentence, lambda _: False) == sentence
