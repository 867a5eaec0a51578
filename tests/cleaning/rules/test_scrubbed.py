"""A word that a scrubbed name ate is completed or its sentence cut, and no stump is left with a full stop."""

from __future__ import annotations

import pytest

from job.cleaning.rules import scrubbed
from job.cleaning.rules.boilerplate import BRAND
from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples

KEPT = "The leaves are pale because the pot is too small for its roots, so it needs a bigger one."
BEHIND = "Then wait for a week and look at the new leaves before you do anything else."

COMPLETED = (
    ("It may be transplant syn", "", "It may be transplant syndrome."),
    ("It stores carbohy", "", "It stores carbohydrates."),
    ("It suffers from dehy", "", "It suffers from dehydration."),
    ("It is safe for chil", "", "It is safe for children."),
    ("These are signs of hyperan", "", "These are signs of hyperandrogenism."),
    ("You can consult an an", "", "You can consult an andrologist."),
    ("The pain can be costochon", "", "The pain can be costochondritis."),
    ("Testosterone is converted to dihy", "", "Testosterone is converted to dihydrotestosterone."),
    ("Keep well HY", "", "Keep well hydrated."),
    ("Water helps to maintain hy", "", "Water helps to maintain hydration."),
    ("Avoid anything with pseudoephe", "", "Avoid anything with pseudoephedrine."),
    ("There is a spot in the upper outer qua", "", "There is a spot in the upper outer quadrant."),
    ("You can do static qua", "", "You can do static quadriceps."),
    ("The bang has ruptured the ear", "", "The bang has ruptured the eardrum."),
    ("It is because of the with", "", "It is because of the withdrawal."),
    ("You can use it for dan", " It is kind to the scalp.", "You can use it for dandruff."),
    ("Take an anti-inflammatory", "", "Take an anti-inflammatory drug."),
    ("Stay away from recreational", " You must.", "Stay away from recreational drugs."),
    ("It belongs to another group of", " Take 5 mg.", "It belongs to another group of drugs."),
    ("It is a sulfa group", " Take 5 mg.", "It is a sulfa group drug."),
    ("Lorem is the name of the", " Take 5 mg.", "Lorem is the name of the drug."),
    ("These are side effects of the", "", "These are side effects of the drugs."),
    ("This is a caffeinated", "", "This is a caffeinated drink."),
    ("Avoid carbonated", "", "Avoid carbonated drinks."),
    ("It has lowered the sexual", "", "It has lowered the sexual drive."),
    ("You should avoid eating or", "", "You should avoid eating or drinking."),
    ("You should not eat or", "", "You should not eat or drink."),
    ("Give it warm water to", "", "Give it warm water to drink."),
    ("Ensure to", " This dilutes the urine.", "Ensure to drink."),
    ("Use antibiotic eye", "", "Use antibiotic eye drops."),
    ("Keep the affected area", "", "Keep the affected area dry."),
    ("Keep the wound clean and", "", "Keep the wound clean and dry."),
    ("Soap makes the skin", "", "Soap makes the skin dry."),
    ("The best way is to incise and", "", "The best way is to incise and drain."),
    ("The pus needs to be", "", "The pus needs to be drained."),
)
"""What stands before the name, what stands behind it, the sentence as it was."""


@pytest.mark.parametrize(("before", "behind", "whole"), COMPLETED, ids=lambda text: text[-12:])
def test_a_word_is_completed(before: str, behind: str, whole: str) -> None:
    assert scrubbed.completed(f"{KEPT} {before} {BRAND}.{behind}") == f"{KEPT} {whole}{behind}"


def test_each_entry_of_the_table_completes_a_sentence() -> None:
    for entry, (before, _, _) in zip(scrubbed.COMPLETIONS, COMPLETED, strict=True):
        assert scrubbed.pattern(rf"{entry[0]}{entry[1]}$").search(before), entry


def test_an_open_bracket_is_closed() -> None:
    assert scrubbed.completed(f"Give ORS (oral rehy {BRAND}.") == "Give ORS (oral rehydration)."
    assert scrubbed.completed(f"Give ORS (oral rehy {BRAND}).") == "Give ORS (oral rehydration)."


def test_a_longer_word_than_the_reach_is_not_looked_for() -> None:
    """The words of the table are found within the first characters before the name."""
    for _, word, _, _ in scrubbed.COMPLETIONS:
        assert len(max(word.replace("(?:", "").replace(")", "").split("|"), key=len)) < scrubbed.LONGEST_EATEN, word


@pytest.mark.parametrize(
    "sentence",
    [
        "The fern (polycystic syn",  # no verb
        "As you have transplant syn",  # no main clause
        "There is no rule that chil",  # the subject of what is lost
    ],
)
def test_a_sentence_that_cannot_stand_is_not_completed(sentence: str) -> None:
    text = f"{KEPT} {sentence} {BRAND}. {BEHIND}"
    assert scrubbed.completed(text) == text


def test_a_forum_that_lost_no_word_is_left_alone() -> None:
    for text in (f"Join the group of {BRAND}.", f"Ask the doctors of {BRAND}.", f"Welcome to {BRAND}."):
        assert scrubbed.completed(text) == text


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        ("You can clean the leaves twice a week and", "You can clean the leaves twice a week."),
        ("Put it in a bigger pot, as it is too", "Put it in a bigger pot."),
        ("It is hard to treat because these pests are", "It is hard to treat."),
        ("You can use a good soil such as peat and", "You can use a good soil."),
        ("The leaves will recover soon, and you may", "The leaves will recover soon."),
        ("Wait for an hour at least so that the", "Wait for an hour at least."),
        ("If in doubt, have the roots examined by your", "If in doubt, have the roots examined."),
        ("So, for that, get the soil tested and", "So, for that, get the soil tested."),
        ("You can put it into a bigger pot for the", "You can put it into a bigger pot."),
        ("For the mould you should see a specialist", "For the mould you should see a specialist."),
    ],
)
def test_a_clause_that_stands_by_itself_is_kept(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {kept} {BEHIND}"


@pytest.mark.parametrize(
    "spoilt",
    [
        "You can water it if the soil is",  # without the condition it would be other advice
        "Do not move it until it is",
        "It is harmless but you should",
        "There are two pests, aphids and",  # one of two
        "If it droops, and you are",  # no main clause
        "Because of the cold and the",
        "You can use",
        "Ensure to",
        "Do not put it outside for the",  # without the rest it would forbid more
        "The roots are responsible for the",  # no advice
        "For more information consult a specialist",
    ],
)
def test_what_cannot_stand_or_would_say_something_else_goes_whole(spoilt: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {BEHIND}"


def test_the_rest_of_a_spoilt_sentence_goes_in_text_that_has_capitals() -> None:
    assert cleaned(f"{KEPT} Use hy LeafTalk. ) twice a day. {BEHIND}") == f"{KEPT} {BEHIND}"
    small = f"{KEPT.lower()} use hy leaftalk. {BEHIND.lower()}"
    assert cleaned(small).lower() == f"{KEPT} {BEHIND}".lower()


@pytest.mark.parametrize(
    ("sentence", "whole"),
    [
        ("The fern needs light.", True),
        ("Water it well", True),
        ("2. Also, water it well.", True),
        ("If it droops, water it.", True),
        ("If it droops.", False),
        ("The colour of the leaves.", False),
        ("It needs a pot with", False),
        ("It needs light (a lot.", False),
    ],
)
def test_a_sentence_stands_with_a_verb_and_without_an_open_end(sentence: str, whole: bool) -> None:
    assert scrubbed.stands(sentence) is whole
