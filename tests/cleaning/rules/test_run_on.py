"""A courtesy behind a sentence that lost its full stop goes; what a condition or a verb needs stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules.run_on import places
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples

SAID = "Keep it out of the sun for two weeks"


@pytest.mark.parametrize(
    "courtesy",
    [
        "please feel free to have more questions",
        "kindly feel free to ask me more",
        "you can feel free to contact me.",
        "please let me know",
        "let me know if you have more questions.",
        "if you have any more questions please ask",
        "in case you need any further help please contact me.",
        "please revert with reports",
        "kindly get back to me with the reports.",
        "can you upload the last soil report you had?",
        "could you send me a picture of it",
        "please send me the reports.",
        "do let me know if it helps",
        "will be happy to help you further",
        "I am here to help you",
        "any more questions please ask",
        "for any further queries please contact me",
        "if you have more questions feel free to ask",
        "please give a five star rating",
        "you can send me the reports",
        "please consult me online",
    ],
)
def test_an_invitation_goes_without_a_stop_before_it(courtesy: str) -> None:
    assert cleaned(f"{ADVICE} {SAID} {courtesy}") == f"{ADVICE} {SAID}."


@pytest.mark.parametrize(
    "advice",
    [
        "Keep it dry and if the spots spread please let me know",  # what the condition is for
        "Keep it dry in winter please ask your gardener about the dose.",
        "Keep it dry in winter please get a lamp.",
        "Keep it dry in winter please follow the plan.",
        "Keep it dry in winter please write down the readings.",
        "Keep it dry in winter please let your gardener know if it droops.",
        "Keep it dry in winter if you need any more please ask your gardener.",
        "Keep it dry in winter can you send it to a lab?",
        "Ask the seller please share the bill with him.",
        "Is it wet in winter can you share how long you had it?",
        "Some people feel free to pull the leaves.",
        "Give it water in winter please leave a gap of a day.",
        "Give it ash in winter do ask your gardener for the dose.",
        "Turn it in winter you can send the soil to a lab.",
        "It does not need any more ash please stop it.",
        "The gardeners in town will be happy to help you with the pot.",
        "Keep a list of any questions please bring it along.",
        "Turn it if you have more leaves feel free to cut some.",
    ],
)
def test_what_a_condition_or_somebody_else_needs_stays(advice: str) -> None:
    assert cleaned(f"{ADVICE} {advice}").rstrip(".?") == f"{ADVICE} {advice}".rstrip(".?")


def test_a_place_stands_behind_a_whole_sentence_of_three_words() -> None:
    assert [*places("Keep it dry please send it")] == [len("Keep it dry")]
    assert not [*places("Keep it dry please send it " * 40)]
    for bare in ("Dry it please send it", "You should not please send it", "The pot please send it"):
        assert not [*places(bare)]
