"""What of two answers is marked."""

from __future__ import annotations

import time

from job.reporting.marks import MOST_ANSWERS, Marked, faults, pair, repeated, shown_pairs
from tests.reporting.pages import page_of
from tests.sample_results import DONE, FAULTY, LOG, LOOP, sample


def marked(answer: Marked) -> str:
    """Differences in ‹›, faults in {}."""
    text = ""
    for part in answer.parts:
        inner = f"{{{part.text}}}" if part.fault else part.text
        text += f"‹{inner}›" if part.differs else inner
    return text


def test_answers_that_share_most_words_show_what_differs() -> None:
    found = pair(1, sample(base="Keep the fern in a shady corner.", tuned="Keep the fern in a bright corner."))
    assert marked(found.base) == "Keep the fern in a ‹shady› corner."
    assert marked(found.tuned) == "Keep the fern in a ‹bright› corner."


def test_answers_that_share_little_are_not_compared() -> None:
    found = pair(1, sample(base="Great question! Ferns love rain.", tuned="Mist it twice a week, and more in summer."))
    assert not found.compared
    assert not any(part.differs for part in (*found.base.parts, *found.tuned.parts))


def test_equal_answers_are_said_to_be_the_same() -> None:
    assert pair(1, sample(base="Rest.", tuned="Rest.")).same
    assert "Both answers are the same." in page_of(DONE, LOG, [sample(base="Rest.", tuned="Rest.")])


def test_filler_is_marked_where_the_rules_of_cleaning_would_cut_it() -> None:
    found = pair(1, FAULTY[0].model_copy(update={"tuned": "Rest."}))
    wanted = "{Hello there! }Keep the fern in a shady corner and water it twice a week.{ Let me know if that helps!}"
    assert marked(found.base) == wanted
    assert found.base.faults == ["opens with filler", "closes with filler"]


def test_filler_and_differences_may_meet() -> None:
    found = pair(1, FAULTY[0])
    assert marked(found.base).startswith("‹{Hello there! }›Keep the fern in a ")
    assert '<del><mark class="fault">Hello there! </mark></del>Keep' in page_of(DONE, LOG, FAULTY)


def test_loops_are_marked_from_their_second_turn() -> None:
    found = pair(1, FAULTY[1])
    assert marked(found.tuned).startswith("Water it. Water it well. {Water it. Water it well")
    assert "repeats itself, or lists without end" in found.tuned.faults
    assert "did not stop by itself: cut off at the token limit" in found.tuned.faults


def test_what_is_copied_from_the_question_is_marked() -> None:
    assert marked(pair(1, FAULTY[2]).tuned) == "{How number 6 gets through the long winter}"


def test_letters_without_blanks_are_found_too() -> None:
    assert repeated("ha" * 30)
    assert repeated("dry soil, wet soil, cold air") == []


def test_scores_become_words() -> None:
    assert faults({"stopped_share": 0, "same_language_share": 0}) == [
        "did not stop by itself: cut off at the token limit",
        "in another language",
    ]
    assert faults({"stopped_share": 1, "empty_share": 0, "repetition_share": 0.9, "mean_tokens": 9}) == []
    assert faults({}, stopped=False) == ["did not stop by itself: cut off at the token limit"]


def test_answers_with_a_fault_come_first_and_the_rest_is_counted() -> None:
    good = [sample(source="eval_row", row=number, question=f"Number {number}?") for number in range(MOST_ANSWERS + 9)]
    fixed, held_out = shown_pairs([sample(), *good, FAULTY[1]])
    assert [one.number for one in fixed] == [1]
    assert held_out[0].sample is FAULTY[1]
    assert len(held_out) == MOST_ANSWERS
    assert "10 more answers in <code>probe/samples.jsonl</code>" in page_of(DONE, LOG, [sample(), *good, FAULTY[1]])


def test_many_looping_answers_take_little_time() -> None:
    """Both alike, which is the worst case for a comparison."""
    loops = [FAULTY[1].model_copy(update={"base": LOOP + " Well." * number}) for number in range(200)]
    begun = time.process_time()
    shown_pairs(loops)
    assert time.process_time() - begun < 8
