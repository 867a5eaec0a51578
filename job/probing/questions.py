"""Which questions are put to both models, and by which half of them a checkpoint is chosen."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from job.modeling.chat import Chat
from job.modeling.conversation import Conversation, beginning, texts_of
from job.modeling.fitting import cut
from job.settings.fields import ProbeSettings
from job.settings.files import read_lines

Half = Literal["choice", "confirmation"]


@dataclass(frozen=True)
class Question:
    text: str
    system: str
    reference: str
    source: Literal["question", "eval_row"]
    row: dict[str, Any] | None = None
    """The row whose last answer is asked for, where it is more than one exchange."""
    number: int | None = None
    """The row's line among the evaluation rows, from 0."""
    reference_tokens: int = 0


def fixed_questions(settings: ProbeSettings, system: str) -> list[Question]:
    """The lines of FINETUNE_PROBE_QUESTIONS_FILE."""
    return [Question(line, system, "", "question") for _, line in read_lines(settings.questions_file)]


def read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def eval_questions(rows: list[dict[str, Any]], count: int, seed: int) -> list[Question]:
    """Questions of `count` evaluation rows, drawn by the seed; of all rows where there are fewer."""
    chosen = random.Random(f"{seed} probe").sample(range(len(rows)), min(max(count, 0), len(rows)))
    return [question_of(rows[number], number) for number in chosen]


def question_of(row: dict[str, Any], number: int | None = None) -> Question:
    """The last answer of a row that was learned is asked for, with all that stands before it; plain text is to be continued."""
    if "question" in row:
        return Question(row["question"], row["system"], row["answer"], "eval_row", number=number)
    if "text" in row:
        begin, rest = beginning(row["text"])
        return Question(begin, "", rest.strip(), "eval_row", row, number)
    *_, last = Conversation.of(row).learned()
    texts = texts_of(row)
    said = [f"{turn['role']}: {text}" for turn, text in zip(row["turns"][:last], texts, strict=False)]
    return Question("\n\n".join(said), row["system"], texts[last], "eval_row", row, number)


def prompt_of(chat: Chat, question: Question, limit: int) -> list[int]:
    """Token ids. `limit`: the most that training has seen; what it took in parts is asked without its beginning."""
    if question.row is None:
        return chat.prompt_ids(question.system, question.text)
    ids = chat.last_prompt_ids(question.row)
    if len(ids) > limit and (shorter := cut(chat, question.row, "last", limit)):
        ids = chat.last_prompt_ids(shorter)
    return ids[-limit:]


def halves_of(questions: Iterable[int], seed: int) -> dict[int, Half]:
    """Question -> its half. Rows with the same prompt have the same number, so that both halves know nothing of each other.

    The halves differ in size by one at most: a coin for each of 128 questions gave 75 and 53 once.
    """
    shuffled = sorted(set(questions), key=lambda question: hashlib.sha256(f"{seed} half {question}".encode()).digest())
    return {question: "choice" if place % 2 else "confirmation" for place, question in enumerate(shuffled)}
