"""What the data does not teach: 100 general questions with short answers and 100 multiple-choice questions, in general.jsonl.

Written for this job, on science, history, geography, everyday life, arithmetic, language, reasoning and code, some in other
languages than English. All are certain and stable, and none is about medicine or plants alone. Each of the four places holds
the right option in 25 questions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("general.jsonl")
LETTERS = "ABCD"


@dataclass(frozen=True)
class Prompt:
    topic: str
    question: str
    answer: str
    """30 to 60 words."""


@dataclass(frozen=True)
class Choice:
    topic: str
    question: str
    options: tuple[str, ...]
    right: int
    """Place of the right option."""

    @property
    def asked(self) -> str:
        """The question with its options, without letters: a base that was never taught to answer by one would guess."""
        return "\n".join([f"{self.question}\n", *(f"- {option}" for option in self.options)])


def read() -> tuple[list[Prompt], list[Choice]]:
    prompts, choices = [], []
    for line in FILE.read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "prompt":
            prompts.append(Prompt(entry["topic"], entry["question"], entry["answer"]))
        else:
            options = tuple(entry["options"])
            choices.append(Choice(entry["topic"], entry["question"], options, LETTERS.index(entry["right"])))
    return prompts, choices
