"""A row through all rules: again changes nothing, counts add up. Texts are made up."""

from __future__ import annotations

import gc
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.cleaning.rules import Rules, clean_batch, cleaner, registry, text
from job.cleaning.rules.boilerplate import BRAND
from job.cleaning.rules.cleaner import STEPS
from job.cleaning.rules.rule import BOTH, Field, FieldName, Rule, Step, Tally
from tests.cleaning.awkward_texts import PARTS
from tests.cleaning.detector import flags
from tests.cleaning.rules.one_row import ADVICE, QUESTION, RULES, cleaned
from tests.conftest import make_rows

pytestmark = pytest.mark.examples


_WORDS = st.sampled_from(
    "leaf root soil light shade pot moss fern peat drain mould bark seed stem dry warm north window grows holds needs likes "
    "every two weeks under over beside cold rain sun sand 12 3.5 twice slowly without old young green".split()
)


_SENTENCE = st.lists(_WORDS, min_size=3, max_size=14).map(lambda words: " ".join(words).capitalize() + ".")


_PLAIN = st.lists(_SENTENCE, min_size=1, max_size=7).map(" ".join)


_BOILERPLATE = st.sampled_from(
    [
        "Hello", "Hi,", "Hello. Thank you for your question.", "Dear user,", "Welcome to LeafTalk forum.", "I understand your concern.",
        "Hope this helps.", "Regards", "Take care", "LeafTalk", "Leaf Talk.", "Thanks for asking", "Let me know.", "http://a.org/b", "x@y.org",
        "Dr. Moss", "My name is Anna.", "555-123-4567", "For more information consult a gardener online -->", "as follows", "the", "1.", "\n", "(",
    ]
)  # fmt: skip
_MIXED = st.lists(
    st.one_of(_SENTENCE, _BOILERPLATE, st.text(string.printable, max_size=8)), min_size=1, max_size=12
).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(_PLAIN)
def test_sentences_without_boilerplate_are_never_touched(text: str) -> None:
    assert cleaned(text) in (text, "repetitive")


@settings(max_examples=150, deadline=None)
@given(_MIXED, _MIXED)
def test_cleaning_its_own_output_changes_nothing(question: str, answer: str) -> None:
    rows, reasons = clean_batch([{"question": question, "answer": answer}], RULES)
    if not reasons[0]:
        assert clean_batch(rows, RULES) == (rows, [""])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(_MIXED, _MIXED), max_size=5))
def test_counts_add_up(pairs: list[tuple[str, str]]) -> None:
    tally: Tally = {}
    rows = [{"question": question, "answer": answer} for question, answer in pairs]
    _, reasons = clean_batch(rows, RULES, tally)
    assert sum(count.dropped for count in tally.values()) == sum(map(bool, reasons))
    assert all(count.changed <= 2 * len(rows) for count in tally.values())  # question and answer
    assert not any(tally[rule.name].examples for rule in registry.RULES if rule.private and rule.name in tally)


@pytest.mark.parametrize("row", make_rows(5) + make_rows(5, seed=9), ids=lambda row: row["input"][:20])
def test_the_rows_of_other_tests_clean_to_what_the_detector_passes(row: dict[str, str]) -> None:
    assert flags(row["output"])
    assert not flags(cleaned(row["output"]))


@pytest.mark.parametrize("part", PARTS)
def test_awkward_texts_come_to_an_end_that_stays(part: str) -> None:
    rows = [{"question": QUESTION, "answer": part * 40}, {"question": part * 40, "answer": ADVICE}]
    found, reasons = clean_batch(rows, RULES)
    kept = [row for row, reason in zip(found, reasons, strict=True) if not reason]
    assert clean_batch(kept, RULES) == (kept, [""] * len(kept))


def test_each_rule_counts_what_it_did() -> None:
    tally: Tally = {}
    rows = [{"question": QUESTION, "answer": f"Hello. {ADVICE} Regards, LeafTalk."}] * 5
    clean_batch(rows, RULES, tally)
    assert tally["opening"].changed == tally["closing"].changed == 5
    assert tally["opening"].characters_removed == 5 * len("Hello. ")
    assert len(tally["opening"].examples) == 3
    before, after = tally["closing"].examples[0]
    assert before.endswith(f"Regards, {BRAND}.") and "Regards" not in after
    assert set(tally) == {"opening", "closing", "repair"}  # `repair` spells the brand


def test_a_row_that_is_dropped_counts_no_change() -> None:
    tally: Tally = {}
    clean_batch([{"question": QUESTION, "answer": f"Hello. {ADVICE}"}] * 2, Rules(min_answer_words=50), tally)
    assert {rule: (count.changed, count.dropped) for rule, count in tally.items()} == {"short_answer": (0, 2)}


