"""What the verdict says of models whose truth is known: each rule by which it says no, good models, and samples that are no
sample."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from job.probing.evidence import BROKEN
from job.probing.kinds import Kind
from job.probing.scores import SCORES, Asked, scores_of
from job.probing.verdict import decide
from job.results import RowLoss, Verdict
from job.settings.fields import ProbeSettings
from job.settings.margins import GUARDRAILS, parse
from tests.bench import calibration
from tests.probing.made_answers import (
    General,
    Said,
    Way,
    copied,
    cut_short,
    endless_list,
    good,
    loop,
    made_general,
    made_losses,
    made_samples,
    never_stops,
    some,
    with_filler,
)

pytestmark = pytest.mark.examples


def verdict_of(
    rows: int,
    tuned: Way,
    *,
    base: Way = good,
    change: float = -0.2,
    general: General | None = None,
    settings: ProbeSettings | None = None,
) -> Verdict:
    losses = made_losses(rows, change)
    return decide(losses, made_samples(rows, base, tuned), general or made_general(), settings or ProbeSettings())


def states(verdict: Verdict) -> dict[str, str]:
    return {one.name: one.state for one in verdict.guardrails}


def named(verdict: Verdict, state: str) -> set[str]:
    return {one.name for one in verdict.guardrails if one.state == state}


# --- good models -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [50, 200])
def test_a_good_model_is_better(rows: int) -> None:
    verdict = verdict_of(rows, good)
    assert verdict.value == "better", verdict.sentence
    assert verdict.sentence.startswith(
        f"The tuned model is better than the base model: its loss on {rows} held-out answers"
    )
    assert verdict.gain
    assert verdict.gain.low < verdict.gain.difference < verdict.gain.high < 0
    assert verdict.gain.rows == rows
    assert set(states(verdict)) <= set(GUARDRAILS)
    assert named(verdict, "passed") == set(states(verdict))
    assert verdict.broken and (verdict.broken.rows, verdict.broken.tuned, verdict.broken.state) == (rows, 0, "passed")
    assert verdict.rows_needed is None


@pytest.mark.parametrize("rows", [50, 200])
def test_a_model_that_lost_the_bases_faults_is_better(rows: int) -> None:
    assert verdict_of(rows, good, base=some(with_filler, 0.8)).value == "better"
    if rows == 50:
        assert verdict_of(rows, good, base=some(never_stops, 0.9)).value == "better"


def test_the_sentence_speaks_of_what_was_checked() -> None:
    """That no check of knowledge found harm was said where there had been none."""
    assert verdict_of(50, good).sentence.endswith("no check of the form of its answers or of its knowledge found harm.")
    unknown = verdict_of(50, good, general=made_general(base_loss=9.9))
    assert unknown.sentence.endswith(
        "no check of the form of its answers found harm; whether it forgot what the base model knew was not checked."
    )
    off = ProbeSettings(margins=tuple(f"{name}=off" for name in GUARDRAILS if name not in ("kl", "choices")))
    assert verdict_of(50, good, settings=off).sentence.endswith("the form of its answers was not checked.")


def test_a_good_model_may_have_faults_within_the_margins() -> None:
    assert verdict_of(200, some(with_filler, 0.02)).value == "better"


def test_the_same_rows_give_the_same_verdict() -> None:
    assert verdict_of(50, good) == verdict_of(50, good)


# --- where it says no ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [12, 50, 200])
def test_a_learning_rate_of_one(rows: int) -> None:
    verdict = verdict_of(rows, loop, change=4.85)
    assert verdict.value == "worse"
    assert {"looping_share", "stopped_share"} <= named(verdict, "violated")
    assert "should not be used" in verdict.sentence


@pytest.mark.parametrize("rows", [50, 200])
def test_lists_without_end_with_a_lower_loss(rows: int) -> None:
    """The write-up's week 4: its best loss, and a third of its answers without end."""
    verdict = verdict_of(rows, some(endless_list, 0.35), change=-0.3)
    assert verdict.value == "worse"
    assert "looping_share" in named(verdict, "violated")
    assert verdict.gain
    assert verdict.gain.high < 0
    assert any(reason.startswith("looping_share: 0 %") for reason in verdict.reasons)


