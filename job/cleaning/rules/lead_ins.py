"""Announcements of a list that the source lost: "You can try the following: Hope this helps."."""

from __future__ import annotations

from collections.abc import Callable

from job.cleaning.rules import signs
from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.scrubbed import standing_clause
from job.cleaning.rules.text import capital

SIGN = "follow"
LONGEST = 500
"""Characters of such a sentence."""
LEAD_IN = pattern(
    r"^(?P<lead>[^.!?:\n]{0,240}?\b(?:the\s+following(?:\s+\w+){0,3}|as\s+follows))\s*:\s+(?P<next>\S[^\n]*?)\s*$"
)
QUESTION = pattern(
    r"^(?:do|does|did|are|is|was|were|have|has|can|could|may|how|what|when|where|which|who|why|any)\b[^.!?:;]{2,160}\?$"
)
ASKS = pattern(
    r"\b(?:check|verify|consider|see|look|find|try|do|know|answers?|questions?|ask|tell|information|details|clarify|mention|help|share|provide|send|queries)\b"
)
"""A list of questions is what such an announcement means."""


def without_lead_in(sentence: str, is_polite: Callable[[str], bool]) -> str:
    """The sentence without an announcement behind which a courtesy or a question stands instead of a list, and without the
    courtesy; of the announcement its clauses stay that stand by themselves."""
    may_announce = len(sentence) <= LONGEST and ":" in sentence and SIGN in sentence.lower()
    found = LEAD_IN.match(sentence) if may_announce else None
    if not found:
        return sentence
    behind = capital(found["next"])
    polite = is_polite(behind)
    if not (polite or signs.goodbye(behind) or (QUESTION.match(behind) and not ASKS.search(found["lead"]))):
        return sentence
    return " ".join(filter(None, (standing_clause(found["lead"]), "" if polite else behind)))
