"""What to do next, by verdict."""

from __future__ import annotations

from typing import Any

import pytest

from job.errors import JobError, NoBetter, Worse
from job.reporting.advice import Step, next_steps
from job.reporting.losses import Losses
from job.reporting.marks import pair
from job.reporting.report import code_words
from job.reporting.rows import ChangedRows
from job.results import Estimate, LogEntry, Metrics, Pushed
from tests.reporting.pages import Tags, page_of, unbroken
from tests.sample_results import (
    FAULTY,
    LOG,
    LOSSES,
    SETTINGS,
    TEXTS,
    TRAINED,
    ended,
    estimate,
    guardrail,
    metrics,
)


def steps(run: Metrics, log: list[LogEntry] = LOG) -> list[Step]:
    pairs = [pair(number, one) for number, one in enumerate(FAULTY, 1)]
    return next_steps(run, Losses.of(run, log), pairs, ChangedRows.of(LOSSES, TEXTS), settled=True)


def said(run: Metrics, **settings: dict[str, Any]) -> str:
    return " ".join(step.text for step in steps(run.model_copy(update={"settings": SETTINGS | settings})))


@pytest.mark.parametrize("value", ["better", "no better", "worse", "inconclusive"])
def test_each_verdict_has_one_to_three_steps_that_end_with_rows(value: str) -> None:
    found = steps(ended(value))
    assert 1 <= len(found) <= 3
    assert ("row 8", "row-8") in [(unbroken(words), id) for words, id in found[-1].links]


def test_what_is_better_is_used_with_the_line_that_loads_it() -> None:
    first = steps(ended("better"))[0]
    assert first.code == 'model = PeftModel.from_pretrained(base_model, "acme/tuned")'
    local = ended("better").model_copy(
        update={"push": Pushed(skipped=True, reason="no repository is set", repositories=[])}
    )
    first, second, _ = steps(local)
    assert "`adapter/README.md` has the code" in first.text
    assert first.code.endswith('"lora")')
    assert "found 16 of 16 answers of the probe word for word" in first.text
    assert "set `FINETUNE_HUB_REPO_ID` and start again" in second.text


def test_what_is_not_certain_of_too_few_steps_says_so_too() -> None:
    trained = TRAINED.model_copy(update={"warnings": ["9 optimizer steps hardly teach anything"]})
    text = said(ended("inconclusive", rows_needed=900).model_copy(update={"train": trained}))
    assert "About 900 rows would decide" in text
    assert "Mend this first: 9 optimizer steps hardly teach anything." in text


def test_what_is_not_certain_says_how_many_rows_would_decide() -> None:
    text = said(ended("inconclusive", rows_needed=900), probe={"answers": 200})
    assert (
        "About 900 rows would decide; in this run 50 counted of 450 held out (the probe asked 1; half chose the checkpoint;"
        in text
    )
    assert "`FINETUNE_DATA_EVAL_FRACTION=0.23`, which holds out so many" in text, "half of them choose the checkpoint"
    assert "`FINETUNE_PROBE_ANSWERS=1800` (now 200)" in text
    assert text.count("in a new `FINETUNE_OUTPUT_DIR`") == 1
    few = said(ended("inconclusive", rows_needed=8_000))
    assert "Set `FINETUNE_DATA_EVAL_FRACTION=0.3` and add data: it takes about 53,333 rows in all at that share" in few


def test_a_probe_of_which_nothing_is_published_is_repeated_in_the_same_folder() -> None:
    run = ended("inconclusive", rows_needed=180)
    unpublished = run.model_copy(update={"push": Pushed(skipped=True, reason="", repositories=[])})
    assert "(now 200), which asks as many questions, and start again: only the probe is repeated." in said(unpublished)
    assert "as many questions, in a new `FINETUNE_OUTPUT_DIR`, since this model is published." in said(run)