@pytest.mark.parametrize("rows", [12, 50])
def test_a_stop_token_that_was_not_learned(rows: int) -> None:
    verdict = verdict_of(rows, never_stops)
    assert verdict.value == "worse"
    assert "stopped_share" in named(verdict, "violated")


@pytest.mark.parametrize("rows", [12, 50])
def test_a_stop_token_that_the_base_does_not_know_either(rows: int) -> None:
    """No harm, since the base is as bad; and of no use."""
    verdict = verdict_of(rows, never_stops, base=never_stops)
    assert verdict.value == "no better"
    assert "100 % of its" in verdict.sentence
    assert not named(verdict, "violated")


@pytest.mark.parametrize(("rows", "share"), [(50, 0.3), (200, 0.2)])
def test_filler_that_came_back(rows: int, share: float) -> None:
    verdict = verdict_of(rows, some(with_filler, share))
    assert verdict.value == "worse"
    assert {"opening_filler_share", "closing_filler_share"} & named(verdict, "violated")
    assert "filler" in verdict.sentence


def test_a_classifier_whose_answers_are_no_labels_is_of_no_use() -> None:
    """Its loss falls by two thirds: `better`, once."""
    kind = Kind(texts=frozenset(("tea", "honey")))

    def verdict(base: str, tuned: str) -> Verdict:
        found = [scores_of(Asked("Which?", "Tea.", Said(text), 2, False, kind=kind)) for text in (base, tuned)]  # type: ignore[arg-type]
        samples = [
            sample.model_copy(update={"base_scores": found[0], "tuned_scores": found[1]})
            for sample in made_samples(50, good, good)
        ]
        return decide(made_losses(50, -1.5), samples, made_general(), ProbeSettings())

    assert verdict("That is tea, I think.", "fff").value == "no better"
    assert verdict("That is tea, I think.", "Tea").value == "better"
    assert verdict("tea", "fff").value == "worse"
    wrong = verdict("tea", "honey")
    assert (wrong.value, named(wrong, "violated")) == ("worse", {"right_share"})


@pytest.mark.parametrize(
    ("scores", "margins", "value"),
    [
        ({"copied_share": 1.0}, (), "no better"),
        ({"copied_share": 1.0}, ("copied_share=0.5",), "no better"),
        ({"copied_share": 1.0}, ("copied_share=off",), "better"),
        ({"copied_share": 1.0, "bad_end_share": 1.0}, ("copied_share=off",), "no better"),
        ({"copied_share": 1.0, "stopped_share": 0.0}, ("copied_share=off",), "no better"),
        ({"same_language_share": 0.0}, ("same_language_share=off",), "better"),
        ({}, ("copied_share=off",), "no better"),  # for a reason that has no score
    ],
)
def test_a_score_that_is_off_does_not_make_answers_useless(
    scores: dict[str, float], margins: tuple[str, ...], value: str
) -> None:
    """Both models copy: the data want it. It was no better with `copied_share=off` too."""
    samples = []
    for one in made_samples(50, good, good):
        found = {**one.tuned_scores, **scores, BROKEN: 1.0}
        samples.append(one.model_copy(update={"base_scores": found, "tuned_scores": found}))
    verdict = decide(made_losses(50, -0.5), samples, made_general(), ProbeSettings(margins=margins))
    assert verdict.value == value


