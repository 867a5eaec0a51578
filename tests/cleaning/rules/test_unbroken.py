"""What is whole beside a scrubbed word stays, and no more of it goes than is broken."""

from __future__ import annotations

import pytest

from job.cleaning.rules import unbroken
from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples

KEPT = "The leaves are pale because the pot is too small for its roots, so it needs a bigger one."
BEHIND = "Then wait for a week and look at the new leaves before you do anything else."


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        ("Thirst is the most common trouble in child of", "Thirst is the most common trouble in child."),
        (
            "The important tests required to be done are soil acidity, lime content, iron uptake hy",
            "The important tests required to be done are soil acidity, lime content.",
        ),
        (
            "The tests to do are as follows: soil acidity, lime content and iron hy",
            "The tests to do are as follows: soil acidity, lime content.",
        ),
        ("For rust, Lorem is the first line FDA (food and", "For rust, Lorem is the first line."),
    ],
)
def test_a_fact_and_a_list_of_tests_lose_only_what_is_broken(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {kept} {BEHIND}"


@pytest.mark.parametrize(
    "broken",
    [
        "It is most common in child of",  # no fact named
        "Thirst is the most common trouble in roots of",  # whose roots says what is meant
        "The important tests required to be done are soil acidity hy",
        "The pots are clay, stone, old iron hy",
    ],
)
def test_what_would_say_something_else_does_not_stand(broken: str) -> None:
    assert list(unbroken.before(broken)) in ([], ["It is most common in child"])


def test_a_question_behind_a_spoilt_sentence_stays() -> None:
    spoilt = "Put it into a bed with good hy LeafTalk."
    asked = "at what time of the year did the spots show?"
    assert cleaned(f"{KEPT} {spoilt} {asked} {BEHIND}") == f"{KEPT} {asked[0].upper()}{asked[1:]} {BEHIND}"
    assert cleaned(f"{KEPT} {spoilt} or the leaves? {BEHIND}") == f"{KEPT} {BEHIND}"  # the rest of the same sentence


def test_a_question_without_a_verb_stays_behind_another() -> None:
    asked = "Are the new leaves pale too?"
    assert cleaned(f"{KEPT} {asked} Any other signs of rust, LeafTalk. {BEHIND}") == (
        f"{KEPT} {asked} Any other signs of rust? {BEHIND}"
    )
    assert cleaned(f"{KEPT} {asked} Any pain, LeafTalk. {BEHIND}") == f"{KEPT} {asked} {BEHIND}"  # too little
    assert cleaned(f"{KEPT} Any injury of the bark, LeafTalk. {BEHIND}") == f"{KEPT} {BEHIND}"  # "..., must be cleaned"