def test_other_fields_pass_through_and_a_dropped_row_comes_back_as_it_was() -> None:
    rows = [
        {"question": QUESTION, "answer": f"Hello. {ADVICE}", "id": "7"},
        {"question": " ", "answer": "Hello.", "id": "8"},
    ]
    found, reasons = clean_batch(rows, RULES)
    assert found == [{"question": QUESTION, "answer": ADVICE, "id": "7"}, rows[1]]
    assert reasons == ["", "empty"]


def test_a_rule_that_never_comes_to_an_end_drops_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Rule("endless", "grows", "repair", ("inside",), cut=lambda field: field.text + "x")
    monkeypatch.setattr(registry, "RULES", (*registry.RULES, endless))
    assert cleaned(ADVICE) == "unstable"


def test_a_question_that_the_rules_empty_drops_the_row() -> None:
    assert cleaned(ADVICE, question="(attachment removed to protect patient identity)") == "empty"


def test_a_capital_may_show_a_new_opening() -> None:
    assert cleaned("Hello. this is Dr. Fern. 2 litres a week are enough.") == "2 litres a week are enough."


def test_a_cut_at_the_beginning_may_show_a_lost_blank() -> None:
    """Blanks are put back within 320 characters of either end, so the cut brings one more into reach."""
    before, behind = (" ".join(f"Pot {n} has {n} ml {n} cm." for n in some) for some in (range(10, 22), range(22, 50)))
    found = cleaned(f"Thank you for your question on LeafTalk. {before} He was askingHistory of it. {behind}")
    assert "asking. History" in found


def test_a_rule_is_left_out_where_its_sign_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = Rule(
        "snails",
        "snails",
        "repair",
        ("inside",),
        cut=lambda field: field.text.replace("Snail", "Slug"),
        sign=lambda text: "!" in text,
    )
    monkeypatch.setattr(registry, "RULES", (*registry.RULES, cut))
    assert cleaned(f"Snail. {ADVICE}") == f"Snail. {ADVICE}"
    assert cleaned(f"Snail! {ADVICE}") == f"Slug! {ADVICE}"


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("step", STEPS)
def test_a_rule_may_drop_a_row_in_any_step(step: Step, name: FieldName, monkeypatch: pytest.MonkeyPatch) -> None:
    slugs = Rule("slugs", "a slug", "repair", (step,), drop=lambda row: "slug" in row.answer.text, fields=(name,))
    monkeypatch.setattr(registry, "RULES", (*registry.RULES, slugs))
    judged = name == "answer" or step not in ("check", "judge")  # these two run once a row
    assert cleaned("Mind the slug.") == ("slugs" if judged else "Mind the slug.")


def test_rows_that_walk_in_step_are_those_that_walk_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their ways: dropped, of another language, works that were asked for, changed in several passes."""
    monkeypatch.setattr(cleaner, "IN_STEP", 5)
    answers = [
        *(f"Hello. {ADVICE} Hope this helps.", "", ADVICE, f"Hi, LeafTalk. {ADVICE} Thanks.", "Thanks.", f"{ADVICE}\n`a b`\nRegards"),
        *("Die Pflanze ist nicht in der Sonne und auch nicht im Haus.", f"{ADVICE} Keep the fern hy LeafTalk. Call 020 7946 0018."),
    ]  # fmt: skip
    questions = [QUESTION, "Write a letter to my aunt.", "Extract the phone number: 020 7946 0018."]
    rows = [{"question": question, "answer": answer} for answer in answers for question in questions]
    together, one_by_one = Tally(), Tally()
    found = clean_batch(rows, RULES, together)
    alone = [clean_batch([row], RULES, one_by_one) for row in rows]
    assert found == ([row for rows, _ in alone for row in rows], [reason for _, reasons in alone for reason in reasons])
    assert list(together.items()) == list(one_by_one.items())


def test_rows_in_step_are_looked_at_once_for_all_rules() -> None:
    """A memory of few texts has forgotten each by the time the next rule asks for it."""
    rows = [{"question": f"{QUESTION} {number}", "answer": f"{ADVICE} {number} times."} for number in range(60)]
    text.is_plain.cache_clear()
    text.codes_in.cache_clear()
    clean_batch(rows, RULES)
    assert text.is_plain.cache_info().misses == text.codes_in.cache_info().misses == 2 * len(rows)


@pytest.mark.parametrize("was_on", [True, False])
def test_the_search_for_cycles_is_as_before_once_a_batch_is_clean(
    monkeypatch: pytest.MonkeyPatch, was_on: bool
) -> None:
    seen: list[bool] = []

    def look(field: Field) -> str:
        seen.append(gc.isenabled())
        if "broken" in field.text:
            raise ValueError
        return field.text

    monkeypatch.setattr(registry, "RULES", (Rule("looks", "looks", "repair", ("inside",), cut=look),))
    if not was_on:
        gc.disable()
    try:
        clean_batch([{"question": QUESTION, "answer": ADVICE}], RULES)
        with pytest.raises(ValueError):
            clean_batch([{"question": QUESTION, "answer": "broken"}], RULES)
        assert gc.isenabled() == was_on and seen and not any(seen)
    finally:
        gc.enable()
