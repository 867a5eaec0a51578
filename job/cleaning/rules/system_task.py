"""Whether a system prompt asks for answers that are a text of their own: translations, e-mails, the words of a role.

Narrower than what a question may ask for (kinds.py), because one prompt decides for all rows: "Write a response to
the request" and "Answer the questions of patients" stand above forum posts as well.
"""

from __future__ import annotations

import functools
import re

_BEGIN = (
    r"(?:^|[.!?:\n]\s*|\b(?:you|to|who|that|please|then|only)\s+)"
    r"(?:(?:always|will|must|should|can|politely|kindly|please)\s+){0,2}"
)
"""Where a verb says what is to be done: at the beginning of a sentence, or behind whom it tells to do it."""
_CHANGES = r"(?:translate|paraphrase|rephrase|rewrite|reword|proofread|transcribe)s?\b"
_WRITES = (
    r"(?:answer|reply(?:\s+to)?|replies\s+to|respond\s+to|write|draft|compose|generate|create|compile|correct|edit)s?"
)
_WORK = (
    r"(?:letters?|e-?mails?|mails?|memos?|invitations?|speech(?:es)?|toasts?|poems?|haikus?|sonnets?|limericks?|songs?|lyrics|verses?|"
    r"stor(?:y|ies)|dialogues?|scripts?|scenes?|essays?|greetings?|tweets?|adverts?|cards?|newsletters?|announcements?|press\s+releases?)"
)
_TASK = re.compile(
    rf"{_BEGIN}(?:{_CHANGES}|{_WRITES}\b(?:[^\w.,;:!?\n]+(?!(?:about|on|regarding|concerning|of)\b)[\w'’-]+){{0,6}}?[^\w.,;:!?\n]+{_WORK}\b)|"
    r"\b(?:an?|the|as|professional|expert)\s+(?:[\w-]+\s+){0,3}(?:translator|interpreter|proofreader|ghostwriter|poet|copywriter)\b|"
    r"\brole-?\s?play|\b(?:in|of|break)\s+character\b|\bpretend\s+(?:to\s+be|that\s+you|you)\b|\bplay(?:ing)?\s+the\s+(?:role|part)\s+of\b",
    re.IGNORECASE,
)
READ = 2000
"""Characters of a prompt that are read."""


@functools.lru_cache(maxsize=256)  # many rows share a prompt
def asks_for_work(system: str) -> bool:
    return bool(_TASK.search(system[:READ]))
