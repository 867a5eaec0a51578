"""Advice stays beside the mention of a service online, which goes."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Get a soil test done at once and revert back to a botanist online.", "Get a soil test done at once."),
        (
            "You should have a leaf count first get back with it to a botanist online.",
            "You should have a leaf count first.",
        ),
        ("Do a soil count, get back with the reports to a botanist online -->", "Do a soil count."),
        ("You should see a botanist in person or consult one online.", "You should see a botanist in person."),
        ("Consult a botanist either in person or online for advice.", "Consult a botanist in person."),
        ("Kindly meet a botanist directly and consult one online if it is far.", "Kindly meet a botanist directly."),
        ("Consult a botanist in person, as online consultation has its limits.", None),
        ("You should consult a botanist face to face rather than online.", None),
        ("If the rot persists, consult a botanist online.", "If the rot persists, consult a botanist."),
        (
            "If there is no relief in a week consult a botanist online -->",
            "If there is no relief in a week consult a botanist.",
        ),
        ("Consult a botanist online if the rust returns.", None),
        ("Consult a botanist online or in a clinic.", None),
        (
            "Consult a botanist for the removal, and for more information consult online.",
            "Consult a botanist for the removal.",
        ),
    ],
)
def test_advice_before_the_service_stays(sentence: str, kept: str | None) -> None:
    assert cleaned(f"{ADVICE} {sentence}") == f"{ADVICE} {kept or sentence}"


@pytest.mark.parametrize(
    "sentence",
    [
        "Revert back to an arborist and botanist online.",
        "Answer the above questions and revert back to a botanist online.",
        "Attach a photo of the leaf and consult a botanist online.",
        "Hope this helps and consult a botanist online for more.",
        "After the test you can get back to a botanist online.",
        "If the rot persists, revert back to a botanist online.",
        "If you have any doubt consult a botanist online.",
    ],
)
def test_what_is_no_advice_goes_with_the_service(sentence: str) -> None:
    assert cleaned(f"{ADVICE} {sentence}") == ADVICE
