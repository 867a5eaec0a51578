"""What is shown of a run, before it is a page."""

from __future__ import annotations

import random

from job.reporting.losses import Losses
from job.reporting.view import flat, heading, masks, rule_rows, tiles, verdict
from tests.reporting.pages import cleaning, text_of, unbroken
from tests.sample_results import CLEANED, DONE, LOG, SETTINGS, TRAINED, metrics, rule, scores


def test_the_heading_names_the_stage_as_the_log_does() -> None:
    assert heading(DONE) == "Succeeded"
    assert heading(metrics(status="failed", stage="train")) == "Failed in stage “train”"
    assert heading(metrics(status="stopped", stage="clean")) == "Stopped in stage “clean”"
    assert heading(metrics(stage="check")) == "Running: stage “check”"
    assert heading(DONE.model_copy(update={"settings": {**SETTINGS, "stages": ["clean"]}})) == "Succeeded: clean"


def test_a_run_that_won_nothing_says_so() -> None:
    run = metrics(train=TRAINED.model_copy(update={"best_eval_loss": 2.4}))
    said = "Eval loss 2.31 → 2.40 (+4 %), no better than the base model."
    assert unbroken(verdict(run, Losses.of(run, []))) == said


def test_the_verdict_names_the_scores_that_changed() -> None:
    probed = DONE.probe
    assert probed
    base, tuned = scores(stopped_share=0.64, mean_tokens=200), scores(mean_tokens=90)
    run = metrics(probe=probed.model_copy(update={"base": base, "tuned": tuned}))
    assert unbroken(verdict(run, Losses.of(run, []))) == "Finished answers 64 % → 100 %."


def test_the_top_shows_few_figures_beside_those_of_the_base_model() -> None:
    shown = [(tile.name, unbroken(tile.value), unbroken(tile.note)) for tile in tiles(DONE, Losses.of(DONE, LOG))]
    assert shown == [
        ("eval loss", "1.42", "base model 2.31"),
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


def test_rules_stand_in_the_order_they_ran() -> None:
    """That of `Cleaned.rules`, whatever it is: there is no second order anywhere."""
    names = ["phone", "empty", "own:price_list", "short_answer", "email", "opening", "repair", "link"]
    for seed in range(5):
        random.Random(seed).shuffle(names)
        found = {name: rule(9, changed=1) for name in names}
        rows = rule_rows(CLEANED.model_copy(update={"rules": found}))
        readable = [row.name for row in rows]
        assert [name.replace("own rule ", "own:").replace(" ", "_") for name in readable] == names
        text = text_of(cleaning(rules=found))
        places = [text.index(f"{name} 9 1 0 0") for name in readable]
        assert places == sorted(places)
        contact = ", ".join(row.name for row in rows if not row.quoted)
        assert f"Contact data is counted and never quoted ({contact});" in text


def test_masks_split_a_row_where_learning_starts() -> None:
    first, second = masks(CLEANED)
    assert first.pieces == [("<s>How often?", False), (" Twice a week.</s>", True), ("", False)]
    assert (first.learned_tokens, first.tokens) == (5, 9)
    assert (first.long, second.long) == (False, True)


def test_settings_are_flat() -> None:
    assert list(flat(SETTINGS)) == [
        ("data.sources", "a/b@main:train, rows.jsonl"),
        ("data.system_prompt_file", ""),
        ("data.near_duplicates", "keep"),
        ("model.base", "acme/small-3b"),
        ("train.max_tokens", "512"),
        ("hub.private", "true"),
        ("output_dir", "output"),
    ]
