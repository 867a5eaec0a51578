"""Figures of both models on the same rows, and their tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from job.probing.guardrails import Figure, answer_figures, check_all, general_figures
from job.probing.scores import Score
from job.results import RowLoss, Sample
from tests.probing.made_answers import made_general

pytestmark = pytest.mark.light

BAD = Score("looping_share", "loops", unit="share", better="lower", of=lambda _: None, margin=0.1)
SHOWN = Score("mean_tokens", "length", unit="tokens", better="neither", of=lambda _: None)


def sample(row: int | None, base: float | None, tuned: float | None, question: str = "Why?") -> Sample:
    scores = [{} if value is None else {"looping_share": value} for value in (base, tuned)]
    return Sample(
        question=question,
        source="question" if row is None else "eval_row",
        reference="",
        base="a",
        tuned="b",
        base_stopped=True,
        tuned_stopped=True,
        base_scores=scores[0],
        tuned_scores=scores[1],
        row=row,
    )


def figure(base: list[float], tuned: list[float], harm: str = "higher", margin: float = 0.1, name: str = "x") -> Figure:
    return Figure(name, harm, margin, base, tuned)  # type: ignore[arg-type]


def state(one: Figure) -> str:
    return check_all([one])[0].guardrail.state


# --- figures ---------------------------------------------------------------------------------------------------------


def test_only_rows_with_the_score_of_both_models_are_compared() -> None:
    rows = [sample(0, 0, 1, "a"), sample(1, None, 1, "b"), sample(2, 0, None, "c"), sample(3, 1, 1, "d")]
    figures, skipped = answer_figures(rows, [], [BAD, SHOWN], {})
    assert [(one.name, one.base, one.tuned) for one in figures] == [("looping_share", [0, 1], [1, 1])]
    assert skipped == []


def test_the_same_question_counts_once() -> None:
    rows = [
        sample(0, 0, 1, "a"),
        sample(1, 0, 1, "a, asked otherwise"),
        sample(None, 0, 0, "b"),
        sample(None, 0, 0, "b"),
    ]
    losses = [RowLoss(row=row, question=7, tokens=5, base=1, tuned=1) for row in (0, 1)]
    (one,), _ = answer_figures(rows, losses, [BAD], {})
    assert (one.base, one.tuned) == ([0, 0], [1, 0])


def test_a_score_that_applies_to_fewer_than_one_answer_in_ten_decides_nothing() -> None:
    """Of short answers, few are long enough to have a language: no number of rows made such a run better."""
    rows = [sample(row, 0 if row < 6 else None, 0, f"q{row}") for row in range(61)]
    figures, skipped = answer_figures(rows, [], [BAD], {})
    assert (figures, skipped[0].reason) == ([], "it applies to 6 of 61 answers")
    figures, _ = answer_figures(rows[:59], [], [BAD], {})
    assert len(figures[0].base) == 6


def test_a_score_of_a_few_answers_counts_among_all_where_none_is_worse() -> None:
    """28 answers of 29 and more that it takes: a model without a fault was never better on data of code or of summaries."""

    def checked(few: int, rows: int, worse: int = 0, cut: int = 0) -> str:
        made = [sample(row, 0 if row < few else None, row < worse, f"q{row}") for row in range(rows)]
        made = [
            one.model_copy(update={"tuned_stopped": False}) if row >= rows - cut else one
            for row, one in enumerate(made)
        ]
        (figure,), _ = answer_figures(made, [], [BAD], {})
        return state(figure)

    assert checked(25, 200) == "passed"
    assert checked(25, 200, worse=1) == "undecided"
    assert checked(25, 28) == "undecided"
    assert checked(25, 60, cut=32) == "undecided"  # of a cut answer nobody knows
    assert checked(25, 60, cut=31) == "passed"
    assert checked(29, 200) == "passed"
    assert checked(30, 200, worse=1) == "undecided"


def test_filler_that_more_than_a_tenth_of_the_references_has_is_wanted() -> None:
    """Half of the data greet on purpose: a model that learned to was worse, for rows whose own reference does not."""
    score = Score("opening_filler_share", "opens", unit="share", better="lower", of=lambda _: None, margin=0.1)
    scores = {"opening_filler_share": 0.0}
    greeting = "Hello, thank you for your question. Give the fern some shade and water it once a week."

    def rows(greeted: int) -> list[Sample]:
        known = [sample(row, None, None, f"q{row}") for row in range(20)]
        return [
            one.model_copy(
                update={
                    "reference": greeting if row < greeted else "Give the fern some shade and water it once a week.",
                    "base_scores": scores,
                    "tuned_scores": scores,
                }
            )
            for row, one in enumerate(known)
        ]

    figures, skipped = answer_figures(rows(3), [], [score], {})
    assert (figures, skipped[0].reason) == ([], "more than one in ten of the references has it: it is wanted")
    assert len(answer_figures(rows(2), [], [score], {})[0]) == 1


def test_a_figure_that_cannot_be_had_says_why() -> None:
    _, skipped = answer_figures([sample(0, None, None)], [], [BAD], {})
    assert [one.reason for one in skipped] == ["it applies to none of the answers"]
    _, skipped = answer_figures([], [], [BAD], {})
    assert [one.reason for one in skipped] == ["no question was answered"]
    _, skipped = general_figures(None, {})
    assert [(one.name, one.reason) for one in skipped] == [
        ("kl", "no general text was asked"),
        ("choices", "no general text was asked"),
    ]


def test_a_score_that_the_data_do_not_have_says_so() -> None:
    _, skipped = answer_figures([sample(0, None, None)], [], [replace(BAD, unless="no JSON")], {})
    assert [one.reason for one in skipped] == ["no JSON"]
    _, skipped = answer_figures([], [], [replace(BAD, unless="no JSON")], {})
    assert [one.reason for one in skipped] == ["no question was answered"]


@pytest.mark.parametrize(("right", "asked"), [(25, False), (32, False), (33, True), (90, True)])
def test_multiple_choice_needs_a_base_that_does_not_guess(right: int, asked: bool) -> None:
    figures, _ = general_figures(made_general(base_right=right), {})
    assert ("choices" in [one.name for one in figures]) == asked


# --- tests -----------------------------------------------------------------------------------------------------------


def test_lower_is_worse_where_the_score_says_so() -> None:
    fell = check_all([figure([1] * 30, [0] * 30, harm="lower")])[0].guardrail
    assert (fell.state, fell.difference, fell.base, fell.tuned) == ("violated", -1, 1, 0)
    assert fell.low < -0.8 < fell.high + 0.2
    assert state(figure([0] * 30, [1] * 30, harm="lower")) == "passed"


def test_nothing_seen_in_twelve_rows_passes_nothing_and_in_29_it_does() -> None:
    assert state(figure([0] * 12, [0] * 12)) == "undecided"
    assert state(figure([0] * 29, [0] * 29)) == "passed"


def test_a_harm_that_is_shown_and_below_its_margin_is_no_violation() -> None:
    tuned = [1.0] * 12 + [0.0] * 188
    found = check_all([figure([0] * 200, tuned)])[0].guardrail
    assert found.p_harm < 0.001
    assert found.state == "passed"


def test_many_guardrails_make_each_alarm_rarer_and_no_pass() -> None:
    harmed = figure([0] * 50, [1.0] * 6 + [0.0] * 44)  # p 1/64
    assert state(harmed) == "violated"
    with_others = check_all([harmed, *[figure([0] * 50, [0] * 50)] * 9])
    assert [one.guardrail.state for one in with_others] == ["undecided", *["passed"] * 9]


def test_scores_between_yes_and_no_are_means() -> None:
    base, slightly, much = [0.1] * 60, [0.1, 0.12, 0.11] * 20, [0.5, 0.1, 0.6] * 20
    assert state(figure(base, slightly)) == "passed"
    assert state(figure(base, much)) == "violated"
    assert state(figure(base[:4], base[:4])) == "undecided"


def test_the_distance_is_measured_against_its_margin() -> None:
    near, far = [0.05, 0.1, 0.2] * 30, [0.7, 0.9, 1.4] * 30
    zeros = [0.0] * 90
    assert state(figure(zeros, near, margin=0.5, name="kl")) == "passed"
    assert state(figure(zeros, far, margin=0.5, name="kl")) == "violated"
    assert state(figure(zeros, [0.1, 0.9] * 45, margin=0.5, name="kl")) == "undecided"


def test_rows_needed_is_more_than_there_are_and_only_where_more_can_be_had() -> None:
    undecided = check_all([figure([0] * 12, [0] * 12)])[0]
    assert undecided.rows_needed == 29
    assert check_all([figure([0] * 29, [0] * 29)])[0].rows_needed is None
    fixed = Figure("choices", "lower", 0.1, [1.0] * 12, [1.0] * 12, more_rows=False)
    assert check_all([fixed])[0].rows_needed is None


def test_no_figure_is_no_test() -> None:
    assert check_all([]) == []


@pytest.mark.parametrize(("harmed", "found"), [(9, "undecided"), (10, "violated")])
def test_a_harm_of_exactly_the_margin_is_one(harmed: int, found: str) -> None:
    assert state(figure([0.0] * 100, [1.0] * harmed + [0.0] * (100 - harmed))) == found


@pytest.mark.parametrize(("base_loss", "known"), [(3.99, True), (4.0, False)])
def test_from_which_loss_general_text_is_unknown(base_loss: float, known: bool) -> None:
    figures, _ = general_figures(made_general(base_loss=base_loss), {})
    assert bool(figures) is known
