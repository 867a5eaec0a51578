"""The cleaning rules on examples written here."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Pack, brand_pattern, repair
from tests.conftest import make_rows

pytestmark = pytest.mark.light

PACK = Pack(("qa-forum", "wiki"), ("LeafTalk",))
ADVICE = "Water it twice a week. Keep it out of the sun."


@pytest.mark.parametrize(
    "opening",
    [
        "Hello, ",
        "Hi. ",
        "HI, thanks for using LeafTalk. ",
        "Dear user, welcome to Leaf Talk forum. ",
        "Hello and welcome to LeafTalk. I have gone through your query. ",
        "Good morning, I am Dr. Fern and I will answer your question. ",
        "Thank you for your question. I understand your concern. ",
        "As a plant care assistant, I'd be happy to help you with that! ",
        "Great question! ",
    ],
)
def test_openings_go_and_the_first_sentence_stays(opening: str) -> None:
    assert PACK.clean(opening + ADVICE).text == ADVICE


@pytest.mark.parametrize(
    "closing",
    [
        " Hope this helps.",
        " Hope I have answered your question. Let me know if I can assist you further.",
        " Regards, LeafTalk team.",
        " Wish you good health. Take care.",
        " If you have any more questions, do write back. Best wishes.",
        " Thanks. Dr. Fern",
        "\n\nKind regards,\nLeaf Talk",
    ],
)
def test_closings_go_and_the_full_stop_stays(closing: str) -> None:
    assert PACK.clean(ADVICE + closing).text == ADVICE


def test_a_missing_full_stop_does_not_cost_the_first_sentence() -> None:
    assert PACK.clean("Hello thanks for your question water it twice a week.").text == "Water it twice a week."


def test_a_closing_without_a_stop_before_it() -> None:
    assert PACK.clean("Water it twice a week Hope this helps").text == "Water it twice a week."


@pytest.mark.parametrize(
    "text",
    [
        ADVICE,
        "Thanks to its thick leaves it needs little water. Hope is not a plan, a calendar is.",
        "Higher pots hold more water.\n\n1. Fill the pot.\n2. Press the soil down.",
        "Take care of the roots when you cut it.",
        "Dearth of light makes it pale. High places are warm.",
    ],
)
def test_text_without_boilerplate_comes_back_unchanged(text: str) -> None:
    assert PACK.clean(text).text == text


@pytest.mark.parametrize("row", make_rows(5) + make_rows(5, seed=9), ids=lambda row: row["input"][:20])
def test_cleaning_its_own_output_changes_nothing(row: dict[str, str]) -> None:
    once = PACK.clean(row["output"]).text
    assert PACK.clean(once).text == once


def test_repair_keeps_line_breaks() -> None:
    assert repair("two\\u00a0days \r\n  later\x07\t on") == "two days\nlater on"


def test_brands_are_found_in_every_spelling() -> None:
    pattern = brand_pattern(("LeafTalk",))
    assert pattern is not None
    for spelling in ("LeafTalk", "Leaf Talk", "leaf-talk", "LEAF  TALK", "leaftalk.com"):
        assert pattern.search(f"ask {spelling} now"), spelling
    assert not pattern.search("a leaf talks")
