"""The scores of answers: one list, SCORES, from which the results, the log, the report and the model card follow.

They judge form, not truth. The filler patterns are kept apart from the cleaning rules on purpose: what the rules miss
shows here. `repetition` is not cleaning's `repeated_share` either, which decides about rows and gives 0 for short texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from job.results import Scores

if TYPE_CHECKING:  # the report needs the words of scores, and not torch
    from job.modeling.generation import Answer

_OPENING = re.compile(
    r"^\W*(?:"
    r"(?:hi|hello|hey|greetings|dear|welcome|good\s+(?:morning|afternoon|evening|day))\b|"
    r"(?:many\s+)?thank(?:s|\s+you)\b(?!\s+to\b)|"
    r"(?:(?:that|this)(?:['’]s|\s+is)\s+an?\s+|what\s+an?\s+)?(?:great|good|excellent|wonderful|interesting)\s+question\b|"
    r"(?:certainly|sure|of\s+course|absolutely|definitely)\b[,!. ]|"
    r"as\s+an?\b[^.!?]{0,60}\b(?:assistant|ai|model|expert|advisor)\b|"
    r"i(?:['’]d|['’]ll|['’]m|\s+would|\s+will|\s+am)(?:\s+be)?\s+(?:happy|glad|pleased|delighted|here|sorry)\b|"
    r"i\s+(?:have\s+)?(?:gone\s+through|read|understand|understood|reviewed|appreciate)\b"
    r")",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:hope\s+(?:this|that|it|i)\b|let\s+me\s+know|feel\s+free|(?:do\s+not|don['’]t)\s+hesitate|"
    r"(?:best|kind|warm)\s+(?:wishes|regards)|\bregards\b|take\s+care\s*[.!]*$|wish\s+you|thank(?:s|\s+you)\b(?!\s+to)|"
    r"happy\s+to\s+(?:help|assist|answer)|further\s+(?:questions|queries|assistance)|any\s+(?:other|more)\s+questions|good\s+luck)",
    re.IGNORECASE,
)
_LAST_SENTENCES = 200
"""Characters at the end in which a closing counts."""


def opens_with_filler(text: str) -> bool:
    return bool(_OPENING.match(text))


def closes_with_filler(text: str) -> bool:
    return bool(_CLOSING.search(text.rstrip(), max(0, len(text.rstrip()) - _LAST_SENTENCES)))


def repetition(text: str) -> float:
    """Share of word 4-grams that stood earlier in the same text: 0 for prose, near 1 for a loop."""
    words = text.casefold().split()
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


@dataclass(frozen=True)
class Asked:
    """An answer, and what it answers."""

    question: str
    reference: str
    """Empty for a question without one."""
    answer: Answer


@dataclass(frozen=True)
class Score:
    """A number for each answer; the mean over all answers is the score of a model."""

    name: str
    """Used in metrics.json, in the stage's record and in the log."""
    words: str
    """Used in the tables of the report and of the model card."""
    unit: str
    """`share` (0-1, shown in percent), or what is counted."""
    better: Literal["higher", "lower", "neither"]
    of: Callable[[Asked], float | None]
    """None where it does not apply."""
    headline: str = ""
    """Its name among the figures at the top of the report; if empty, only the table shows it."""
    margin: float | None = None
    """How much worse than the base's the tuned model's mean may be, in the score's unit; None for what decides nothing."""


SCORES: tuple[Score, ...] = (
    Score(
        "stopped_share",
        "stops by itself before the token limit",
        unit="share",
        better="higher",
        of=lambda asked: asked.answer.stopped,
        headline="finished answers",
    ),
    Score(
        "opening_filler_share",
        "opens with filler",
        unit="share",
        better="lower",
        of=lambda asked: opens_with_filler(asked.answer.text),
        headline="filler openers",
    ),
    Score(
        "closing_filler_share",
        "closes with filler",
        unit="share",
        better="lower",
        of=lambda asked: closes_with_filler(asked.answer.text),
    ),
    Score(
        "repetition_share",
        "repeated phrases, share of the text",
        unit="share",
        better="lower",
        of=lambda asked: repetition(asked.answer.text),
    ),
    Score(
        "mean_tokens", "mean length in tokens", unit="tokens", better="neither", of=lambda asked: asked.answer.tokens
    ),
)


def score(answers: Sequence[Answer]) -> Scores:
    """The number of answers, and the mean of every score over them; 0 if there are none."""

    def mean(values: list[float]) -> float:
        return round(sum(values) / len(values), 4) if values else 0.0

    return {"answers": len(answers), **{score.name: mean([score.of(answer) for answer in answers]) for score in SCORES}}
