"""What is shown of a run, before it is a page."""

from __future__ import annotations

import random

from job.reporting.view import broken_off, flat, masks, rule_rows
from job.results import Failure, Funnel
from tests.reporting.pages import cleaning, page_of, text_of
from tests.sample_results import CLEANED, DONE, LOSSES, SETTINGS, TEXTS, metrics, rule, sample


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


def test_a_data_failure_shows_its_funnel() -> None:
    dropped = {"short_answer": 300, "duplicate": 88}
    funnel = Funnel(rows_in=400, kept=12, least=32, dropped=dropped, sources={"rows.jsonl": 400})
    error = Failure(kind="DataError", message="12 of 400 rows are left.", remedy="Mend.", funnel=funnel)
    failed = metrics(status="failed", stage="clean", exit_code=65, error=error)
    bars = [(bar.name, bar.value, bar.kind) for bar in broken_off(failed)]
    assert bars[0] == ("rows read", 400, "all")
    assert bars[1:] == [("short answer", 300, "out"), ("duplicate", 88, "out"), ("rows left", 12, "train")]
    text = text_of(page_of(failed))
    assert "At least 32 have to be left ( FINETUNE_DATA_MIN_ROWS )." in text
    assert "dropped: short answer fewer words than FINETUNE_DATA_MIN_ANSWER_WORDS −300 75 %" in text
    assert "rows.jsonl 400" in text
    assert broken_off(metrics()) == []


def test_the_reference_of_a_row_is_that_of_its_answer_or_of_the_file() -> None:
    asked = sample(source="eval_row", row=7, question="From the sample?", reference="Yes.")
    page = page_of(DONE, samples=[asked], losses=LOSSES, texts=TEXTS)
    text = text_of(page)
    assert "2.70 → 2.85 ▼ From the sample?" in text
    assert "2.50 → 2.35 ▲ How is number 5?" in text
    assert '<a href="#answer-1">Both models\' answers</a>' in page


def test_odd_settings_of_another_version_change_no_figure() -> None:
    settings = SETTINGS | {"probe": {"min_gain": "none"}, "hub": None, "data": {"sources": "one.jsonl"}}
    assert "Data one.jsonl" in text_of(page_of(DONE.model_copy(update={"settings": settings})))
