"""Which answers are lists. No rule: lists are counted, and FINETUNE_DATA_MAX_LIST_SHARE caps them once all rows are known."""

from __future__ import annotations

import re

from job.cleaning.rules.text import has_any

KINDS = ("", "numbered", "bulleted", "flattened")
_NUMBER = re.compile(r"(?:^|[\s.:;,)(a-z])(\d{1,2})\s?[.)](?=\s*[A-Za-z(])")
_BULLET = re.compile(r"^\s*[-*•–·]\s*\S", re.MULTILINE)
_INLINE_BULLET = re.compile(r"(?:(?<=[\s.])[*•·]|(?<=\s)-)\s*(?=[A-Z])")
_STOPS = re.compile(r"[.!?;:,\n()]")
SHORTEST_RUN = 90
FEWEST_ITEMS = 3
FEWEST_RUN_WORDS = 18


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
