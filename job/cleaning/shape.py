"""The shape of an answer: lists, repetition, language. Judged, never changed."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from job.cleaning.text import has_any

_NUMBER = re.compile(r"(?:^|[\s.:;,)(a-z])(\d{1,2})\s?[.)](?=\s*[A-Za-z(])")
_BULLET = re.compile(r"^\s*[-*•–·]\s*\S", re.MULTILINE)
_INLINE_BULLET = re.compile(r"(?:(?<=[\s.])[*•·]|(?<=\s)-)\s*(?=[A-Z])")
_STOPS = re.compile(r"[.!?;:,\n()]")
SHORTEST_RUN = 90
FEWEST_ITEMS = 3
FEWEST_RUN_WORDS = 18
MOST_REPEATED = 0.4
"""Share of an answer's word 4-grams that stand there before; above it an answer runs in circles."""
SURE = 0.99


def list_kind(text: str) -> str:
    """`numbered`, `bulleted`, `flattened` (a list that lost its line breaks and stops), or empty."""
    expected = 1
    if has_any(text, ("3.", "3)", "3 .", "3 )")):
        for match in _NUMBER.finditer(text):
            if int(match[1]) == expected:
                expected += 1
        if expected > FEWEST_ITEMS:
            return "numbered"
    if has_any(text, "*•·-–") and (
        len(_BULLET.findall(text)) >= FEWEST_ITEMS or len(_INLINE_BULLET.findall(text)) > FEWEST_ITEMS
    ):
        return "bulleted"
    for piece in _STOPS.split(text):
        if len(piece) >= SHORTEST_RUN and len(found := piece.split()) >= FEWEST_RUN_WORDS:
            capitals = sum(map(str.istitle, found[1:]))
            if capitals >= 4 and capitals * 5 >= len(found):
                return "flattened"
    return ""


def repeated_share(found: list[str]) -> float:
    """Share of the 4-grams of words that repeat an earlier one; 0 for texts of under 12 words."""
    if len(found) < 12 or len(set(found)) > (1 - MOST_REPEATED) * len(found):
        return 0.0  # as many different 4-grams as different words at least, less three
    grams = list(zip(found, found[1:], found[2:], found[3:], strict=False))
    return 1 - len(set(grams)) / len(grams)


@functools.cache
def _identifier() -> Callable[[str], tuple[str, float]]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # half a second, only where languages are asked for

    found: Callable[[str], tuple[str, float]] = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).classify
    return found


def other_language(text: str, wanted: tuple[str, ...]) -> bool:
    """Whether the text is surely (99 %) in none of the wanted languages; short texts are never sure."""
    beginning = text[:600]
    if len(beginning.split()) < 8 and beginning.isascii():
        return False
    language, probability = _identifier()(beginning)
    return language not in wanted and float(probability) >= SURE