@pytest.mark.parametrize(("right", "value"), [(24, "inconclusive"), (25, "inconclusive"), (26, "better")])
def test_labels_drawn_by_lot_are_not_better(right: int, value: str) -> None:
    """Of a base that gives none: whoever knows the labels alone is right in as many as the commonest has."""
    chat, gives = {"right_share": 0.0, "other_kind_share": 1.0, BROKEN: 1.0}, {"other_kind_share": 0.0, BROKEN: 0.0}
    samples = [
        sample.model_copy(
            update={
                "reference": "tea" if number < 25 else f"honey {number % 2}",
                "base_scores": chat,
                "tuned_scores": {**gives, "right_share": float(number < right)},
            }
        )
        for number, sample in enumerate(made_samples(50, good, good))
    ]
    verdict = decide(made_losses(50, -1.5), samples, made_general(), ProbeSettings())
    assert (verdict.value, verdict.rows_needed) == (value, None)
    assert ("always the commonest reference would be in 50 %" in verdict.sentence) == (value == "inconclusive")
    none = {**gives, "right_share": 0.0}  # as in JSON with free text
    many = [
        sample.model_copy(update={"reference": f"{number}", "tuned_scores": none})
        for number, sample in enumerate(samples)
    ]
    assert decide(made_losses(50, -1.5), many, made_general(), ProbeSettings()).value == "better"


@pytest.mark.parametrize("rows", [12, 50])
def test_a_model_that_copies_the_question(rows: int) -> None:
    verdict = verdict_of(rows, copied)
    assert verdict.value == "worse"
    assert "copied_share" in named(verdict, "violated")


def test_a_model_that_forgot() -> None:
    forgot = verdict_of(200, good, general=made_general(tuned_right=45))
    assert (forgot.value, named(forgot, "violated")) == ("worse", {"choices"})
    assert "45 % of general questions right, the base model 70 %" in forgot.sentence
    far = verdict_of(200, good, general=made_general(kl=1.5))
    assert (far.value, named(far, "violated")) == ("worse", {"kl"})


def test_a_loss_that_rose() -> None:
    verdict = verdict_of(200, good, change=0.1)
    assert verdict.value == "worse"
    assert "predicts the held-out answers worse" in verdict.sentence


@pytest.mark.parametrize("change", [1e-6, 0.01])
def test_a_rise_below_what_would_count_as_a_gain_is_no_harm(change: float) -> None:
    """A hundred rows show a rise of a millionth."""
    losses = made_losses(200, change, spread=change / 10)
    verdict = decide(losses, made_samples(100, good, good), made_general(), ProbeSettings())
    assert verdict.gain and verdict.gain.low > 0
    assert verdict.value == "no better"
    assert "its loss on held-out answers is not lower" in verdict.sentence
    same = [sample.model_copy(update={"tuned": sample.base}) for sample in made_samples(100, good, good)]
    verdict = decide(made_losses(200, 0.1, spread=0.01), same, made_general(), ProbeSettings())
    assert "all 100 answers are word for word those of the base model" in verdict.sentence


@pytest.mark.parametrize("rows", [2, 4])
def test_a_handful_of_answers_that_are_all_broken_cannot_be_used(rows: int) -> None:
    assert verdict_of(rows, loop, change=4.85).value == "worse", "the loss doubled"
    verdict = verdict_of(rows, loop)
    assert verdict.value == "no better"
    assert verdict.broken and (verdict.broken.tuned, verdict.broken.state) == (1, "violated")
    assert f"The tuned model cannot be used: 100 % of its {rows} answers are of no use: empty" in verdict.sentence
    assert verdict_of(rows, loop, base=loop).value == "inconclusive"
    one = verdict_of(1, loop)
    assert one.value == "inconclusive"
    assert "is not certain: 100 % of its 1 answer" in one.sentence


def test_a_loss_that_is_no_number() -> None:
    rows = [row.model_copy(update={"tuned": math.nan} if row.row < 8 else {}) for row in made_losses(200, -0.2)]
    verdict = decide(rows, made_samples(200, good, good), made_general(), ProbeSettings())
    assert verdict.value == "worse"
    assert "for 8 held-out rows its loss is no number" in verdict.sentence
    two = [row.model_copy(update={"tuned": math.inf} if row.row < 2 else {}) for row in made_losses(200, -0.2)]
    verdict = decide(two, made_samples(200, good, good), made_general(), ProbeSettings())
    assert verdict.value == "inconclusive"
    assert verdict.skipped[0].reason == "left out 2 of 200 rows whose loss is no number"


