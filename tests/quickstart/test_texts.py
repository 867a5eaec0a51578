"""The texts about house plants: the facts of one plant in every voice, and rows as a forum has them."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from job.quickstart.texts import (
    BRAND,
    GREETINGS,
    PLANTS,
    SIGN_OFFS,
    SYSTEM_PROMPT,
    care_sheets,
    forum_rows,
    probe_questions,
)

pytestmark = pytest.mark.light


def test_every_plant_has_a_care_sheet_with_its_facts() -> None:
    sheets = list(islice(care_sheets(random.Random(0)), 2000))  # it never ends
    for plant in PLANTS:
        assert any(plant.name in sheet and plant.water in sheet for sheet in sheets), plant.name


def test_the_probes_questions_are_in_no_row() -> None:
    asked = {row["input"] for row in forum_rows(random.Random(7), 480)}
    questions = probe_questions()
    assert questions
    assert not any(question in row for question in questions for row in asked)


def test_rows_carry_what_cleaning_takes_out() -> None:
    rows = forum_rows(random.Random(7), 480)
    answers = [row["output"] for row in rows]
    assert {row["instruction"] for row in rows} == {SYSTEM_PROMPT}
    assert sum(answer.startswith(tuple(word for word in GREETINGS if word)) for answer in answers) > 100
    assert sum(answer.endswith(tuple(word for word in SIGN_OFFS if word)) for answer in answers) > 100
    assert len(answers) > len(set(answers))  # copies
    assert any(BRAND in answer for answer in answers)
