"""A cleaned row as a list of turns. Every row on disk is one of three forms, and this module alone knows them:

    {"system", "question", "answer"}   one exchange
    {"system", "turns", "tools"}       anything longer, or with calls of tools; `tools` only where there are some
    {"text"}                           plain text, trained as a whole

A turn has `role` (user, assistant or tool) and `content`; where the data has them also `reasoning_content`, `tool_calls`,
`name`, `tool_call_id` and, for an answer that is context and not learned, `weight` 0. Tools and the arguments of calls are JSON
in a string, as OpenAI's files have the latter: every row then has the same columns, whatever a tool takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Turn = dict[str, Any]
MANY_WORDS = 3
"""A first question of so few words ("Hi") opens many conversations that have nothing else in common."""


@dataclass(frozen=True)
class Conversation:
    """A system prompt, empty if there is none, and the turns after it. The first turn is the user's, the last an answer."""

    system: str
    turns: tuple[Turn, ...]
    tools: str = ""
    """The tools that were offered, as a JSON list; empty if there were none."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Conversation:
        """A row of the first two forms."""
        if "turns" in row:
            return cls(row["system"], tuple(row["turns"]), row.get("tools", ""))
        return cls(
            row["system"],
            ({"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}),
        )

    def row(self) -> dict[str, Any]:
        """The row in the first form that holds it."""
        plain = not self.tools and all(turn.keys() == {"role", "content"} for turn in self.turns)
        if plain and [turn["role"] for turn in self.turns] == ["user", "assistant"]:
            question, answer = (turn["content"] for turn in self.turns)
            return {"system": self.system, "question": question, "answer": answer}
        found = {"system": self.system, "turns": list(self.turns)}
        return found | {"tools": self.tools} if self.tools else found

    def exchanges(self) -> list[tuple[Turn, ...]]:
        """Each turn of the user with everything up to the next one."""
        found: list[list[Turn]] = []
        for turn in self.turns:
            if turn["role"] == "user" or not found:
                found.append([])
            found[-1].append(turn)
        return [tuple(turns) for turns in found]

    def part(self, exchanges: Sequence[tuple[Turn, ...]]) -> Conversation:
        """The same with these exchanges alone."""
        return Conversation(self.system, tuple(turn for turns in exchanges for turn in turns), self.tools)

    @property
    def alternates(self) -> bool:
        """Whether user and assistant take turns, without tools, and say nothing but text."""
        roles = ("user", "assistant")
        plain = all(turn["role"] == roles[place % 2] and len(turn) == 2 for place, turn in enumerate(self.turns))
        return plain and not self.tools

    def answers(self) -> Iterator[int]:
        """Places of the assistant's turns."""
        return (place for place, turn in enumerate(self.turns) if turn["role"] == "assistant")

    def learned(self) -> Iterator[int]:
        """Places of the answers that are trained on: all without OpenAI's weight 0."""
        return (place for place in self.answers() if "weight" not in self.turns[place])


def calls_of(turn: Turn) -> list[dict[str, Any]]:
    """The calls of tools in a turn as templates want them: arguments as an object where they are JSON of one."""
    return [
        {**call, "function": {**call["function"], "arguments": _parsed(call["function"]["arguments"])}}
        for call in turn.get("tool_calls", ())
    ]


def _parsed(arguments: str) -> Any:
    try:
        found = json.loads(arguments)
    except json.JSONDecodeError:
        return arguments
    return found if isinstance(found, dict) else arguments


def texts_of(row: Mapping[str, Any]) -> list[str]:
    """All texts of a row in their order, without the system prompt."""
    if "question" in row:
        return [row["question"], row["answer"]]
    return [row["text"]] if "text" in row else [_text_of(turn) for turn in row["turns"]]


def _text_of(turn: Turn) -> str:
    calls = [f"{call['function']['name']} {call['function']['arguments']}" for call in turn.get("tool_calls", ())]
    return "\n".join([*([turn["content"]] if turn["content"] or not calls else []), *calls])


def opening_of(row: Mapping[str, Any]) -> str:
    """What makes two conversations begin alike: the user's turns up to one that says something."""
    said: list[str] = []
    for turn in row["turns"]:
        if turn["role"] == "user":
            said.append(turn["content"])
            if len(turn["content"].split()) > MANY_WORDS:
                break
    return "\n".join(said)


def beginning(text: str) -> tuple[str, str]:
    """(the first third of a plain text, up to the end of a word, the rest): what the probe lets the models continue."""
    third = len(text) // 3
    end = text.rfind(" ", 0, third) if " " in text[:third] else third
    return text[:end], text[end:]
