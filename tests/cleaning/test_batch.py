"""A batch of rows: what each kept row's numbers are, and rows that could not be read."""

from __future__ import annotations

import numpy
import pytest

from job.cleaning.batch import BAD_JSON, Batch, CleanedBatch, Raw, process
from job.cleaning.duplicates import BANDS
from job.cleaning.rules import Rules
from job.cleaning.rules.lists import KINDS

pytestmark = pytest.mark.light

RULES = Rules(min_answer_words=3)
FERN = Raw(" You know plants. ", "Why is my fern yellow?", "Hello. It stands in the sun.")
MOSS = Raw("", "Why is my moss brown?", "It is too dry there.")


def processed(*raws: Raw, system: str = "", seed: int = 1, near: bool = True) -> CleanedBatch:
    return process(Batch(2, list(raws), RULES), system=system, seed=seed, near=near)


def test_every_row_has_a_reason_or_is_kept() -> None:
    found = processed(FERN, Raw(fault=BAD_JSON), Raw("", "Why?", "Dry."))
    assert found.reasons == ["", "bad_json", "short_answer"]
    assert found.rows[0] == {"system": "You know plants.", "question": FERN.question, "answer": "It stands in the sun."}
    assert found.rows[1] == {}
    assert (found.source, len(found.raws), len(found.text)) == (2, 3, 1)
    assert {name: count.dropped for name, count in found.tally.items() if count.dropped} == {"short_answer": 1}


def test_a_system_prompt_of_the_settings_stands_before_the_rows_own() -> None:
    assert processed(FERN, system="Answer briefly.").rows[0]["system"] == "Answer briefly."


def test_the_numbers_of_a_row_depend_on_no_other_row() -> None:
    alone, together = processed(MOSS), processed(FERN, MOSS)
    for name in ("text", "question", "sample", "split", "lists"):
        assert getattr(alone, name) == getattr(together, name)[1:], name
    assert alone.bands == together.bands[len(alone.bands) :]


def test_the_seed_changes_the_order_of_sample_and_split_alone() -> None:
    one, other = processed(MOSS), processed(MOSS, seed=2)
    assert (one.text, one.question, one.bands) == (other.text, other.question, other.bands)
    assert len({*one.sample, *one.split, *other.sample, *other.split}) == 4


def test_rows_that_differ_in_case_and_signs_have_the_same_text() -> None:
    assert len(set(processed(MOSS, Raw("", "WHY is my moss brown", "It is: too dry there!")).text)) == 1


def test_lists_are_told_by_kind() -> None:
    found = processed(MOSS, Raw("", "How?", "1. Fill the pot. 2. Press the soil. 3. Water it."))
    assert [KINDS[number] for number in found.lists] == ["", "numbered"]


def test_bands_are_made_where_near_duplicates_are_looked_for() -> None:
    assert numpy.frombuffer(processed(FERN, MOSS).bands, dtype=numpy.uint64).shape == (2 * BANDS,)
    assert processed(FERN, near=False).bands == b""
