"""A signature goes with its sign-off; short lines below anything else stay."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.light


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
