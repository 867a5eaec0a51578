"""Answers that do not depend on the question."""

from __future__ import annotations

import random

import pytest

from job.probing.kinds import Kind
from job.probing.repeats import said_elsewhere

pytestmark = pytest.mark.light
QUESTIONS = ["Why do ferns wilt?", "How often do I water it?", "Which soil is best?"]
REFERENCES = ["Too much sun.", "Once a week.", "Loose soil."]
LABELS = Kind(texts=frozenset(("yes", "no", "maybe")))


def test_the_same_answer_to_several_questions_is_seen() -> None:
    """What a column of answers that slipped by one row teaches."""
    assert said_elsewhere(QUESTIONS, REFERENCES, ["A new pot.", "a new  pot.", "Loose soil."]) == [True, True, False]


def test_the_same_question_may_have_the_same_answer() -> None:
    questions = ["Why do ferns wilt?", "why do ferns  wilt?", "Which soil is best?"]
    assert said_elsewhere(questions, REFERENCES, ["Sun.", "Sun.", "Soil."]) == [False, False, False]


def test_an_answer_that_is_its_own_reference_is_right_whoever_else_gets_it() -> None:
    assert said_elsewhere(QUESTIONS, REFERENCES, ["Too much sun.", "Too much sun.", "Soil."]) == [False, True, False]


def test_questions_about_the_same_may_share_an_answer_though_the_references_differ_in_words() -> None:
    """A fifth of the quickstart's good answers, and so many more in a larger probe."""
    questions = [
        "Which pest is on my umbrella tree?",
        "What are the insects on my umbrella tree?",
        "Is the oven broken?",
    ]
    references = [
        "On an umbrella tree these are most often spider mites.",
        "The usual guest on an umbrella tree is spider mites.",
        "Look at the fuse first.",
    ]
    assert said_elsewhere(questions, references, ["Spider mites."] * 3) == [True, True, True]  # also the oven's
    assert said_elsewhere(questions, references, ["Spider mites.", "Spider mites.", "No."]) == [False, False, False]


def test_the_share_does_not_grow_with_the_number_of_questions() -> None:
    """One other question in 60 is met by chance; two are three in a hundred."""
    questions, references = ([f"{text}{number}" for number in range(60)] for text in ("asked", "said"))
    answers = [f"own{number}" for number in range(60)]
    answers[:2] = ["the same"] * 2
    assert not any(said_elsewhere(questions, references, answers))
    answers[:3] = ["the same"] * 3
    assert said_elsewhere(questions, references, answers)[:4] == [True, True, True, False]


@pytest.mark.parametrize("texts", [1, 5, 20])
def test_a_model_that_knows_a_handful_of_texts_is_caught(texts: int) -> None:
    """Also where all is about one narrow thing: two of these thirty words in each."""
    numbers = random.Random(1)
    words = [f"word{number}" for number in range(30)]
    questions = [f"row {row} {' '.join(numbers.sample(words, 6))}" for row in range(100)]
    references = [" ".join(numbers.sample(words, 10)) for _ in range(100)]
    found = said_elsewhere(questions, references, [f"text {numbers.randrange(texts)}" for _ in range(100)])
    assert sum(map(bool, found)) > 40


def test_a_wrong_label_is_a_wrong_choice_and_what_is_none_counts_though_labels_repeat() -> None:
    """A classifier with errors is no model that says the same to everything; one that answers "fff" is."""
    references = ["Yes.", "yes.", "No."]
    assert said_elsewhere(QUESTIONS, references, ["Yes.", "No.", "No."], LABELS) == [False, False, False]
    assert said_elsewhere(QUESTIONS, references, ["fff", "Yes.", "fff"], LABELS) == [True, False, True]
    assert said_elsewhere(QUESTIONS, references, ["fff", "fff", "No."], LABELS) == [False, False, False]  # both yes


def test_one_label_for_everything_is_no_choice() -> None:
    assert said_elsewhere(QUESTIONS, ["Yes.", "yes.", "No."], ["Yes.", "Yes.", "Yes."], LABELS) == [False, False, True]


def test_without_a_reference_nothing_tells_whether_one_answer_serves_both() -> None:
    assert said_elsewhere(QUESTIONS, ["", "", "Loose soil."], ["Soil.", "Soil.", "Soil."]) == [None, None, False]
    assert said_elsewhere(QUESTIONS, ["", "Once.", "Loose soil."], ["Soil."] * 3) == [None, True, True]


@pytest.mark.parametrize(("same", "seen"), [(3, False), (4, True)])
def test_three_in_a_hundred_of_the_others_are_no_chance(same: int, seen: bool) -> None:
    questions, references = ([f"{text}{number}" for number in range(101)] for text in ("asked", "said"))
    answers = ["the same"] * same + [f"own{number}" for number in range(101 - same)]
    assert any(said_elsewhere(questions, references, answers)) is seen


@pytest.mark.parametrize(("common", "seen"), [(2, True), (3, False)])
def test_questions_with_a_fifth_of_their_words_in_common_are_about_the_same(common: int, seen: bool) -> None:
    """Likeness 0.17 and 0.27, where all others have none."""
    questions = [f"only{number}" for number in range(98)]
    questions += [
        " ".join([*(f"both{number}" for number in range(common)), *(f"{name}{number}" for number in range(9 - common))])
        for name in ("left", "right")
    ]
    references = [f"said{number}" for number in range(100)]
    answers = [f"own{number}" for number in range(98)] + ["the same"] * 2
    few = said_elsewhere(
        questions[-2:] + questions[:30], references[-2:] + references[:30], answers[-2:] + answers[:30]
    )
    assert few[:2] == [seen, seen]


@pytest.mark.parametrize(("yes", "seen"), [(8, False), (9, True)])
def test_a_label_that_nine_in_ten_questions_get_is_no_choice(yes: int, seen: bool) -> None:
    questions, references = [f"asked{number}" for number in range(10)], ["Yes."] * 7 + ["No."] * 3
    answers = ["Yes."] * yes + ["No."] * (10 - yes)
    assert any(said_elsewhere(questions, references, answers, LABELS)) is seen
