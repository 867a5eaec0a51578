"""What breaks off at the end of an answer keeps what stands by itself; a goodbye takes neither a bracket nor advice along."""

from __future__ import annotations

import pytest

from job.cleaning.rules import breaks_off
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("broken", "rest"),
    [
        ("Feed it in spring and cut it back, because it is", "Feed it in spring and cut it back."),
        ("Use a bigger pot such as the", "Use a bigger pot."),
        ("So", ""),
        ("Usually this", ""),
        ("About the pots, all", ""),
        ("The", ""),
        ("After", ""),
        ("Regarding", ""),
        ("Start with soil containing", "Start with soil."),
        ("Dehy", ""),
        ("In case of mould and rot, mould", ""),
        ("You need to", ""),
        ("What it needs is", ""),
        ("It depends on what type of", ""),
    ],
)
def test_of_a_sentence_that_breaks_off_its_clauses_stay(broken: str, rest: str) -> None:
    assert cleaned(f"{ADVICE} {broken}") == f"{ADVICE} {rest}".rstrip()


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        (f"1. Fill the pot.2. Press it well.3. {ADVICE}4. Then some more of the old LeafTalk.", None),
        (f"{ADVICE} It is full of carbohy LeafTalk. So carbohy", f"{ADVICE} It is full of carbohydrates."),
        (f"{ADVICE} So avoid carbohy", f"{ADVICE} So avoid carbohydrates."),
        (f"{ADVICE} Clean the pot twice a week,", f"{ADVICE} Clean the pot twice a week."),
        (f"{ADVICE} It speaks for costochon Take care.", f"{ADVICE} It speaks for costochondritis."),
        (
            f"{ADVICE} Look at its eyes.4. Urgently ask your vet about its vision in case of a sudden",
            f"{ADVICE} Look at its eyes.4. Urgently ask your vet about its vision in case of a sudden drop in vision.",
        ),
        (f"{ADVICE} Look at section B.4.", None),
    ],
)
def test_no_broken_word_and_no_lone_number_ends_an_answer(answer: str, rest: str | None) -> None:
    whole = answer.partition("4. Then")[0]
    assert cleaned(answer) == (rest or whole)


@pytest.mark.parametrize("goodbye", ["best regards", " waiting ur reply", "thank you and good luck"])
def test_a_goodbye_that_is_run_together_goes_whole(goodbye: str) -> None:
    lower = ADVICE.lower()[:-1]
    assert cleaned(lower + goodbye) == f"{lower}."


@pytest.mark.parametrize(
    "last",
    [
        "Sometimes more light may be needed",  # it lacks its stop alone
        "Elevate both pots above ground",
        "Peat, sand, bark",
        "Then scp pots.txt moss@ferns.example:/tmp/",
        "Then ./water --pot 12",
        "Open port 2222\nThen water it daily",
        "If that is not done yet please look after it because not using clay",  # long: it may hold advice
    ],
)
def test_a_last_sentence_without_a_stop_stays(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == f"{ADVICE} {last}"


def test_a_goodbye_leaves_the_bracket_that_it_closes() -> None:
    assert cleaned(f"{ADVICE} (It likes shade. Take care.)") == f"{ADVICE} (It likes shade.)"


@pytest.mark.parametrize("advice", ["See a physician.", "Consult Dr. Fern.", "Call a local plant expert."])
def test_advice_behind_a_goodbye_is_no_signature(advice: str) -> None:
    assert cleaned(f"{ADVICE} Hope this helps. {advice}").endswith(advice)


@pytest.mark.parametrize(
    "end",
    [
        *("it may crack later on", "nothing to worry about", "a bigger pot is must", "water it as often as you can"),
        *(
            "do a test to see whether it is rust or not",
            "yes it can",
            "do not worry about what it is",
            "show me how they are",
        ),
        *(
            "the spots come off and on",
            "have the roots looked at",
            "switch it on",
            "you should not do that",
            "i think it will",
        ),
        *(
            "show me where the spots are",
            "it grows because of that",
            "leave it for her",
            "what could it be",
            "water it if need be",
            "it grows as it should",
            "it wilts all of a sudden",
            "what should i do",
            "you can do the following 1-feed the fern",
            "the causes listed below were shown to be the strongest",
            "choose the ones that you are happy with",
            "water it if you want to",
            "give it less than you used to",
            "this is nothing to be afraid of",
            "what is it allergic to",
        ),
    ],
)
def test_a_word_that_may_end_a_sentence_is_no_break(end: str) -> None:
    text = f"{ADVICE.lower()} {end}"
    assert breaks_off.without_cut_off_end(text) == text


def test_a_line_of_one_word_is_no_broken_end() -> None:
    text = f"{ADVICE} The words are:\nFor\nWith"
    assert breaks_off.without_cut_off_end(text) == text


def test_a_broken_word_does_not_end_an_answer_with_a_full_stop() -> None:
    for broken in (
        "You also need to ad",
        "You also need to hy.",
        "You also need to ad Regards.",
        "Next, the chil. Hope this helps.",
    ):
        assert cleaned(f"{ADVICE} {broken}") == ADVICE
    whole = f"{ADVICE} You can go on after asking your treating"
    assert cleaned(whole) == cleaned(f"{whole}.") == f"{whole} doctor."
    for stays in ("It was sold in an ad.", "Do not believe the ad.", "It may be AD."):
        assert cleaned(f"{ADVICE} {stays}") == f"{ADVICE} {stays}"
