"""What begins like a goodbye, and whether it says something besides."""

from __future__ import annotations

import pytest

from job.cleaning.rules.goodbyes import begins_like_goodbye, says_something
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("sentence", "says"),
    [
        ("Hope this helps.", False),
        ("Hope your football match goes well.", False),
        ("I hope you are not feeding it salt.", True),
        ("Feel free to ask.", False),
        ("Feel free to have more questions.", False),
        ("Feel free to have a cold bath.", True),
        ("Thanks, and shade is good for it.", True),
        ("Let me know and repot it.", True),
    ],
)
def test_a_goodbye_may_say_something(sentence: str, says: bool) -> None:
    assert begins_like_goodbye(sentence)
    assert says_something(sentence) == says


def test_a_wish_is_for_somebody() -> None:
    assert begins_like_goodbye("With the grace of God I wish you well")
    assert not begins_like_goodbye("I wish you were here")


@pytest.mark.parametrize(
    "last",
    [
        "kindly follow up in case you want to know any thing more",
        "Do follow up in case you need to ask any thing further.",
        "Please follow up if you have more doubts.",
        "thnkyou",
        "Thank u",
        "thankyu so much",
        "Thanking you.",
        "Thank-you",
        "Anything else?",
        "You can follow up for any thing more.",
        "hope \U0001f60a",
        "Hope \U0001f44d",
    ],
)
def test_an_offer_thanks_and_a_hope_go_in_any_spelling(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == ADVICE


@pytest.mark.parametrize(
    "run_on",
    ["thnkyou", "thank u", "thnku.", "thanking u", "many thanks", "thanks a lot", "hope \U0001f60a", "hope\U0001f64f"],
)
def test_they_go_without_a_stop_before_them_too(run_on: str) -> None:
    assert cleaned(f"{ADVICE} Turn it each week {run_on}") == f"{ADVICE} Turn it each week."


@pytest.mark.parametrize(
    "sentence",
    [
        "Follow up if you have pain.",
        "Follow up in case you see new spots.",
        "Chat with your gardener if you need a new pot.",
        "Clean the two tanks.",
        "He thanks a lot",
        "Anything else can wait.",
        "Follow up for anything new.",
        "There is hope.",
        "There is still some hope.",
        "Give it some hope.",
        "Never lose hope \U0001f60a",
        "Do not give up hope \U0001f60a",
        "The pot is called Hope \U0001f60a",
    ],
)
def test_what_only_looks_like_them_stays(sentence: str) -> None:
    assert cleaned(f"{ADVICE} {sentence}") == f"{ADVICE} {sentence}"


@pytest.mark.parametrize(
    ("sentence", "goes"),
    [
        ("I fully see how annoying that must be.", True),
        ("We can well imagine how frustrating it is for you.", True),
        ("I understand that this must be very stressful for your family.", True),
        ("I know how painful this is.", True),
        ("I know how painful this is when you lift the pot.", False),
        ("I see how annoying that must be, so cut it back.", False),
        ("It is annoying that the leaves must be cut.", False),
        ("I see that the frost was distressing the roots.", False),
        ("You know how annoying that must be.", False),
    ],
)
def test_sympathy_between_two_sentences_goes(sentence: str, *, goes: bool) -> None:
    behind = "Feed it in spring."
    assert cleaned(f"{ADVICE} {sentence} {behind}") == f"{ADVICE} {'' if goes else f'{sentence} '}{behind}"