# --- no better -------------------------------------------------------------------------------------------------------


def test_a_gain_shown_to_be_too_small_is_none() -> None:
    losses = made_losses(400, -0.002, spread=0.02)
    verdict = decide(losses, made_samples(100, good, good), made_general(), ProbeSettings())
    assert verdict.value == "no better"
    assert "lower, and from 1.0 % on it would count" in verdict.sentence
    less_is_enough = decide(losses, made_samples(100, good, good), made_general(), ProbeSettings(min_gain=0))
    assert less_is_enough.value in ("better", "inconclusive")


def test_near_a_loss_of_zero_a_share_of_it_is_not_enough() -> None:
    """A base that knew the data: 7 % lower, and 76 of 90 answers as before."""
    losses = [RowLoss(row=n, question=n, tokens=9, base=0.066, tuned=0.061 + n % 5 / 1e4) for n in range(100)]
    verdict = decide(losses, made_samples(100, good, good), made_general(), ProbeSettings())
    assert (verdict.value, verdict.sentence.count("lower, and from 15.2 % on it would count")) == ("no better", 1)
    assert decide(losses, made_samples(100, good, good), made_general(), ProbeSettings(min_gain=0)).value == "better"


def test_references_that_are_one_text_are_named() -> None:
    """Chats that end in a courtesy: nothing of the advice before was looked at."""

    def sentence(alike: int) -> str:
        samples = [
            sample.model_copy(update={"reference": "You are welcome."} if n < alike else {})
            for n, sample in enumerate(made_samples(50, good, good))
        ]
        verdict = decide(made_losses(50, -0.5), samples, made_general(), ProbeSettings())
        assert verdict.value == "better"
        assert any("one and the same text" in reason for reason in verdict.reasons) == (alike >= 40)
        return verdict.sentence

    assert "45 of 50 references are one and the same text" in sentence(45)
    assert "one and the same" not in sentence(30)


def test_answers_identical_to_the_bases() -> None:
    same = [sample.model_copy(update={"tuned": sample.base}) for sample in made_samples(12, good, good)]
    verdict = decide(made_losses(12, -0.01), same, made_general(), ProbeSettings())
    assert verdict.value == "no better"
    assert "all 12 answers are word for word those of the base model" in verdict.sentence
    assert decide(made_losses(12, -0.01), same[:4], made_general(), ProbeSettings()).value == "inconclusive"


def test_a_handful_of_identical_answers_does_not_outweigh_a_lower_loss() -> None:
    def identical(count: int, settings: ProbeSettings | None = None) -> Verdict:
        same = [sample.model_copy(update={"tuned": sample.base}) for sample in made_samples(count, good, good)]
        return decide(made_losses(100, -0.5), same, made_general(), settings or ProbeSettings())

    few = identical(5)
    assert (few.value, few.rows_needed) == ("inconclusive", 29)
    assert "all 5 answers are word for word those of the base model" in few.sentence
    off = ProbeSettings(margins=tuple(f"{name}=off" for name in GUARDRAILS))
    assert identical(28, off).value == "inconclusive"
    assert identical(29).value == "no better"


def test_gradients_that_were_all_zero_and_losses_that_did_not_move() -> None:
    samples = made_samples(12, good, good)
    verdict = decide(made_losses(12, -0.01), samples, made_general(), ProbeSettings(), no_gradients=True)
    assert (verdict.value, verdict.sentence.count("no step of the training")) == ("no better", 1)
    still = made_losses(12, 0.0, spread=0.0)
    assert decide(still, samples, made_general(), ProbeSettings()).value == "no better"