@pytest.mark.parametrize(("answered", "minutes"), [(0, 15), (30, 23)])
def test_questions_that_time_left_unanswered_ask_for_more_of_it(answered: int, minutes: int) -> None:
    run = ended("inconclusive", rows_needed=None, guardrails=[])
    assert run.probe and run.train
    probed = run.probe.model_copy(update={"unanswered": 150, "questions": 0, "eval_rows": answered})
    text = said(run.model_copy(update={"probe": probed}), probe={"minutes": 3.0})
    assert f"150 of {150 + answered} questions had no answer within 3 minutes. " in text
    assert f"Set `FINETUNE_PROBE_MINUTES={minutes}`" in text
    assert "longer run" not in text


def test_a_loss_of_which_most_is_gone_asks_for_no_longer_run() -> None:
    trained = TRAINED.model_copy(update={"best_eval_loss": 0.1})
    text = said(ended("no better").model_copy(update={"train": trained}))
    assert "longer run" not in text
    assert "Try more or better rows" in text


def test_nobody_is_sent_to_answers_that_do_not_exist() -> None:
    run = ended("inconclusive")
    found = next_steps(run, Losses.of(run, LOG), [], ChangedRows.of(LOSSES, TEXTS), settled=True)
    assert found[-1].text.endswith("whose loss rose most:")


def test_one_answer_to_many_questions_points_to_rows_that_teach_it() -> None:
    text = said(ended("worse", guardrails=[guardrail("same_answer_share", state="violated")]))
    assert "does one answer stand behind many questions?" in text
    assert "stop token" not in text


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("bad_end_share", "are answers cut off there, or do some hold the next question as well?"),
        ("same_answer_share", "does one answer stand behind many questions?"),
        ("same_language_share", "the model learned from them what these answers show"),
    ],
)
def test_what_rows_teach_is_no_reason_for_a_gentler_training(name: str, advice: str) -> None:
    """Such answers are of no use, as those are that steps ruin which are too large."""
    run = ended("worse", guardrails=[guardrail(name, state="violated")])
    assert run.probe
    broken = run.probe.model_copy(update={"tuned": {**run.probe.tuned, "broken_share": 1.0}})
    text = said(run.model_copy(update={"probe": broken}))
    assert advice in text
    assert "LEARNING_RATE" not in text


def test_rows_that_are_held_out_already_only_have_to_be_asked() -> None:
    text = said(ended("inconclusive", rows_needed=180), probe={"answers": 200})
    assert "EVAL_FRACTION" not in text
    assert "where a score applies). Set `FINETUNE_PROBE_ANSWERS=360`" in text


def test_the_rows_of_what_is_undecided_count() -> None:
    run = ended(
        "inconclusive",
        rows_needed=900,
        guardrails=[
            guardrail(name, state="undecided", rows=rows)
            for name, rows in (("empty_share", 31), ("other_length_share", 18))
        ],
    )
    assert "in this run 31 counted" in said(run), "as the verdict's sentence says"


def test_a_run_that_was_too_short_is_made_longer() -> None:
    trained = TRAINED.model_copy(update={"warnings": ["20 optimizer steps hardly teach anything"]})
    text = said(ended("no better").model_copy(update={"train": trained}), train={"epochs": 2.0})
    assert "Mend this first: 20 optimizer steps hardly teach anything." in text
    assert "this one took 20 optimizer steps in 2 epochs, and the evaluation loss was still falling" in text
    assert "`FINETUNE_TRAIN_EPOCHS=6` takes three times as many" in text


def test_a_run_that_the_deadline_ended_needs_more_time_and_no_more_epochs() -> None:
    few = ["1 optimizer step hardly teaches anything: set FINETUNE_TRAIN_EPOCHS higher"]
    early = {"steps": 1, "planned_steps": 2_000, "stopped_early": True, "warnings": few}
    text = said(ended("no better").model_copy(update={"train": TRAINED.model_copy(update=early)}))
    assert "the deadline ended training after 1 of 2,000 steps. Set `FINETUNE_DEADLINE_MINUTES` higher" in text
    assert "EPOCHS higher" not in text
    assert "longer run" not in text


