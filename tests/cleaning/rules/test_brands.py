"""Brand names in any spelling, and the sentences that their scrubbing spoilt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from job.cleaning.rules.brands import brand_pattern
from tests.cleaning.rules.one_row import ADVICE, QUESTION, RULES, cleaned, cleaned_question

pytestmark = pytest.mark.examples


def test_brands_are_found_in_every_spelling() -> None:
    pattern = brand_pattern("LeafTalk")
    for spelling in (
        "LeafTalk",
        "Leaf Talk",
        "leaf-talk",
        "LEAF  TALK",
        "leaftalk.com",
        "LeafTalkIn",
        "witLeafTalkand",
    ):
        assert pattern.search(f"ask {spelling} now"), spelling
    assert not pattern.search("a leaf talks")
    assert not pattern.search("a tealeaf talk")
    assert not pattern.search("a leaf t-alk")


def test_a_brand_of_capitals_is_found_in_its_parts() -> None:
    pattern = brand_pattern("MDHelp")
    assert all(map(pattern.search, ("MDHelp", "MD Help", "md help", "MD-Help")))
    assert not pattern.search("MDHelper")
    rules = replace(RULES, brands=("MDHelp",))
    assert cleaned(f"MD Help. {ADVICE}", rules) == cleaned(f"MDHelp Answers. {ADVICE}", rules) == ADVICE


def test_a_scrubbed_sentence_goes_whole() -> None:
    scrubbed = (
        "Water it twice a week. Ensure to Leaf Talk. This keeps the roots wet. 20 ml are enough. Turn it once a month."
    )
    assert (
        cleaned(scrubbed) == "Water it twice a week. This keeps the roots wet. 20 ml are enough. Turn it once a month."
    )
    assert cleaned("it needs water twice a week. Ensure to LeafTalk. This keeps the roots wet.").startswith(
        "It needs water"
    )
    assert cleaned(f"{ADVICE} Turn it. Feed it. Use hy LeafTalk. 20 mg twice daily. Then wait for a week.") == (
        f"{ADVICE} Turn it. Feed it. Then wait for a week."
    )


def test_a_word_that_lost_its_space_behind_a_name_begins_a_sentence() -> None:
    glued = "Water it well every week. Ensure to LeafTalkThen wait for rain. Keep it dry in winter."
    assert cleaned(glued) == "Water it well every week. Then wait for rain. Keep it dry in winter."


def test_a_row_goes_when_more_than_a_third_of_it_is_scrubbed() -> None:
    assert cleaned("Water it well every week. Use more of LeafTalk. Then wait.") == "mostly_scrubbed"  # 4 words of 11
    assert cleaned("Then add some more of the old LeafTalk. Stir.") == "mostly_scrubbed"
    shows_once_the_middle_is_gone = (
        "Ferns and moss ask Leaf\nAlso use the LeafTalk.\nTalk about growth."  # 4 words, then 7
    )
    behind = "Then fill the pot, press the soil down, and water it once more in the evening."  # 15
    assert cleaned(f"{shows_once_the_middle_is_gone} {behind}") == "mostly_scrubbed"
    assert cleaned("Water it well every other week. Use more of LeafTalk. Then wait.").endswith("week. Then wait.")
    assert cleaned("Use the LeafTalk. Then add some more of the old LeafTalk. Water it.") == "mostly_scrubbed"
    assert cleaned("Then add some more of the old LeafTalk and stir.") == "nothing_but_boilerplate"


def test_a_name_in_the_question_never_costs_the_row() -> None:
    assert cleaned_question(f"Hi LeafTalk. {QUESTION} It stands in the shade.") == f"{QUESTION} It stands in the shade."
    assert cleaned_question("I asked LeafTalk why it is yellow.") == "I asked LeafTalk why it is yellow."
    assert cleaned_question("I asked LeafTalk. Why is it yellow now, then?") == "Why is it yellow now, then?"  # 6 of 9
    assert cleaned_question("I asked LeafTalk. Why is it yellow now?") == "I asked LeafTalk. Why is it yellow now?"


def test_a_page_of_the_forum_goes_with_its_name() -> None:
    assert cleaned(f"{ADVICE} For more information consult an an LeafTalk. LeafTalk/ask-a-gardener-online/an") == ADVICE


def test_a_name_in_the_middle_of_a_word_is_what_it_took_the_place_of() -> None:
    assert cleaned(f"{ADVICE} Use it witLeafTalkbination of peat.") == f"{ADVICE} Use it with combination of peat."


def test_a_possessive_goes_with_the_name() -> None:
    assert cleaned(f"LeafTalk\\s. {ADVICE}") == cleaned(f"Welcome to LeafTalk's. {ADVICE}") == ADVICE


def test_a_hormone_s_name_comes_back_where_scrubbing_put_the_forum_s() -> None:
    assert cleaned(f"{ADVICE} Look at the beta-LeafTalk titles.") == f"{ADVICE} Look at the beta-hCG titles."


@pytest.mark.parametrize(
    ("first", "kept"),
    [
        ("Welcome to LeafTalk. It is a with LeafTalk.", "It is a withdrawal."),
        ("Welcome to LeafTalk, I am LeafTalk Look, this is root syn LeafTalk.", "This is root syndrome."),
    ],
)
def test_a_first_sentence_whose_word_was_lost_is_no_greeting(first: str, kept: str) -> None:
    assert cleaned(f"Hi, {first} {ADVICE}") == f"{kept} {ADVICE}"


@pytest.mark.parametrize("domain", [".com", ".om", ".cm", ".co"])
def test_a_misspelt_domain_goes_with_the_name(domain: str) -> None:
    assert cleaned(f"Welcome to LeafTalk{domain}. {ADVICE}") == ADVICE
    assert cleaned(f"Welcome to LeafTalk. Common ferns are green. {ADVICE}") == f"Common ferns are green. {ADVICE}"