# --- samples that are no sample --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 6])
def test_a_handful_of_rows_is_said_to_be_one(rows: int) -> None:
    verdict = verdict_of(rows, good)
    assert verdict.value == "inconclusive"
    assert (verdict.gain is None) == (rows < 6)
    if rows < 6:
        reason = verdict.skipped[0].reason
        assert reason.endswith("an interval needs 6")
        assert "too few held-out rows" in verdict.sentence
        assert verdict.rows_needed == 29
    if rows == 1:
        assert "1 answer does not exclude harm" in verdict.sentence
        assert len(verdict.reasons) == 5  # three of the undecided ones, the rest of them, and those that passed
    if not rows:
        assert "no answer was looked at" in verdict.sentence
        assert {one.name: one.reason for one in verdict.skipped}["stopped_share"] == "no question was answered"
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_a_lower_loss_without_an_answer_is_not_enough() -> None:
    verdict = decide(made_losses(200, -0.3), [], made_general(), ProbeSettings())
    assert verdict.value == "inconclusive"


def test_rows_without_a_number_and_nothing_else() -> None:
    rows = [row.model_copy(update={"base": math.nan, "tuned": math.nan}) for row in made_losses(20, 0)]
    verdict = decide(rows, [], None, ProbeSettings())
    assert verdict.value == "inconclusive"
    reasons = [one.reason for one in verdict.skipped if one.name == "loss"]
    assert reasons == ["left out 20 of 20 rows whose loss is no number"]
    assert "the loss is no number in 20 of 20 held-out rows" in verdict.sentence
    assert "More rows do not mend" in verdict.sentence
    assert "too few held-out rows" not in verdict.sentence
    answered = decide(rows, made_samples(50, good, good), made_general(), ProbeSettings())
    assert answered.rows_needed is None


def test_rows_of_one_question_are_one() -> None:
    rows = [row.model_copy(update={"question": 0}) for row in made_losses(50, -0.3)]
    verdict = decide(rows, made_samples(50, good, good), made_general(), ProbeSettings())
    assert verdict.gain is None
    assert all(one.rows == 1 for one in verdict.guardrails if one.name not in ("kl", "choices"))
    assert "50 held-out rows have 1 prompt, too few" in verdict.sentence
    assert "About 29 rows with prompts of their own would decide." in verdict.sentence


def test_what_would_decide_is_said_and_true() -> None:
    verdict = verdict_of(25, good)
    assert verdict.value == "inconclusive"
    assert verdict.rows_needed
    assert f"About {verdict.rows_needed} rows would decide" in verdict.sentence
    assert verdict_of(verdict.rows_needed, good).value == "better"


def test_general_questions_are_no_answers_and_more_rows_do_not_change_them() -> None:
    open_ = made_general(tuned_right=65)
    verdict = verdict_of(50, good, general=open_)
    assert (verdict.value, verdict.rows_needed) == ("inconclusive", None)
    assert ": 100 general questions do not exclude harm in 1 check of 12. More rows do not change" in verdict.sentence
    both = verdict_of(20, good, general=open_).sentence
    assert " 20 answers do not exclude harm in 10 checks of 12; 100 general questions do not" in both


def test_a_score_that_applies_to_a_part_of_the_answers_takes_so_many_more_rows() -> None:
    samples = list(made_samples(80, good, good))
    samples[20:] = [sample.model_copy(update={"tuned_scores": {}}) for sample in samples[20:]]
    verdict = decide(made_losses(80, -0.5), samples, made_general(), ProbeSettings())
    assert verdict.value == "better"  # none of the twenty is worse
    samples[0] = samples[0].model_copy(update={"tuned_scores": {**samples[0].tuned_scores, "looping_share": 1.0}})
    verdict = decide(made_losses(80, -0.5), samples, made_general(), ProbeSettings())
    assert (verdict.value, verdict.rows_needed) == ("inconclusive", 472)


# --- answers that the limit cut --------------------------------------------------------------------------------------


def test_answers_that_the_limit_cut_on_their_way_are_no_harm() -> None:
    """Answers of the length that the data teach, of a base whose short ones ended: once `worse`."""
    verdict = verdict_of(100, cut_short, change=-1)
    assert verdict.value == "inconclusive"
    assert "stopped_share" not in states(verdict)
    assert (
        "FINETUNE_PROBE_MAX_NEW_TOKENS (256) cut 100 answers short of the reference's length in tokens"
        in verdict.sentence
    )
    assert verdict.sentence.endswith("A higher FINETUNE_PROBE_MAX_NEW_TOKENS would show whether its answers end.")
    assert verdict.rows_needed is None
    off = verdict_of(100, cut_short, change=-1, settings=ProbeSettings(margins=("stopped_share=off",)))
    assert off.value == "better"
    assert verdict_of(100, cut_short, base=some(cut_short, 0.5)).value == "inconclusive", "not seen to end"


