"""What a rule is given: which packs run, and fields that note what changed them."""

from __future__ import annotations

import pytest

from job.cleaning.rules.rule import EXAMPLES, Count, Field, Row, Rule, Rules

pytestmark = pytest.mark.examples

CUT = Rule("cut", "cuts", "repair", ("inside",), cut=lambda field: field.text)
PRIVATE = Rule("private", "personal data", "contacts", ("inside",), cut=lambda field: field.text, private=True)


def test_packs_run_when_they_are_named() -> None:
    assert Rules(packs=("wiki",)).runs("wiki")
    assert not Rules(packs=("wiki",)).runs("qa-forum")
    assert Rules(packs=("wiki",)).runs("shape")
    assert Rules(contacts="cut").runs("contacts")
    assert not Rules(contacts="keep").runs("contacts")
    assert Rules(packs=("none",)).runs("always")
    assert not Rules(packs=("none",)).runs("own")


def test_a_field_notes_each_rule_once_with_its_first_change() -> None:
    field = Field("answer", "One two Three", Rules())
    field.becomes(CUT, "One two")
    field.becomes(CUT, "One")
    field.becomes(PRIVATE, "")
    assert field.changes["cut"] == Count(changed=1, characters_removed=10, examples=[("One two Three", "One two")])
    assert field.changes["private"] == Count(changed=1, characters_removed=3)
    field.becomes(CUT, "One two")  # longer than before
    assert field.changes["cut"].characters_removed == 10


def test_small_letters_and_words_follow_the_text() -> None:
    answer = Row("Why?", "Water IT", Rules()).answer
    assert (answer.lowered, answer.words) == ("water it", ["Water", "IT"])
    answer.becomes(CUT, "Water")
    assert (answer.lowered, answer.words) == ("water", ["Water"])


def test_counts_of_two_batches_add_up_and_keep_few_examples() -> None:
    total = Count()
    for number in range(3):
        total.add(
            Count(changed=2, dropped=1, characters_removed=5, examples=[(f"a{number}", "b"), (f"c{number}", "d")])
        )
    assert (total.changed, total.dropped, total.characters_removed) == (6, 3, 15)
    assert [before for before, _ in total.examples] == ["a0", "c0", "a1"]
    assert len(total.examples) == EXAMPLES
