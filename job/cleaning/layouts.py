"""Which columns of a source hold questions and answers, chats or text. Recognises the usual layouts; judges nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from job.cleaning.batch import NOT_TEXT, Raw
from job.cleaning.conversations import conversation
from job.errors import DataError
from job.settings.fields import DataSettings

PAIRS = (
    ("question", "answer"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("input", "output"),
    ("question", "response"),
)
"""Column names (question, answer) that are recognised, in this order."""
CHATS = {
    "messages": "messages",
    "conversations": "conversations (ShareGPT)",
    "conversation": "conversation",
    "turns": "turns",
}
"""Columns of chats, in the order in which they are looked for, and how the log names them."""
PREFERENCE = ("chosen", "rejected")
CLEANED = {"system", "question", "answer", "source"}
"""Columns of the job's own rows."""
TEXT = "text, trained as a whole"
KNOWN = frozenset(
    [
        *CHATS,
        *CLEANED,
        *PREFERENCE,
        *(name for pair in PAIRS for name in pair),
        "instruction",
        "history",
        "tools",
        "text",
    ]
)
"""Column names that are recognised, whatever their capitals."""
LONGEST_NAME = 40
"""Characters; a longer name, or one with a stop at its end, is a text where the header should be."""
Reader = Callable[[dict[str, Any]], Raw]


def layout_of(rows: list[dict[str, Any]], data: DataSettings, name: str) -> tuple[str, Reader]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if data.question_column != "auto":
        missing = [column for column in (data.question_column, data.answer_column) if column not in columns]
        if missing:
            raise DataError(
                f"The source {name} has no column {' and no column '.join(missing)}; it has: {', '.join(columns)}.",
                remedy="Set FINETUNE_DATA_QUESTION_COLUMN and FINETUNE_DATA_ANSWER_COLUMN to two of its columns.",
            )
        question, answer = data.question_column, data.answer_column
        return f"{question}/{answer}", lambda row: Raw("", row.get(question), row.get(answer))
    if all(column in columns for column in PREFERENCE):
        raise DataError(
            f"The source {name} holds pairs of a better and a worse answer (columns chosen and rejected), as preference "
            "training (DPO) takes them. This job trains on one answer.",
            remedy="Write a file with prompt and chosen as question and answer; where both columns are text, "
            "FINETUNE_DATA_QUESTION_COLUMN=prompt and FINETUNE_DATA_ANSWER_COLUMN=chosen do.",
        )
    renamed = {column: column.strip().lower() for column in columns if column.strip().lower() in KNOWN - set(columns)}
    if len(set(renamed.values())) == len(renamed) > 0:
        return _renamed_layout(rows, data, name, renamed)
    chat = next((column for column in CHATS if column in columns), "")
    if chat:
        return _chat_layout(rows, data, name, chat)
    output = next((column for column in ("output", "response") if column in columns), "")
    if "instruction" in columns and output:
        layout, read = _instruction_layout(rows, output)
        return _with_history(layout, read) if "history" in columns else (layout, read)
    for question, answer in PAIRS:
        if question in columns and answer in columns:
            return _pair_layout(rows, columns, question, answer)
    if "text" in columns:
        return TEXT, lambda row: _text(row.get("text"))
    raise DataError(
        f"The source {name} has the columns {', '.join(columns)}, which match no known layout "
        "(instruction/input/output, question/answer, prompt/completion, messages, conversations, text).",
        remedy="It seems to have no header line: put one with the names of the columns, such as question and answer, first in "
        "the file named in FINETUNE_DATA_SOURCES."
        if any(len(column) > LONGEST_NAME or column.endswith((".", "?", "!")) for column in columns)
        else "Set FINETUNE_DATA_QUESTION_COLUMN and FINETUNE_DATA_ANSWER_COLUMN.",
    )


def _renamed_layout(
    rows: list[dict[str, Any]], data: DataSettings, name: str, renamed: dict[str, str]
) -> tuple[str, Reader]:
    """Columns that are known but for capitals and blanks."""

    def known(row: dict[str, Any]) -> dict[str, Any]:
        return {renamed.get(column, column): value for column, value in row.items()}

    layout, read = layout_of([known(row) for row in rows], data, name)
    return f"{layout} (columns {', '.join(renamed)})", lambda row: read(known(row))


def _chat_layout(rows: list[dict[str, Any]], data: DataSettings, name: str, chat: str) -> tuple[str, Reader]:
    """Rows without a chat are read by what else they hold: `datasets` gives every row all columns, empty where it had none."""

    def read(row: dict[str, Any]) -> Raw:
        return _chat(row, row.get(chat))

    others = [_filled(row) for row in rows if row.get(chat) is None]
    try:
        layout, read_other = layout_of(others, data, name) if any(others) else ("", read)
    except DataError:  # of no form: each such row is dropped with its reason
        return CHATS[chat], read
    if not layout:
        return CHATS[chat], read
    return (
        f"{CHATS[chat]}; rows without: {layout}",
        lambda row: read(row) if row.get(chat) is not None else read_other(_filled(row)),
    )


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if value is not None}


def _pair_layout(rows: list[dict[str, Any]], columns: list[str], question: str, answer: str) -> tuple[str, Reader]:
    """Question and answer as texts, or as lists of messages (TRL).

    A column `system` is a prompt in cleaned rows and beside a history; elsewhere it may be anything, a part of the body say.
    """
    if any(isinstance(row.get(question), list) for row in rows):
        return f"{question}/{answer} as messages (TRL)", lambda row: _chat(
            row, [*_messages(row.get(question), "user"), *_messages(row.get(answer), "assistant")]
        )

    with_system = "history" in columns or set(columns) <= CLEANED

    def pair(row: dict[str, Any]) -> Raw:
        return Raw(row.get("system") if with_system else "", row.get(question), row.get(answer))

    return _with_history(f"{question}/{answer}", pair) if "history" in columns else (f"{question}/{answer}", pair)


def _messages(value: Any, role: str) -> list[Any]:
    return value if isinstance(value, list) else [{"role": role, "content": value}]


def _chat(row: dict[str, Any], messages: object) -> Raw:
    return conversation(messages, system=row.get("system"), tools=row.get("tools") or row.get("functions"))


def _text(text: object) -> Raw:
    return Raw(fault=NOT_TEXT) if text is not None and not isinstance(text, str) else Raw(text=text or "")


def _with_history(layout: str, read: Reader) -> tuple[str, Reader]:
    """Earlier exchanges as pairs in the column `history` (Alpaca)."""

    def chat(row: dict[str, Any]) -> Raw:
        raw, history = read(row), row.get("history")
        if raw.fault or not history:
            return raw
        if not isinstance(history, list) or not all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in history
        ):
            return Raw(fault=NOT_TEXT)
        pairs = [*history, (raw.question, raw.answer)]
        roles = (("user", "assistant") for _ in pairs)
        turns = zip([role for both in roles for role in both], [text for pair in pairs for text in pair], strict=True)
        return conversation([{"role": role, "content": text} for role, text in turns], system=raw.system)

    return f"{layout}, with history (Alpaca)", chat


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
        return Raw(row.get("system"), "\n\n".join(part for part in parts if part), row.get(output))

    return f"instruction and input as question, {output}", task
