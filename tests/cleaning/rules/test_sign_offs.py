"""A signature goes with its sign-off; short lines below anything else stay."""

from __future__ import annotations

import time

import pytest

from job.cleaning.rules import sign_offs
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    "signed",
    [
        "Best regards,\nJane Miller\nHead of Support\nLeafTalk Inc.",
        "Kind regards\n\nJane Miller",
        "Sincerely,\nThe LeafTalk Team",
        "Thanks,\nJane M.\nSenior Gardener | Fern & Moss Ltd.",
        "Cheers,\nJane\nwww.leaftalk.org",
        "Regards,\nDr. Jane Miller, MD\nDermatologist",
        "Yours sincerely,\n\nJane Miller\nCustomer Service\nFern Gardens GmbH\n12 Leaf Street, Moss Town",
        "Hope this helps!\nJane Miller\nHead Gardener",
        "Thanks\n-- \nAnna Moss\nFern Institute",
        "Best,\nAnna Moss\nFern Club",
        "Regards,\nanna",
        "Best Regards\nJ. Miller\nSupport Engineer, Tier 2\nLeafTalk Inc.\nPhone: [phone]",
        "Best regards, Jane Miller, Head of Support",
    ],
)
@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_a_signature_goes_with_its_sign_off(signed: str, between: str) -> None:
    assert cleaned(f"{ADVICE}{between}{signed}") == ADVICE


@pytest.mark.parametrize(
    "signed",
    [
        " Best wishes,\nJane Miller\nFern Team",
        " Kind regards\nJane\nLeafTalk Support",
        " Cheers,\nJane\n@janesferns",
        "\n\nHTH\n-- \nJane Miller\nSenior Gardener, Fern Inc.\nPhone: +1 212 555 0199",
        "\n\nLots of love,\nGrandma",
    ],
)
def test_a_sign_off_may_end_the_last_line(signed: str) -> None:
    assert cleaned(ADVICE + signed) == ADVICE


def test_words_of_a_sentence_are_no_sign_off() -> None:
    assert cleaned(f"{ADVICE} Plants give love\nFern\nMoss").endswith("love\nFern\nMoss")


@pytest.mark.parametrize(
    "lines",
    [
        "Thanks to the rain it grew.\nMoss\nFern",
        "Good luck!\nFerns\nMosses\nLichens need shade.",
        "Good luck!\nFerns\nMosses\nLichens",
        "These like shade:\nFern\nMoss",
        "Take care:\nWater\nLight",
        "Jane Miller\nHead of Support",
        "Thanks:\nAnna Moss\nTom Fern",
        "Thanks to:\nAnna\nTom",
        "Closing lines:\n- Kind regards\n- Best wishes\n- Yours sincerely",
        "## Thanks\n\n- Anna\n- Tom",
    ],
)
def test_short_lines_below_no_sign_off_stay(lines: str) -> None:
    assert cleaned(f"{ADVICE}\n\n{lines}") == f"{ADVICE}\n\n{lines}"


def test_what_follows_a_sign_off_as_a_sentence_stays() -> None:
    assert cleaned(f"Best regards,\nJane\n\n{ADVICE}").endswith(ADVICE)
    assert cleaned(f"{ADVICE}\n\nBest regards,\nThe pots need more water.").endswith("The pots need more water.")


@pytest.mark.parametrize("rules", ["--", "--\n\n====", "- -\n__", "\u3000~~"])
def test_lines_that_rule_off_a_signature_are_passed_over(rules: str) -> None:
    text = f"Water it twice a week.\n{rules}\nBest regards --\n{rules}\nJane Miller\n{rules}"
    assert text[sign_offs.begin(text, lambda line: line.startswith("Best")) :].startswith("Best regards --")
    assert sign_offs.begin(f"{rules}\n{rules}", lambda line: True) == len(f"{rules}\n{rules}")


@pytest.mark.parametrize(
    "items",
    [
        "Use one of these:\n1. Yours sincerely\n2. Kind regards\n3. Best wishes",
        "Use one of these:\n1) Hello\n2) Regards",
        "Say to it:\n- Good luck\n- Best wishes",
        "Say to it:\n* Thank you\n* Take care\n* All the best",
        "Other words:\nGreetings\nBest wishes\nRespects",
        "Other words:\ngratitude\nThanks",
        "Other words:\nBest wishes\nGreetings\n\nUse them well.",
        "Anna: Here is the fern.\nBen: Thanks!",
        "HOST: How is the fern?\nGUEST: Thank you very much!",
    ],
)
def test_an_item_of_a_list_and_what_somebody_says_are_no_sign_off(items: str) -> None:
    assert cleaned(f"{ADVICE}\n\n{items}") == f"{ADVICE}\n\n{items}"


@pytest.mark.parametrize(
    "lines", ["\n1. Fill the can.\n2. Water it. Best wishes", "\nWater:\n- Fern\n- Moss\n\nBest wishes", " Best wishes"]
)
def test_a_sign_off_below_a_list_or_behind_an_item_goes(lines: str) -> None:
    assert cleaned(ADVICE + lines) == (ADVICE + lines).removesuffix("Best wishes").rstrip()


def test_many_goodbyes_are_cut_in_time_that_grows_with_their_length() -> None:
    begun = time.process_time()
    assert cleaned(ADVICE + "\nBest wishes\nAnna" * 5800) == ADVICE
    assert time.process_time() - begun < 0.5


def test_thanks_run_on_at_the_end_of_a_sentence_go() -> None:
    behind = "Nothing to fear from the spots."
    for thanks in (" thanks", ", thank you"):
        assert (
            cleaned(f"{ADVICE} Give it plenty of water{thanks}. {behind}")
            == f"{ADVICE} Give it plenty of water. {behind}"
        )


@pytest.mark.parametrize(
    "said",
    [
        "After the harvest they give thanks.",
        "The gardener sent her warmest thanks.",
        'The card says "Many thanks."',
        "No thanks.",
    ],
)
def test_thanks_that_are_said_or_given_stay(said: str) -> None:
    assert sign_offs.without_thanks(said) == said
