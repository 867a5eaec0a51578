"""The rows of a training, from cleaned texts to tokens."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

from job.errors import SettingsError
from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.modeling.fitting import fitted
from job.runs.progress import advance

ROWS_AT_ONCE = 1000
"""Rows whose tokens the tokenizer holds as lists at once."""


def read_rows(chat: Chat, path: Path, loss: str, max_tokens: int) -> list[Row]:
    """Training rows from the file's: of a conversation one, or several where the template or its length demands it.

    Raises SettingsError (64) for a row in which the end of an answer is not learned: the model would not learn to stop.
    """
    rows: list[Row] = []
    number = 0
    with path.open(encoding="utf-8") as file:
        while some := [json.loads(line) for line in islice(file, ROWS_AT_ONCE)]:
            for row, texts in zip(some, fitted(chat, some, loss, max_tokens), strict=True):
                number += 1
                if _ends_alike(row) and not all(map(chat.stops, texts)):
                    raise SettingsError(
                        [
                            f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template ends other answers with {chat.stop_token}, "
                            f"but not that of row {number} in {path.name}; set a template that ends every answer with it"
                        ]
                    )
                rows += [Row.of(tokens, loss) for tokens in texts]
            advance("rows", len(some))
    return rows


def _ends_alike(row: dict[str, Any]) -> bool:
    """Whether all answers of a row must end with the stop token: a call of a tool may end otherwise (Gemma 4), as text does."""
    return "text" not in row and not any("tool_calls" in turn for turn in row.get("turns", ()))
