"""The general questions that ship with the job: enough, diverse, short, and none that gives itself away."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from job.cleaning.rules.text import units
from job.probing.general import FILE, read
from job.probing.loops import loops
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

PROMPTS, CHOICES = read()


def test_there_are_a_hundred_of_each_and_none_twice() -> None:
    assert len(PROMPTS) == len(CHOICES) == 100
    assert len({one.question.casefold() for one in (*PROMPTS, *CHOICES)}) == 200


def test_answers_are_short_prose() -> None:
    assert all(30 <= units(prompt.answer) <= 70 for prompt in PROMPTS)
    assert not any(loops(prompt.answer, stopped=True) for prompt in PROMPTS)


def test_each_has_four_options_and_the_right_one_in_every_place_as_often() -> None:
    assert all(len(choice.options) == len({option.casefold() for option in choice.options}) == 4 for choice in CHOICES)
    assert Counter(choice.right for choice in CHOICES) == {0: 25, 1: 25, 2: 25, 3: 25}


def test_the_longest_option_is_right_about_as_often_as_chance_has_it() -> None:
    longest = sum(max(choice.options, key=len) == choice.options[choice.right] for choice in CHOICES)
    assert 15 <= longest <= 40


def test_no_topic_has_more_than_a_fifth() -> None:
    for entries in (PROMPTS, CHOICES):
        topics = Counter(entry.topic for entry in entries)
        assert len(topics) >= 9
        assert max(topics.values()) <= 20


def test_none_is_about_medicine_or_a_business_of_the_quickstarts() -> None:
    subjects = re.compile(
        r"\b(?:doctor|disease|patient|symptom|therapy|medicine|diabetes|fern|houseplant|repot)", re.IGNORECASE
    )
    assert not [one.question for one in (*PROMPTS, *CHOICES) if subjects.search(one.question)]


def test_options_are_shown_without_letters() -> None:
    assert CHOICES[0].asked == "\n".join([CHOICES[0].question, "", *(f"- {option}" for option in CHOICES[0].options)])


def test_the_file_is_in_the_package() -> None:
    assert FILE.is_file()
    assert '"probing/*.jsonl"' in (PROJECT / "pyproject.toml").read_text("utf-8")