def test_a_run_that_no_longer_learned_needs_other_rows() -> None:
    later = [*LOG, LogEntry(step=40, eval_loss=1.5, seconds=20)]
    text = " ".join(step.text for step in steps(ended("no better"), later))
    assert "Try more or better rows: this one took 20 optimizer steps in 1 epoch and learned from 9,000 rows." in text


def test_a_loss_that_rose_asks_for_a_lower_learning_rate() -> None:
    rose = Estimate(**estimate(difference=0.5, low=0.4, high=0.6))
    text = said(ended("worse", gain=rose), train={"learning_rate": 1.0})
    assert "`FINETUNE_TRAIN_LEARNING_RATE=0.1`, a tenth of this run's: its loss rose" in text


def test_answers_that_got_worse_while_the_loss_fell_point_to_the_rows_that_taught_them() -> None:
    found = steps(ended("worse", guardrails=[guardrail("other_length_share", state="violated")]))
    assert "Look at the training rows: the loss fell" in found[0].text
    assert ("answer 2", "answer-2") in [(unbroken(words), id) for words, id in found[1].links]


def test_answers_that_loop_while_the_loss_fell_ask_for_a_lower_learning_rate_first() -> None:
    loops = guardrail("looping_share", state="violated")
    run = ended("worse", guardrails=[loops]).model_copy(update={"settings": {"train": {"learning_rate": 0.15}}})
    found = steps(run)
    assert "`FINETUNE_TRAIN_LEARNING_RATE=0.015`, a tenth of this run's, or fewer epochs" in found[0].text
    assert "If that does not help, look at the training rows" in found[1].text
    assert ("answer 2", "answer-2") in [(unbroken(words), id) for words, id in found[2].links]


def test_answers_most_of_which_are_broken_are_no_reason_for_a_longer_run() -> None:
    run = ended("no better")
    assert run.probe
    broken = run.probe.model_copy(update={"tuned": {**run.probe.tuned, "broken_share": 0.9}})
    text = said(run.model_copy(update={"probe": broken}), train={"learning_rate": 0.01})
    assert "`FINETUNE_TRAIN_LEARNING_RATE=0.001`" in text
    assert "longer run" not in text


def test_a_loss_that_did_not_move_asks_for_a_higher_learning_rate() -> None:
    few = ["20 optimizer steps hardly teach anything"]
    trained = TRAINED.model_copy(update={"best_eval_loss": 2.3099, "best_step": 20, "warnings": few})
    run = ended("no better").model_copy(update={"train": trained})
    still = [LogEntry(step=0, eval_loss=2.31, seconds=0), LogEntry(step=20, eval_loss=2.3099, seconds=9)]

    def text(rate: float) -> str:
        settings = SETTINGS | {"train": {"learning_rate": rate}}
        return " ".join(step.text for step in steps(run.model_copy(update={"settings": settings}), still))

    assert "Set `FINETUNE_TRAIN_LEARNING_RATE=0.0002` (this run's was 1e-09)." in text(1e-9)
    assert "Set `FINETUNE_TRAIN_LEARNING_RATE=0.005` (this run's was 0.0005)." in text(5e-4)
    assert "nothing. Set" in text(1e-9).partition("Mend this too: 20 optimizer steps")[0], (
        "the likeliest cause comes first"
    )
    assert "longer run" not in text(1e-9)
    assert "rows: this one" not in text(1e-9)


def test_a_loss_that_fell_by_almost_nothing_at_the_end_is_not_still_falling() -> None:
    trained = TRAINED.model_copy(update={"best_eval_loss": 1.4199, "best_step": 40})
    text = " ".join(
        step.text
        for step in steps(
            ended("no better").model_copy(update={"train": trained}),
            [*LOG, LogEntry(step=40, eval_loss=1.4199, seconds=20)],
        )
    )
    assert "Try more or better rows" in text


