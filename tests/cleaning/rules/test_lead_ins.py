"""An announcement whose list the source lost goes with the courtesy behind it; one that announces something stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules.lead_ins import ANNOUNCES_WORDS, announces_nothing, without_lead_in
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
        ("This leads to signs such as: In the meantime, keep it dry.", "In the meantime, keep it dry."),
        ("Signs of rust on ferns are: Besides, look at the soil.", "Besides, look at the soil."),
        ("This can be treated by the following: For leaves, I suggest you: Besides, prune it.", "Besides, prune it."),
    ],
)
def test_an_announcement_without_its_list_goes(sentence: str, rest: str) -> None:
    for behind in ("", BEHIND):
        assert cleaned(f"{ADVICE} {sentence} {behind}") == " ".join(filter(None, (ADVICE, rest, behind)))


def test_what_an_announcement_says_stays() -> None:
    sentence = "Some tests of the soil are necessary too as follows: In the meantime, water it."
    rest = "Some tests of the soil are necessary too. In the meantime, water it."
    assert cleaned(f"{ADVICE} {sentence}") == f"{ADVICE} {rest}"


@pytest.mark.parametrize(
    "lead",
    [
        "I suggest the following.",
        "I suggest you try doing the following.",
        "For the roots I would suggest you do the following.",
        "Please follow the following plan.",
        "For rust following measures can be taken.",
    ],
)
def test_an_announcement_with_a_full_stop_goes_where_no_list_comes(lead: str) -> None:
    goes_on = "Consult your gardener and take the advice."
    assert cleaned(f"{ADVICE} {lead} {goes_on} {BEHIND}") == f"{ADVICE} {goes_on} {BEHIND}"
    assert cleaned(f"{ADVICE} {lead}") == ADVICE


@pytest.mark.parametrize(
    "sentence",
    [
        "I suggest the following. Drain the pot.",
        "For the roots do the following. 1. Drain the pot.",
        "These signs are typical: Also spots may show.",
        "Causes are: Besides rust, frost and drought.",
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


def test_what_an_announcement_names_stays_where_the_next_words_need_it() -> None:
    advice = "I would advise you to see a gardener."
    others = "Apart from rust, a few pests can cause the same spots"
    assert cleaned(f"{ADVICE} {others}, these are as follows: {advice}") == f"{ADVICE} {others}. {advice}"
    suspects = "For the spots on the stem, my suspects are: Since it is wet there, I think of rust."
    assert cleaned(f"{ADVICE} {suspects} {BEHIND}") == f"{ADVICE} {suspects} {BEHIND}"


def test_advice_in_case_of_signs_stays_without_the_lost_examples() -> None:
    goes_on = "Meanwhile, keep it dry."
    advice = "Call a gardener if the fern shows any worrying signs"
    assert cleaned(f"{ADVICE} {advice} such as: {goes_on} {BEHIND}") == f"{ADVICE} {advice}. {goes_on} {BEHIND}"
    broader = "Call a gardener if you use oils such as:"  # without the examples it would be other advice
    assert cleaned(f"{ADVICE} {broader} {goes_on} {BEHIND}") == f"{ADVICE} {goes_on} {BEHIND}"


@pytest.mark.parametrize(
    "last",
    [
        "Here are some tips:",
        "Here are some tips.",
        "Following are the measures you can take:",
        "Based on your query, here is my opinion.",
        "Some home remedies to help you:",
        "Try these home remedies:",
        "Let me give you some suggestions.",
        "I am listing some tips for you.",
        "Please find below my suggestions:",
        "Here is a list of plants to avoid:",
        "The causes of rust are listed below.",
        "Please answer these questions:",
        "I have a few questions to ask:",
    ],
)
def test_an_announcement_at_the_end_of_a_text_goes(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == ADVICE
    assert cleaned(f"{ADVICE} {last} {BEHIND}").endswith(BEHIND)


@pytest.mark.parametrize(
    "last",
    [
        "Here are the roots.",
        "Here is the rule: less is more.",
        "The pot is given below the window.",
        "Home remedies: ash and nuts.",
        "My advice: keep it dry.",
        "Let me give you an example: moss.",
        "I will share that most ferns heal.",
        "Take these steps slowly.",
        "Follow the steps below.",
        "The options are ash and lime.",
    ],
)
def test_a_last_sentence_that_says_what_it_announces_stays(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == f"{ADVICE} {last}"


def test_an_announcement_begins_with_a_word_of_the_list() -> None:
    for first in (
        "so",
        "also",
        "and",
        "then",
        "now",
        "but",
        "based on it all,",
        "as per it all,",
        "after reading it all,",
    ):
        assert announces_nothing(f"{first} here are my tips.")
        assert first.split()[0] in ANNOUNCES_WORDS
    assert announces_nothing("Below are some tips.")
    assert not announces_nothing("Below are some leaves.")
