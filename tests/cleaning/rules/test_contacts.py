"""Contact data goes from questions and answers, and what looks like it stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules, clean_batch
from job.cleaning.rules.contacts import masked
from job.cleaning.rules.rule import Tally
from tests.cleaning.rules.one_row import ADVICE, RULES, cleaned, cleaned_question

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"{ADVICE} Mail me at jane.doe@plants.org for pictures.", ADVICE),
        (f"{ADVICE} Call +1 (555) 123-4567 or 555-123-4567.", ADVICE),
        (f"{ADVICE} My page is www.plants.org/fern today.", ADVICE),
        (f"{ADVICE} Write to jane (at) plants (dot) org.", ADVICE),
        (f"{ADVICE}\n- Anna Moss", ADVICE),
        (f"{ADVICE} Dr. John Fern, MD", ADVICE),
        (
            "Send thirteen words and a contact to be cut, which I say here at jane@plants.org. Water it.",
            "Water it.",
        ),  # 15 in all
        (
            "Take pictures of the leaves from both sides and send them to me at jane@plants.org , then wait. Water it.",
            "Take pictures of the leaves from both sides and send them to me, then wait. Water it.",
        ),
        (
            "Take a picture of the leaves from above and from below, and send it by mail to jane@plants.org\nWater it.",
            "Take a picture of the leaves from above and from below, and send it by mail\nWater it.",
        ),
        ("Take 500-1000 ml since 2010-12-31 at 120-139/80-89.", "Take 500-1000 ml since 2010-12-31 at 120-139/80-89."),
    ],
)
def test_contact_data_of_an_answer_goes(text: str, rest: str) -> None:
    assert cleaned(text) == rest


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("Hello, my name is Anna Moss. Why is it yellow?", "Hello. Why is it yellow?"),
        ("My name is Anna. Why is it yellow?", "Why is it yellow?"),
        ("Hello! My name is Anna. Why is it yellow?", "Hello! Why is it yellow?"),
        ("Hello, my name is Anna! Why is it yellow?", "Hello. Why is it yellow?"),
        ("Hello,my name is Anna and it is yellow.", "Hello, it is yellow."),
        ("Hello. My name is Anna and it is yellow.", "Hello. it is yellow."),
        ("So my name is Anna and why is it yellow?", "So why is it yellow?"),
        ("Hi, myself Anna. Why is it yellow?", "Hi. Why is it yellow?"),
        ("I am called Anna Moss. Why is it yellow?", "Why is it yellow?"),
        ("Why is it yellow? Thanks, Anna Moss", "Why is it yellow? Thanks."),
        ("Thanks, Anna", "Thanks."),
        ("I am Anna, 35 years old. Why is it yellow?", "I am 35 years old. Why is it yellow?"),
        ("I'm Anna Moss, 35 yrs. Why is it yellow?", "I'm 35 yrs. Why is it yellow?"),
        ("I’m Anna, a 35 y/o. Why is it yellow?", "I’m a 35 y/o. Why is it yellow?"),
        ("This is Anna, 35 F. Why is it yellow?", "This is 35 F. Why is it yellow?"),
        ("Why is it yellow? Dr. John Fern, MD", "Why is it yellow?"),
        ("Why is it yellow? Doctor John Fern", "Why is it yellow?"),
        ("Why is it yellow?\n– Anna Moss", "Why is it yellow?"),
        ("Why is it yellow? — Anna Moss", "Why is it yellow?"),
        ("Why is it yellow? ~ Anna", "Why is it yellow?"),
        ("Why is it yellow? Call 555-1234.", "Why is it yellow?"),
        ("Why is it yellow? Reach me on +49 171 2345678.", "Why is it yellow?"),
    ],
)
def test_contact_data_of_a_question_goes(question: str, rest: str) -> None:
    assert cleaned_question(question) == rest


def test_an_example_shows_no_contact_data_and_no_name() -> None:
    assert masked("Dear Anna, write to jane@plants.org or call 555-123-4567.") == "Dear […], write to […] or call […]."


def test_a_signature_takes_its_line_with_it() -> None:
    tally: Tally = {}
    clean_batch([{"question": "Why is it yellow\n- Anna Moss", "answer": ADVICE}], RULES, tally)
    assert {rule: count.characters_removed for rule, count in tally.items()} == {"signature": len("\n- Anna Moss")}


def test_contact_rules_can_be_switched_off() -> None:
    text = f"{ADVICE} Mail me at jane.doe@plants.org for pictures."
    assert cleaned(text, Rules(packs=("wiki",), contacts=False, min_answer_words=1)) == text
