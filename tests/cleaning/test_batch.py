"""A batch of rows: what each kept row's numbers are, and rows that could not be read."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from job.cleaning.batch import BAD_JSON, Batch, CleanedBatch, Raw, ends_of, process
from job.cleaning.duplicates import BANDS
from job.cleaning.repeated import edges
from job.cleaning.rules import Rules
from job.cleaning.rules.lists import KINDS
from job.modeling.conversation import Conversation

pytestmark = pytest.mark.light

RULES = Rules(min_answer_words=3)
FERN = Raw(" You know plants. ", "Why is my fern yellow?", "Hello. It stands in the sun.")
MOSS = Raw("", "Why is my moss brown?", "It is too dry there.")


def processed(*raws: Raw, system: str = "", seed: int = 1, near: bool = True, **more: Any) -> CleanedBatch:
    return process(Batch(2, list(raws), RULES), system=system, seed=seed, near=near, **({"repeats": True} | more))


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


def test_what_kept_rows_begin_and_end_with_is_there_where_it_is_looked_for() -> None:
    found = processed(FERN, Raw(fault=BAD_JSON), MOSS)
    texts = [(row["question"], row["answer"]) for row in (found.rows[0], found.rows[2])]
    assert found.edges == edges(texts).tobytes()
    assert processed(FERN, repeats=False).edges == b""


def test_what_repeats_in_a_source_goes_before_the_rules_run() -> None:
    raw = Raw("", "Why?", "It is too dry there. Take care. All our love.")
    gone = (frozenset[tuple[str, ...]](), frozenset({("all our love",)}))
    found = processed(raw, gone=((frozenset(), frozenset()), (frozenset(), frozenset()), gone))
    assert found.rows[0]["answer"] == "It is too dry there."
    assert found.raws == [raw]
    assert found.tally["closing"].changed == 1


def test_what_repeats_goes_from_the_last_answer_of_a_conversation_and_from_plain_text() -> None:
    gone = ((frozenset[tuple[str, ...]](), frozenset({("all our love",)})),) * 3
    ending = " It is too dry there. All our love."
    answers = [{"role": role, "content": f"{role}:{ending}"} for role in ("user", "assistant", "user", "assistant")]
    found = processed(Raw("", conversation=Conversation("", tuple(answers))), Raw(text=f"Of moss.{ending}"), gone=gone)
    assert [turn["content"].endswith("love.") for turn in found.rows[0]["turns"]] == [True, True, True, False]
    assert found.rows[1]["text"] == "Of moss. It is too dry there."
    call = {
        "role": "assistant",
        "content": f"Let me see.{ending}",
        "tool_calls": [{"function": {"name": "see", "arguments": "{}"}}],
    }
    kept = processed(Raw("", conversation=Conversation("", (answers[0], call))), gone=gone)
    assert kept.rows[0]["turns"][-1] == call


def test_a_conversation_begins_with_its_first_question_and_ends_with_its_last_answer() -> None:
    assert ends_of(["Why?", "So.", "And now?", "Water it."]) == ("Why?", "Water it.")
    assert ends_of(["Of moss."]) == ("", "Of moss.")