def test_answers_that_the_limit_cut_ask_for_more_tokens() -> None:
    run = ended("worse", guardrails=[guardrail("stopped_share", state="violated")])
    assert run.probe and run.clean
    cut = run.probe.model_copy(update={"tuned": {**run.probe.tuned, "stopped_share": 0.3}})
    clean = run.clean.model_copy(update={"answer_tokens": 36 * run.clean.train_rows})
    run = run.model_copy(update={"probe": cut, "clean": clean})
    text = said(run, probe={"max_new_tokens": 32})
    assert "those in the data have 36 tokens on average, and the probe cut its own at 32." in text
    assert "`FINETUNE_PROBE_MAX_NEW_TOKENS=108`" in text
    assert "training rows" not in text
    text = said(run, probe={"max_new_tokens": 60})  # there is room for them: they do not end of themselves
    assert "see under “What is trained on” that each ends with the stop token" in text
    assert "MAX_NEW_TOKENS" not in text


def test_a_verdict_that_names_the_limit_is_followed_even_where_the_score_leaves_cut_answers_out() -> None:
    run = ended("inconclusive", sentence="A higher FINETUNE_PROBE_MAX_NEW_TOKENS would show it.", rows_needed=None)
    assert run.probe and run.probe.tuned["stopped_share"] == 1
    text = said(run, probe={"max_new_tokens": 32})
    assert "Set `FINETUNE_PROBE_MAX_NEW_TOKENS=" in text
    assert "more or better rows" not in text


def test_general_questions_that_are_undecided_ask_for_no_rows() -> None:
    run = ended("inconclusive", rows_needed=None, guardrails=[guardrail("choices", state="undecided", rows=100)])
    text = said(run)
    assert "For the general questions, which more rows do not change, train more gently" in text
    assert "rows: this one" not in text
    both = [guardrail("choices", state="undecided", rows=100), guardrail("empty_share", state="undecided", rows=31)]
    assert "in this run 31 counted" in said(ended("inconclusive", rows_needed=900, guardrails=both))


def test_a_rise_of_almost_nothing_is_not_blamed_on_too_high_a_learning_rate() -> None:
    rose = Estimate(**estimate(difference=2e-5, low=1e-5, high=3e-5))
    assert "its loss rose" not in said(ended("no better", gain=rose))


def test_rows_whose_loss_rose_are_named_only_where_there_are_some() -> None:
    fell = [one.model_copy(update={"tuned": one.base - 1}) for one in LOSSES]
    run = ended("inconclusive")
    found = next_steps(run, Losses.of(run, LOG), [], ChangedRows.of(fell, TEXTS), settled=True)
    assert "the rows whose loss fell least" in found[-1].text
    assert "the rows whose loss rose most" in steps(run)[-1].text


@pytest.mark.parametrize("error", [NoBetter, Worse])
def test_the_remedy_of_a_verdict_leaves_the_advice_to_the_report(error: type[JobError]) -> None:
    assert "“What to do next”" in error.remedy
    assert "longer" not in error.remedy
    assert "Lower" not in error.remedy


def test_losses_that_are_no_number_ask_for_gentler_training() -> None:
    assert "losses that doubled or are no number" in said(ended("worse"))


def test_what_was_forgotten_asks_for_gentler_training() -> None:
    text = said(ended("worse", guardrails=[guardrail("kl", state="violated")]))
    assert "it moved further from the base model than the data needs" in text


def test_a_failure_has_its_own_remedy() -> None:
    assert (
        next_steps(metrics(status="failed"), Losses([], [], None, None), [], ChangedRows.of([], {}), settled=False)
        == []
    )


def test_links_point_to_what_the_page_has() -> None:
    page = page_of(ended("worse", guardrails=[guardrail("looping_share", state="violated")]), LOG, FAULTY, None, LOSSES)
    found = Tags(page).found
    ids = {attributes["id"] for _, attributes in found if "id" in attributes}
    links = {address[1:] for _, attributes in found if (address := attributes.get("href") or "").startswith("#")}
    assert {"answer-2", "row-8"} <= links <= ids


def test_names_of_settings_are_code_and_everything_else_is_text() -> None:
    assert code_words("set `A` <b>") == "set <code>A</code> &lt;b&gt;"
