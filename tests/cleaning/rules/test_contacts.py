"""Contact data goes from questions and answers, and what looks like it stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules
from tests.cleaning.rules.one_row import ADVICE, cleaned, cleaned_question

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
        ("Take 500-1000 ml since 2010-12-31 at 120-139/80-89.", "Take 500-1000 ml since 2010-12-31 at 120-139/80-89."),
    ],
)
def test_contact_data_of_an_answer_goes(text: str, rest: str) -> None:
    assert cleaned(text) == rest


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("Hello, my name is Anna Moss. Why is it yellow?", "Hello. Why is it yellow?"),
        ("Why is it yellow? Thanks, Anna Moss", "Why is it yellow? Thanks."),
        ("I am Anna, 35 years old. Why is it yellow?", "I am 35 years old. Why is it yellow?"),
        ("Why is it yellow? Reach me on +49 171 2345678.", "Why is it yellow?"),
    ],
)
def test_contact_data_of_a_question_goes(question: str, rest: str) -> None:
    assert cleaned_question(question) == rest


def test_contact_rules_can_be_switched_off() -> None:
    text = f"{ADVICE} Mail me at jane.doe@plants.org for pictures."
    assert cleaned(text, Rules(packs=("wiki",), contacts=False, min_answer_words=1)) == text
