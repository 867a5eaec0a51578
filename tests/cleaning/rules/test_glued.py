"""Spaces that were lost between courtesies come back; names written in one word stay."""

from __future__ import annotations

import pytest

from job.cleaning.rules.glued import may_lack_a_blank, separated
from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples

MORE = " ".join(f"Pot {number} has {number} ml." for number in range(12, 60))


def test_a_lost_blank_comes_back_near_both_ends_of_an_answer() -> None:
    assert cleaned("HelloYour fern needs light.") == "Your fern needs light."
    assert cleaned(f"{MORE} Ask for helpThe cat eats it.") == f"{MORE} Ask for help. The cat eats it."
    assert cleaned("Welcome to our HealthYour fern needs light.") == "Your fern needs light."
    middle = f"{MORE} Ask for helpThe cat eats it. {MORE.replace('ml', 'cm')}"
    assert cleaned(middle) == middle


@pytest.mark.parametrize(
    "name", ["HelloWorld", "'ThanksPage'", "(HelpDesk)", "self.HelpDesk", "the_HelloPage", "HealthMoss", "CareFern"]
)
def test_a_name_in_one_word_stays(name: str) -> None:
    text = f"Call {name} to see it."
    assert may_lack_a_blank(text)
    assert separated(text) == text


def test_a_wish_without_a_blank_before_it_goes() -> None:
    advice = "Your fern needs light. Feed it with ash and nuts"
    assert cleaned(f"{advice}hope this helps you") == cleaned(f"{advice}hope this helps.") == f"{advice}."
    for wish in ("hope you get well soon", "hope I answered your question", "hope", "Hope", "hope my answer helps."):
        assert cleaned(f"{advice}{wish}") == f"{advice}."
    for said in ("It grows in Stanhope you know.", "I alsohope this helps.", "Your fern hopes this helps."):
        assert cleaned(f"{advice}. {said}") == f"{advice}. {said}"
