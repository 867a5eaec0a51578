"""Counts of what was done, from any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from job.runs.progress import advance, counts

pytestmark = pytest.mark.light


def test_counts_add_up_from_any_thread() -> None:
    before = counts().get("rows", 0)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            pool.submit(advance, "rows", 3)
    assert counts()["rows"] == before + 600
