"""The figures of the cleaning page, on rows that are not part of the project."""

from __future__ import annotations

import json
from typing import Any

import pytest

from job.cleaning.rules import Rules, clean_batch
from tests.cleaning.detector import flags
from tests.conftest import PROJECT

SHARED = PROJECT.parent / "shared" / "data" / "dev.jsonl"


BRANDS = ("ChatDoctor", "HealthCareMagic", "iCliniq")


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
        flagged = [answer for answer in kept if flags(answer, BRANDS)]
        print(f"kept {len(kept) / len(forum):.3f}, flagged {len(flagged) / len(kept):.3f} of them")
        assert len(kept) >= 0.75 * len(forum)
        assert len(flagged) <= 0.05 * len(kept)

    def test_encyclopaedic_rows_keep_their_words_and_line_breaks(self, rows: list[dict[str, Any]]) -> None:
        controls = [row for row in rows if row["source"].startswith(("wikidocpatient", "medquad"))]
        found, reasons = clean_batch(controls, Rules(brands=BRANDS, min_answer_words=1, max_words=100_000))
        pairs = list(zip(controls, found, reasons, strict=True))
        changed = [row for row, after, reason in pairs if reason or row["answer"].split() != after["answer"].split()]
        assert len(changed) <= 0.005 * len(controls), [row["answer"] for row in changed]
        for row, after, _ in pairs:
            if row not in changed:
                assert row["answer"].strip().count("\n") == after["answer"].count("\n")

    def test_cleaning_again_changes_nothing_on_any_row(self, rows: list[dict[str, Any]]) -> None:
        found, reasons = clean_batch(rows, Rules(brands=BRANDS))
        kept = [row for row, reason in zip(found, reasons, strict=True) if not reason]
        assert clean_batch(kept, Rules(brands=BRANDS)) == (kept, [""] * len(kept))
