"""Examples show what changed and no contact data."""

from __future__ import annotations

import pytest

from job.cleaning.examples import example, excerpt
from job.cleaning.rules import Rules
from job.results import Example

pytestmark = pytest.mark.light


def test_an_excerpt_is_the_change_with_some_text_around_it() -> None:
    before = "a" * 100 + " Hello. " + "b" * 100
    after = "a" * 100 + " " + "b" * 100
    found = excerpt(before, after)
    assert found.before == "…" + "a" * 59 + " Hello. " + "b" * 60 + "…"
    assert found.after == "…" + "a" * 59 + " " + "b" * 60 + "…"


def test_a_short_text_stands_whole() -> None:
    assert excerpt("Hello. Water it.", "Water it.") == Example(before="Hello. Water it.", after="Water it.")


def test_a_long_change_is_cut() -> None:
    assert len(excerpt("x" * 1000, "").before) == 241


def test_contact_data_and_names_are_masked_before_the_excerpt_is_cut() -> None:
    before = f"Hello Anna, mail bob.green@plants.org or call 555-123-4567. {'Water it. ' * 9}Regards, Dr. John Fern"
    found = example(before, before[len("Hello Anna, ") :], Rules())
    assert found.before.startswith("Hello […], mail […] or call […]")
    assert not any(part in str(found) for part in ("bob", "green", "555", "4567", "Anna", "John"))


def test_a_name_is_masked_where_what_shows_it_went() -> None:
    found = example("Water it. Kind regards,\nAnna Moss\nFern Team", "Water it. Anna Moss\nFern Team", Rules())
    assert not any(part in found.before + found.after for part in ("Anna", "Moss"))


def test_the_brand_has_its_own_name_again() -> None:
    assert example("Ask ourforum.", "", Rules(brands=("LeafTalk",))).before == "Ask LeafTalk."


def test_the_spelling_of_a_brand_is_no_change() -> None:
    found = example("Ask Leaf  Talk or Moss-Line.", "Ask ourforum or ourforum.", Rules(brands=("LeafTalk", "MossLine")))
    assert found.before == found.after == "Ask LeafTalk or LeafTalk."
