"""Filler at the ends of answers is what the rules of cleaning would cut there."""

from __future__ import annotations

import pytest

from job.probing.courtesies import Courtesies, courtesies, kept

pytestmark = pytest.mark.examples

QUESTION = "Why do the roots of my fern rot?"
SAID = (
    "Roots need air, and in a pot without holes the water stays. They turn brown after two weeks, and the leaves hang."
)
OPENINGS = (
    "As a medical assistant, I'd be happy to help you with that.",
    "Great question!",
    "Hello,",
    "Hi there!",
    "Thank you for your question.",
    "Thanks for asking!",
    "I have gone through your query.",
    "Certainly!",
    "Of course!",
    "Absolutely!",
    "Dear user,",
    "Welcome to our forum.",
    "I understand your concern.",
    "Good morning.",
    "I'm sorry to hear that your plant is ill.",
    "I'm happy to help!",
    "Hello, thank you for writing to us.",
)
CLOSINGS = (
    "Hope this helps!",
    "I hope this answers your question. Let me know if I can assist you further.",
    "Let me know if you have any other questions.",
    "Please let me know if you have any further questions.",
    "Feel free to ask.",
    "Don't hesitate to reach out!",
    "If you have any further questions, please do not hesitate to contact me.",
    "Happy to help further.",
    "Is there anything else I can help you with?",
    "Good luck!",
    "Take care.",
    "Thank you.",
    "Wish you good health.",
    "Happy gardening!",
    "Regards",
    "Best wishes,\nAnna",
    "Thanks and regards,\nAnna Smith",
)
CONTENT = (
    "The roots need air.",
    "Thanks to its roots it drinks little.",
    "Higher pots.",
    "Surely not.",
    "Heat harms it.",
    "Welcome plants are those that need little water.",
    "Good soil drains well.",
    "Hello Dolly! opened in 1964 and ran for years.",
    "Great roots are those that branch.",
    "Feel free to remove the brown leaves.",
    "Good luck is what a clover with four leaves stands for.",
    "Certainly the oldest fern is in the palm house.",
    "Keep it dry, and take care of the roots when you repot it.",
    "If it does not help, ask a nursery near you.",
    "Let the nursery know which soil you want.",
    "1. Give it light.\n2. Give it air.\n3. Give it water.",
    "```python\nprint('Hello, world!')\n```",
    ".It needs air.",
    "- It needs air.",
)


@pytest.mark.parametrize("opening", OPENINGS)
def test_filler_at_the_beginning_is_seen(opening: str) -> None:
    assert courtesies(QUESTION, f"{opening} {SAID}") == Courtesies(opens=True, closes=False)


@pytest.mark.parametrize("closing", CLOSINGS)
def test_filler_at_the_end_is_seen(closing: str) -> None:
    assert courtesies(QUESTION, f"{SAID} {closing}") == Courtesies(opens=False, closes=True)


@pytest.mark.parametrize("text", CONTENT)
def test_content_is_not_mistaken_for_filler(text: str) -> None:
    assert courtesies(QUESTION, text) == Courtesies(opens=False, closes=False)


def test_filler_in_the_middle_is_at_no_end() -> None:
    assert courtesies(QUESTION, f"{SAID} Let me know the pot first. {SAID}") == Courtesies(opens=False, closes=False)


def test_an_answer_that_breaks_off_or_is_nothing_else_has_its_filler() -> None:
    assert courtesies(QUESTION, f"Hello, {SAID} In the first week you should") == Courtesies(opens=True, closes=False)
    found = courtesies(QUESTION, "Hello! Thanks for your question.")
    assert found and found.opens


def test_the_rules_do_not_apply_to_other_languages_and_to_nothing() -> None:
    assert courtesies("Warum?", "Hallo, die Wurzeln brauchen Luft, und das Wasser ist nicht gut für sie.") is None
    assert courtesies("为什么？", "您好，根部需要空气，水太多会腐烂。") is None
    assert courtesies(QUESTION, " \n") is None


def test_a_letter_that_was_asked_for_keeps_its_ends() -> None:
    letter = f"Dear Mr Smith,\n\n{SAID}\n\nBest regards,\nAnna"
    asked = "Write a letter to Mr Smith about his fern."
    assert courtesies(asked, letter) == Courtesies(opens=False, closes=False)


def test_what_the_rules_leave_has_its_place_in_the_answer() -> None:
    answer = f"Hello! I'd be happy to help you. {SAID} Let me know if that helps!"
    begin, end = kept(QUESTION, answer)
    assert answer[begin:end] == SAID
    assert kept(QUESTION, SAID) == (0, len(SAID))
    assert kept(QUESTION, "Hello!") == (0, len("Hello!"))
