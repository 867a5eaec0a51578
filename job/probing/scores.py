"""Pure scores of answers. The filler patterns are written apart from the cleaning rules, so that a gap in those shows here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from job.results import Scores

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


@dataclass(frozen=True)
class Answer:
    """What a model said. `tokens` without the end-of-turn token, `stopped` if that came before the limit."""

    text: str
    tokens: int
    stopped: bool


def opens_with_filler(text: str) -> bool:
    return bool(_OPENING.match(text))


def closes_with_filler(text: str) -> bool:
    return bool(_CLOSING.search(text.rstrip(), max(0, len(text.rstrip()) - _LAST_SENTENCES)))


def repetition(text: str) -> float:
    """Share of word 4-grams that stood earlier in the same text: 0 for prose, near 1 for a loop."""
    words = text.casefold().split()
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def score(answers: Sequence[Answer]) -> Scores:
    count = len(answers)

    def mean(values: list[float]) -> float:
        return round(sum(values) / count, 4) if count else 0.0

    return Scores(
        answers=count,
        stopped_share=mean([a.stopped for a in answers]),
        opening_filler_share=mean([opens_with_filler(a.text) for a in answers]),
        closing_filler_share=mean([closes_with_filler(a.text) for a in answers]),
        repetition_share=mean([repetition(a.text) for a in answers]),
        mean_tokens=mean([float(a.tokens) for a in answers]),
    )
