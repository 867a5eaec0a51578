"""The cleaning stage on a file of rows, for the tests of its parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from job.cleaning.stage import clean
from job.results import Cleaned
from job.settings.fields import DataSettings, ModelSettings
from job.settings.sources import Source


def settings(path: Path, **changes: Any) -> DataSettings:
    return DataSettings(sources=(Source.parse(str(path)),), min_answer_words=5, min_rows=2, **changes)


def cleaned(
    path: Path,
    base: Path,
    root: Path,
    *,
    max_tokens: int = 256,
    loss: str = "answers",
    template: str = "",
    **changes: Any,
) -> Cleaned:
    model = ModelSettings(base=str(base), chat_template_file=template)
    data = settings(path, **changes)
    result = clean(data, model, max_tokens=max_tokens, loss=loss, seed=42, token="", root=root)
    assert result.rows_in == result.train_rows + result.eval_rows + sum(result.dropped.values())
    return result


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