def test_a_few_cut_answers_are_named_and_decide_nothing() -> None:
    verdict = verdict_of(100, some(cut_short, 0.3))
    assert verdict.value == "better"
    assert any("FINETUNE_PROBE_MAX_NEW_TOKENS (256) cut" in reason for reason in verdict.reasons)
    assert verdict_of(100, some(never_stops, 0.3)).value == "worse", "longer than the reference, and without an end"


def test_answers_for_which_time_ran_out_are_named() -> None:
    verdict = decide(made_losses(100, -0.5), [], made_general(), ProbeSettings(), unanswered=100)
    assert verdict.rows_needed is None
    assert "100 questions had no answer within FINETUNE_PROBE_MINUTES" in verdict.sentence
    assert verdict.sentence.endswith("A higher FINETUNE_PROBE_MINUTES would give more answers.")


# --- forgetting, margins ---------------------------------------------------------------------------------------------


def general_skipped(verdict: Verdict) -> list[tuple[str, str]]:
    return [(one.name, one.reason) for one in verdict.skipped if one.name in ("kl", "choices")]


def test_forgetting_is_skipped_where_the_base_knows_nothing() -> None:
    chance = verdict_of(200, good, general=made_general(base_right=27, tuned_right=5))
    assert chance.value == "better"
    assert general_skipped(chance) == [("choices", "the base model answers at chance: 27 of 100 right")]
    strange = verdict_of(200, good, general=made_general(kl=5, base_loss=9.9))
    assert strange.value == "better"
    assert {name for name, _ in general_skipped(strange)} == {"kl", "choices"}
    unknown = replace(made_general(), base_loss=math.nan)
    assert {name for name, _ in general_skipped(verdict_of(200, good, general=unknown))} == {"kl", "choices"}


def test_a_margin_can_be_wider_or_off() -> None:
    forgot = made_general(kl=0.8)
    assert verdict_of(200, good, general=forgot).value == "worse"
    assert verdict_of(200, good, general=forgot, settings=ProbeSettings(margins=("kl=2",))).value == "better"
    off = verdict_of(200, good, general=forgot, settings=ProbeSettings(margins=("kl=off",)))
    assert off.value == "better"
    assert general_skipped(off) == [("kl", "FINETUNE_PROBE_MARGINS leaves it out")]


def test_the_score_that_says_that_an_answer_is_broken_exists_once() -> None:
    assert [one.margin for one in SCORES if one.name == BROKEN] == [None]


def test_settings_know_every_figure_that_has_a_margin() -> None:
    assert set(GUARDRAILS) == {one.name for one in SCORES if one.margin is not None} | {"kl", "choices"}
    assert parse(tuple(f"{name}=0.5" for name in GUARDRAILS))


# --- calibration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [12, 50])
def test_equal_models_are_called_worse_or_better_in_few_of_a_hundred(rows: int) -> None:
    """The fast part of `python -m tests.bench.calibration`: 2 and 1 are `worse`. With a plain percentile bootstrap it is 8 of
    those with 12 rows, without Holm's correction 7 of those with 50."""
    values = [calibration.pair(seed, rows).value for seed in range(100)]
    assert values.count("worse") <= 5
    assert values.count("better") <= 3


def test_true_harm_and_true_gain_are_seen() -> None:
    harmed = [calibration.pair(seed, 100, gain=0.05, harm=0.4, rates=calibration.GOOD_RATES).value for seed in range(8)]
    assert harmed.count("worse") == 8
    better = [calibration.pair(seed, 100, gain=0.1, rates=calibration.GOOD_RATES).value for seed in range(8)]
    assert better.count("better") >= 6
