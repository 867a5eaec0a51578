"""The figures of the cleaning page, on rows that are not part of the project. Failures show counts, never a row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from job.cleaning.rules import Rules, clean_batch
from tests.cleaning.detector import flags
from tests.cleaning.judge import BRANDS, DATA, FILES, counts, rows_of

SHARED = DATA / FILES[0]


@pytest.mark.skipif(not SHARED.exists(), reason="the development rows are not part of the project")
class TestRealRows:
    """The figures of the cleaning page's table."""

    @pytest.fixture(scope="class")
    def rows(self) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in SHARED.read_text("utf-8").splitlines()]
        return [{"question": row["input"], "answer": row["output"], "source": row["source"]} for row in found]

    def test_forum_rows_are_kept_and_clean(self, rows: list[dict[str, Any]]) -> None:
        forum = [row for row in rows if row["source"].startswith("hcm")]
        found, reasons = clean_batch(forum, Rules(brands=BRANDS))
        kept = [row["answer"] for row, reason in zip(found, reasons, strict=True) if not reason]
        flagged = sum(bool(flags(answer, BRANDS)) for answer in kept)
        raw = sum(bool(flags(row["answer"], BRANDS)) for row in forum)
        print(
            f"raw: flagged {raw / len(forum):.3f}; kept {len(kept) / len(forum):.3f}, {flagged / len(kept):.3f} flagged"
        )
        assert len(kept) >= 0.85 * len(forum)
        assert flagged <= 0.125 * len(kept)  # what the rules reached when the judge was written
        assert raw >= 0.92 * len(forum)

    def test_the_unread_half_shares_no_row_with_the_one_that_may_be_read(self) -> None:
        read, unread = (
            {(row["question"], row["answer"]) for row in rows_of(half, files=FILES[:1])} for half in ("read", "unread")
        )
        assert len(read) > 1_000
        assert len(unread) > 1_000
        assert len(read & unread) == 0

    def test_counts_show_no_text(self) -> None:
        rows = [row for row in rows_of("unread", files=FILES[:1]) if row["source"].startswith("hcm")]
        lines = counts(rows)
        print("\n".join(lines))
        assert [line.split("  ")[0] for line in lines] == ["hcm-sachink1729", "all forums", "with named packs"]
        assert max(map(len, lines)) < 250

    def test_encyclopaedic_rows_keep_their_words_and_line_breaks(self, rows: list[dict[str, Any]]) -> None:
        controls = [row for row in rows if row["source"].startswith(("wikidocpatient", "medquad"))]
        found, reasons = clean_batch(controls, Rules(brands=BRANDS, min_answer_words=1, max_words=100_000))
        pairs = list(zip(controls, found, reasons, strict=True))
        changed = [row for row, after, reason in pairs if reason or row["answer"].split() != after["answer"].split()]
        assert len(changed) <= 0.005 * len(controls)
        lost = [row for row, after, _ in pairs if row["answer"].strip().count("\n") != after["answer"].count("\n")]
        assert sum(row not in changed for row in lost) == 0

    def test_cleaning_again_changes_nothing_on_any_row(self, rows: list[dict[str, Any]]) -> None:
        found, reasons = clean_batch(rows, Rules(brands=BRANDS))
        kept = [row for row, reason in zip(found, reasons, strict=True) if not reason]
        again, dropped = clean_batch(kept, Rules(brands=BRANDS))
        assert sum(map(bool, dropped)) == 0
        assert sum(before != after for before, after in zip(kept, again, strict=True)) == 0
