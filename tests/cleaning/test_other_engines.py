"""The same rules under another engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.cleaning.rules import clean_batch
from job.cleaning.stage import rules_of
from job.settings.fields import DataSettings
from job.settings.sources import Source
from tests.conftest import make_rows


@pytest.mark.slow
@pytest.mark.usefixtures("handlers")  # of Ray, for SIGTERM
def test_the_same_rules_run_on_ray_data(tmp_path: Path) -> None:
    """README's lines, on a local engine: the same rows and reasons as here."""
    ray = pytest.importorskip("ray", reason="`pip install '.[ray]'` brings it")
    import pyarrow

    rules = rules_of(
        DataSettings(
            sources=(Source.parse("quickstart"),), brands=("LeafTalk",), cleaning=("qa-forum",), min_answer_words=5
        )
    )
    rows = [{"question": row["input"], "answer": row["output"]} for row in make_rows(40)]
    rows.append({"question": "Why?", "answer": "Hello. Too short."})

    def batch(table: pyarrow.Table) -> pyarrow.Table:
        cleaned_rows, reasons = clean_batch(table.to_pylist(), rules)
        return pyarrow.Table.from_pylist(
            [row | {"reason": why} for row, why in zip(cleaned_rows, reasons, strict=True)]
        )

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        found = ray.data.from_items(rows).map_batches(batch, batch_format="pyarrow").take_all()
    finally:
        ray.shutdown()
    expected, reasons = clean_batch(rows, rules)
    key = lambda row: row["question"]  # noqa: E731
    assert sorted(found, key=key) == sorted(
        [row | {"reason": why} for row, why in zip(expected, reasons, strict=True)], key=key
    )
    assert reasons[-1] == "short_answer"
