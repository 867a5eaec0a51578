"""The top of the page: what a manager reads."""

from __future__ import annotations

import pytest

from job.errors import EXIT_CODES
from job.reporting.losses import Losses
from job.reporting.top import ending, heading, is_settled, meaning, run_name, sentence, signs, tiles
from job.results import Failure, Metrics, Pushed
from tests.reporting.pages import page_of, text_of, unbroken
from tests.sample_results import DONE, LOG, MODEL_REPO, SETTINGS, TRAINED, ended, metrics


def said(run: Metrics) -> tuple[str, str]:
    settled = is_settled(run)
    return heading(run, settled), signs(run, settled)[0]


VERDICTS = {
    "better": ("Better than the base model", "good"),
    "no better": ("No better than the base model", "halt"),
    "worse": ("Worse than the base model", "bad"),
    "inconclusive": ("Not certain whether it is better", "halt"),
}


@pytest.mark.parametrize("value", VERDICTS)
def test_heading_and_colour_follow_the_verdict(value: str) -> None:
    run = ended(value)
    assert said(run) == VERDICTS[value]
    page = page_of(run, LOG)
    assert f'<div class="banner {VERDICTS[value][1]}">' in page
    text = text_of(page)
    assert run.probe
    assert text.index(VERDICTS[value][0]) < text.index(run.probe.verdict.sentence) < text.index("What decided it")
    assert "Failed" not in text


def test_a_negative_verdict_is_no_failure() -> None:
    text = text_of(page_of(ended("worse"), LOG))
    assert "The run itself finished without a failure. Everything is kept, and nothing was published." in text
    assert "Exit code 69: trained, and worse than the base model" in text
    assert "Worth another try?" not in text
    assert "error message" not in text


def test_a_run_that_failed_after_its_verdict_is_headed_by_the_failure() -> None:
    error = Failure(kind="HubUnavailable", message="No answer.", remedy="Start again.")
    run = DONE.model_copy(update={"status": "failed", "exit_code": 76, "error": error, "push": None})
    assert said(run) == ("Failed in stage “push”", "bad")
    text = text_of(page_of(run, LOG))
    assert "The tuned model is better than the base model." in text
    assert "What to do: Start again." in text


def test_a_negative_verdict_that_was_published_all_the_same_says_why() -> None:
    always = {**SETTINGS, "hub": {"repo_id": "acme/tuned", "private": False, "push_when": "always"}}
    done = {"status": "succeeded", "exit_code": 0, "error": None, "push": DONE.push, "settings": always}
    run = ended("worse").model_copy(update=done)
    assert said(run) == VERDICTS["worse"]
    assert "FINETUNE_HUB_PUSH_WHEN is always" in ending(run)
    public = ended("inconclusive").model_copy(update=done)
    assert ending(public) == "It was published all the same, because FINETUNE_HUB_PUSH_WHEN is always."


def test_that_an_inconclusive_run_is_private_is_said_where_the_settings_would_make_it_public() -> None:
    assert ending(ended("inconclusive")) == "", "the settings ask for a private one"
    held = Pushed(skipped=False, reason="", repositories=[MODEL_REPO], held_private=True)
    text = ending(ended("inconclusive").model_copy(update={"push": held}))
    assert text == "Until it is certain, it is private; a start with FINETUNE_HUB_PUSH_WHEN=always makes it public."
    assert ending(ended("better")) == ""


def test_the_top_says_that_nothing_was_published_although_a_repository_is_named() -> None:
    skipped = Pushed(skipped=True, reason="acme/tuned is public. Make it private.", repositories=[])
    run = ended("inconclusive").model_copy(
        update={"push": skipped, "settings": {**SETTINGS, "hub": {"repo_id": "acme/tuned"}}}
    )
    text = text_of(page_of(run, LOG))
    assert "Nothing was published: acme/tuned is public. Make it private." in text
    assert "Exit code 0: everything is done, but nothing was published" in text
    none = run.model_copy(update={"settings": {**SETTINGS, "hub": {"repo_id": ""}}})
    assert ending(none) == ""
    assert meaning(none) == EXIT_CODES[0]
    always = run.model_copy(update={"settings": {**SETTINGS, "hub": {"repo_id": "", "push_when": "always"}}})
    assert ending(always).startswith("Nothing was published: ")


def test_without_a_verdict_the_heading_names_the_stage_as_the_log_does() -> None:
    known = DONE.model_copy(update={"probe": None})
    assert said(known) == ("Succeeded", "good")
    assert said(metrics(status="failed", stage="train")) == ("Failed in stage “train”", "bad")
    assert said(metrics(status="stopped", stage="clean")) == ("Stopped in stage “clean”", "halt")
    assert said(metrics(stage="check")) == ("Running: stage “check”", "none")
    some = known.model_copy(update={"settings": {**SETTINGS, "stages": ["clean"]}})
    assert said(some) == ("Succeeded: clean", "good")


def test_a_run_is_named_by_its_repository_or_by_its_folder() -> None:
    assert run_name(metrics(settings={"hub": {"repo_id": "acme/tuned"}, "output_dir": "/data/fern"})) == "acme/tuned"
    assert run_name(metrics(settings={"hub": {"repo_id": ""}, "output_dir": "/data/fern/"})) == "fern"
    assert run_name(metrics()) == ""


def test_source_base_and_adapter_stand_at_the_top() -> None:
    text = text_of(page_of(DONE, LOG))
    assert "Data a/b@main:train, rows.jsonl Base model acme/small-3b Adapter acme/tuned Exit code 0" in text


def test_a_training_that_won_nothing_yet_says_so() -> None:
    run = metrics(train=TRAINED.model_copy(update={"best_eval_loss": 2.4}))
    wanted = "Eval loss 2.31 → 2.40 (+4 %), no better than the base model."
    assert unbroken(sentence(run, Losses.of(run, []))) == wanted


def test_the_top_shows_few_figures_beside_those_of_the_base_model() -> None:
    shown = [(tile.name, unbroken(tile.value), unbroken(tile.note)) for tile in tiles(DONE, Losses.of(DONE, LOG))]
    assert shown == [
        ("eval loss", "1.42", "base model 2.31; mean over tokens"),
        ("finished answers", "100 %", "base model 100 %"),
        ("filler openers", "0 %", "base model 96 %"),
        ("training rows", "9,000", "of 12,000 read"),
        ("adapter", "40.0 MB", "0.3 % of all parameters trained"),
        ("time", "1 min 16 s", "this start 1 min 12 s"),
    ]


def test_the_time_of_earlier_starts_counts() -> None:
    def time(stage_seconds: float) -> tuple[str, str]:
        run = metrics(seconds=72, stage_seconds={"clean": stage_seconds})
        (*_, tile) = tiles(run, Losses.of(run, []))
        return unbroken(tile.value), unbroken(tile.note)

    assert time(72) == ("1 min 12 s", "")
    assert time(73) == ("1 min 13 s", "this start 1 min 12 s")


def test_what_the_run_cost_is_shown_where_an_hour_has_a_price() -> None:
    def cost(price: float) -> list[tuple[str, str]]:
        run = metrics(seconds=1800.0, stage_seconds={"train": 3600.0}, settings={"hourly_price": price})
        return [(tile.value, tile.note) for tile in tiles(run, Losses.of(run, [])) if tile.name == "cost"]

    assert cost(0.35) == [("0.35", "at 0.35 an hour")]
    assert cost(0) == []
