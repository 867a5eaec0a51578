"""Rows of tables with a bar: where each bar starts and how long it is."""

from __future__ import annotations

import pytest

from job.reporting.bars import funnel, lengths, list_counts, shares_of
from tests.reporting.pages import cleaning, text_of
from tests.sample_results import CLEANED


def test_the_funnel_ends_with_what_is_kept() -> None:
    rows = [(bar.name, bar.value, bar.kind) for bar in funnel(CLEANED)]
    assert rows == [
        ("rows read", 12_000, "all"),
        ("duplicate", 2_000, "out"),
        ("short answer", 550, "out"),
        ("training rows", 9_000, "train"),
        ("evaluation rows", 450, "eval"),
    ]
    last_drop, train, held_out = funnel(CLEANED)[-3:]
    assert last_drop.start == pytest.approx(train.share + held_out.share)


def test_lists_are_a_share_of_the_rows_among_which_they_were_counted() -> None:
    text = text_of(cleaning())
    assert "by source and kind. A flattened list" in text
    assert "a/b@main:train of 9,450 rows 1,134 12 % numbered 945 10 % bulleted 189 2.0 % flattened 0 0 %" in text
    capped = CLEANED.model_copy(update={"dropped": {"list_over_share": 550, "not_sampled": 2_000}})
    found = list_counts(capped, {"a/b@main:train": {"list_over_share": 550, "not_sampled": 2_000, "empty": 9}})
    assert found[0].rows == 12_000
    assert [(bar.name, bar.start, bar.share) for bar in found[0].bars] == [
        ("lists", 0, pytest.approx(0.0945)),
        ("numbered", 0, pytest.approx(0.07875)),
        ("bulleted", pytest.approx(0.07875), pytest.approx(0.01575)),
        ("flattened", pytest.approx(0.0945), 0),
    ]
    assert list_counts(capped, {})[0].rows is None
    unknown = text_of(cleaning(dropped=capped.dropped))
    assert "by source and kind, counted before 550 rows were dropped to cap their share." in unknown
    assert "a/b@main:train 1,134 – numbered 945 – bulleted 189 – flattened 0 –" in unknown


def test_lengths_end_with_what_the_limit_dropped() -> None:
    bars = [(bar.name, bar.value, bar.kind) for bar in lengths(CLEANED.token_counts)]
    assert bars[0] == ("1–32", 5, "train")
    assert bars[-2:] == [("129–160", 1_000, "train"), ("above the limit", 61, "out")]
    assert [bar.share for bar in lengths(CLEANED.token_counts)][:3] == [5 / 4_000, 0.25, 1]
    text = text_of(cleaning())
    assert "Half of the 9,450 kept rows have at most 101 tokens" in text
    assert "The limit of 512 tokens dropped 61 rows (0.5 % of those read); the longest has 1,943." in text
    assert "1–32 5 33–64 1,000 65–96 4,000 97–128 3,445 129–160 1,000 above the limit 61" in text
    none = CLEANED.token_counts.model_copy(update={"rows_above": 0, "longest_above": 0})
    assert "The limit dropped no row." in text_of(cleaning({}, token_counts=none))


def test_shares_follow_one_another_and_add_up() -> None:
    bars = shares_of({"lora": 3, "embedding": 1})
    assert [(bar.name, bar.start, bar.share) for bar in bars] == [("lora", 0, 0.75), ("embedding", 0.75, 0.25)]
    assert shares_of({"clean": 0.0})[0].share == 0
