"""Which columns hold question and answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from job.cleaning.sources import load
from job.errors import DataError
from job.settings.sources import Source
from tests.cleaning.stage_runs import settings
from tests.conftest import write_rows

LAYOUTS: dict[str, dict[str, Any]] = {
    "question/answer": {"question": "Q", "answer": "A"},
    "prompt/completion": {"prompt": "Q", "completion": "A"},
    "input/output": {"input": "Q", "output": "A"},
    "messages": {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
    "conversations": {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    "instruction and input as question, output": {"instruction": "Q", "input": "", "output": "A"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_usual_layouts_are_recognised(layout: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [LAYOUTS[layout]] * 3)
    loaded = load(Source.parse(str(path)), settings(path), "")
    assert loaded.layout == layout
    first = next(loaded.rows)
    assert (first.question, first.answer) == ("Q", "A")


def test_other_columns_are_named_by_settings(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"ask": "Q", "say": "A"}] * 3)
    with pytest.raises(DataError) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "the columns ask, say" in str(caught.value)
    assert "FINETUNE_DATA_QUESTION_COLUMN" in caught.value.remedy
    loaded = load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="say"), "")
    assert next(loaded.rows).answer == "A"
    with pytest.raises(DataError, match="no column reply; it has: ask, say"):
        load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="reply"), "")
