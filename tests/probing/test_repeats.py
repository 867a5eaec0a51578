"""Answers that do not depend on the question."""

from __future__ import annotations

import pytest

from job.probing.repeats import said_elsewhere

pytestmark = pytest.mark.light
QUESTIONS = ["Why do ferns wilt?", "How often do I water it?", "Which soil is best?"]
REFERENCES = ["Too much sun.", "Once a week.", "Loose soil."]


def test_the_same_answer_to_several_questions_is_seen() -> None:
    """What a column of answers that slipped by one row teaches."""
    assert said_elsewhere(QUESTIONS, REFERENCES, ["A new pot.", "a new  pot.", "Loose soil."]) == [True, True, False]


def test_the_same_question_may_have_the_same_answer() -> None:
    questions = ["Why do ferns wilt?", "why do ferns  wilt?", "Which soil is best?"]
    assert said_elsewhere(questions, REFERENCES, ["Sun.", "Sun.", "Soil."]) == [False, False, False]


def test_in_data_with_few_different_answers_nothing_is_said_of_them() -> None:
    assert said_elsewhere(QUESTIONS, ["Yes.", "yes.", "No."], ["Yes.", "Yes.", "Yes."]) == [None, None, True]


def test_without_a_reference_nothing_tells_whether_one_answer_serves_both() -> None:
    assert said_elsewhere(QUESTIONS, ["", "", "Loose soil."], ["Soil.", "Soil.", "Soil."]) == [None, None, True]
