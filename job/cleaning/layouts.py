"""Which columns of a source hold question and answer. Recognises the usual layouts; judges nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from job.cleaning.batch import NOT_TEXT, Raw
from job.cleaning.conversations import first_exchange
from job.errors import DataError
from job.settings.fields import DataSettings

PAIRS = (("question", "answer"), ("prompt", "completion"), ("prompt", "response"), ("input", "output"))
"""Column names (question, answer) that are recognised, in this order."""
CHATS = ("messages", "conversations")
Reader = Callable[[dict[str, Any]], Raw]


def layout_of(rows: list[dict[str, Any]], data: DataSettings, name: str) -> tuple[str, Reader]:
    columns = list(dict.fromkeys(column for row in rows[:100] for column in row))
    if data.question_column != "auto":
        missing = [column for column in (data.question_column, data.answer_column) if column not in columns]
        if missing:
            raise DataError(
                f"The source {name} has no column {' and no column '.join(missing)}; it has: {', '.join(columns)}.",
                remedy="Set FINETUNE_DATA_QUESTION_COLUMN and FINETUNE_DATA_ANSWER_COLUMN to two of its columns.",
            )
        question, answer = data.question_column, data.answer_column
        return f"{question}/{answer}", lambda row: Raw("", row.get(question), row.get(answer))
    chat = next((column for column in CHATS if column in columns), "")
    if chat:
        return chat, lambda row: first_exchange(row.get(chat))
    output = next((column for column in ("output", "response") if column in columns), "")
    if "instruction" in columns and output:
        return _instruction_layout(rows, output)
    for question, answer in PAIRS:
        if question in columns and answer in columns:
            return f"{question}/{answer}", lambda row, q=question, a=answer: Raw("", row.get(q), row.get(a))
    raise DataError(
        f"The source {name} has the columns {', '.join(columns)}, which match no known layout "
        "(instruction/input/output, question/answer, prompt/completion, messages).",
        remedy="Set FINETUNE_DATA_QUESTION_COLUMN and FINETUNE_DATA_ANSWER_COLUMN.",
    )


def _instruction_layout(rows: list[dict[str, Any]], output: str) -> tuple[str, Reader]:
    """instruction/input/output means two things: one system prompt for all rows, or a task per row with optional input.

    It is the first if at most one row in a hundred brings a new instruction and rows have input.
    """
    instructions = Counter(str(row.get("instruction")) for row in rows)
    with_input = sum(bool(row.get("input")) for row in rows)
    if len(instructions) <= max(1, len(rows) // 100) and with_input > len(rows) / 2:
        return f"instruction as system prompt, input/{output}", lambda row: Raw(
            row.get("instruction") or "", row.get("input"), row.get(output)
        )

    def task(row: dict[str, Any]) -> Raw:
        parts = [row.get("instruction"), row.get("input")]
        if any(part is not None and not isinstance(part, str) for part in parts):
            return Raw(fault=NOT_TEXT)
        return Raw("", "\n\n".join(part for part in parts if part), row.get(output))

    return f"instruction and input as question, {output}", task
