"""Texts whose courtesy, names and ends are their content: letters, dialogues, quotations, and phrases that are asked for.
What a question asks to be written stands in kinds.py."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import has_any, words, words_asked

STAND_IN = "Yes."
"""Stands where a text has no question, or a question is answered by a call. No rule changes it or drops it."""
NO_QUESTION = ("", STAND_IN)

_SALUTATION = re.compile(
    r"(?:dear|hello|hi|hey|my\s+dear(?:est)?|to\s+whom\s+it\s+may\s+concern)\b"
    r"[^\n.!?]{0,60}(?:\b(?:mrs?|ms|dr|prof|st)\.[^\n.!?]{1,40})?[,:!]?[ ]*\n",
    re.IGNORECASE,
)
SALUTED_WITHIN = 600
_CLOSE = re.compile(
    r"^[ \t]*(?:with\s+)?(?:(?:(?:my|our|best|kind|kindest|warm|warmest|many|much|all)\s+)*(?:regards|wishes|thanks|love)|"
    r"(?:yours?\s+)?(?:very\s+)?(?:sincerely|faithfully|truly|respectfully|affectionately|ever)(?:\s+yours)?|"
    r"yours|best|cheers|thank\s+you)[ \t]*[,.!]?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
CLOSED_WITHIN = 250
"""Characters at the end of a letter in which its close stands."""

_SPOKEN = re.compile(
    r"^[ \t*_]*(?:([A-Z][\w.'’-]{0,30}(?: [A-Z#\d][\w.'’-]{0,30}){0,2})[ \t*_]{0,4}:[*_]{0,4}[ \t]+\S|"
    r"([A-Z][A-Z.'’-]{1,30}(?: [A-Z.'’-]{1,30}){0,2})[ \t]*(?:\([^)\n]{1,30}\))?\n(?=\S))",
    re.MULTILINE,
)
"""A line of a dialogue: "Anna: ...", or a name in capitals above it."""
LONGEST_NAME, FEWEST_TURNS = 60, 3

_ASKS_QUOTE = pattern(
    r"\b(?:(?:an?|some|any|your|favou?rite|famous|best|\w+ing|\w+al|\w+ous)\s+quot(?:e|es|ations?)\b(?!\s+(?:for|on)\b)|"
    r"quot(?:e|es|ations?)\s+(?:about|by|of|from|that)\b|sayings?|proverbs?|aphorisms?|maxims?|mottos?|epigraphs?|words\s+of\s+wisdom|"
    r"(?:famous|last|first|opening|closing)\s+(?:words?|lines?)|line\s+from|who\s+(?:said|wrote|sang)|which\s+line)\b"
)
_ASKS_PHRASE = pattern(
    r"\bwhat\s+(?:does|do|did|would|will|should|could|can|must)\s+(?:(?!you\b|u\b|it\b)[\w'’-]+\s+){1,4}"
    r"(?:say|shout|cry|call\s+out|reply|answer)\b(?!\s+about)|"
    r"\bwhat\s+(?:do|should|would|can)\s+you\s+say\s+(?:to|when|if|in|after|before)\b|"
    r"\bhow\s+(?:do|would|can|does)\s+(?:you|i|we|one|people)\s+say\b|"
    r"\bhow\s+(?:(?:do|should|can|would)\s+(?:you|i|we|one)|to)\s+(?:reply|respond|answer|greet|say|close|end|thank|sign\s+off)\b|"
    r"\bwhat\s+does\s+[\"'“‘][^\"\n]{1,60}[\"'”’]\s+mean\b|\bsay\s+(?:hi|hello|thanks|thank\s+you|sorry|goodbye|bye)\b|"
    r"\b(?:which|an?)\s+(?:\w+\s+)?(?:greeting|phrase|word|sentence|expression|answer|closing|sign-?off|reply)\b|"
    r"\b(?:complete|fill\s+in|finish\s+(?:the|this)|(?:an?|some)\s+examples?\s+of|rewrite|rephrase|paraphrase)\b|"
    r"\btranslat\w+\b|\b(?:in|into)\s+english\s*[?.:]|\bopposite\s+of\b|"
    r"\b(?:what\s+is|what['’]s)\s+(?:the\s+(?:english|word|translation|phrase)\b|[\"'“‘][^\"\n]{1,60}[\"'”’]\s+in\s+\w+)"
)
_QUOTE_SIGNS = ("quot", "saying", "proverb", "aphorism", "maxim", "motto", "epigraph", "word", "line", "who ")
_PHRASE_WORDS = frozenset(
    """say shout cry call reply respond answer greet greeting close closing end thank sign signoff phrase word sentence
    expression complete fill finish example examples rewrite rephrase paraphrase english opposite translation""".split()
)
_PHRASE_SIGNS = ("translat", '"', "'", "“", "‘")
LONGEST_PHRASE = 160
"""Characters of an answer that can be a phrase or a quotation as a whole, and of the question that asks for it."""
_ATTRIBUTED = re.compile(r"[.!?…\"'”’\w]\s+[–—~-]{1,2} ?[A-ZÀ-ÖØ-Þ][^\n.!?]{1,60}$")
"""A quotation's author at the end, behind a dash."""
_ANNOUNCED = re.compile(
    r"\W*(?:(?:sure|certainly|of\s+course|yes)\W+)?here(?:\s+is|['’]s)\s+(?:one|an?\s+(?:\w+\s+)?(?:quot\w+|saying|proverb|line))\b[^:\n]{0,40}:\s",
    re.IGNORECASE,
)
"""A quotation that the answer itself announces, whatever was asked."""
_CONTACT = re.compile(r"@|(?:\d[\s().-]{0,2}){6}\d")
"""What may be hidden from the rules for contact data does not hold this."""
MOST_QUOTED = 60
"""Words of a text without a question that can be a quotation with its author."""


def is_letter(question: str, text: str) -> bool:
    """Whether a text without a question is a letter: a salutation on a line of its own at the beginning, and a close. An answer
    with both is a forum's."""
    if question not in NO_QUESTION or "\n" not in text:
        return False
    head = text[:SALUTED_WITHIN]
    saluted = _SALUTATION.match(head) or any(_SALUTATION.match(head, at + 1) for at in _line_ends(head))
    return bool(saluted and _CLOSE.search(text, max(0, len(text) - CLOSED_WITHIN)))


def _line_ends(text: str) -> list[int]:
    return [at for at, letter in enumerate(text) if letter == "\n"]


def is_dialogue(text: str) -> bool:
    """Whether at least two speak in turn, one of them again."""
    if text.count("\n") < FEWEST_TURNS - 1:
        return False
    lines = [line for line in text.split("\n") if ":" in line[:LONGEST_NAME] or line.isupper()]
    if len(lines) < FEWEST_TURNS:
        return False
    speakers = [name or above for name, above in _SPOKEN.findall(text)]
    if len(speakers) < FEWEST_TURNS or len(set(speakers)) < 2:
        return False
    return any(
        first == third != second for first, second, third in zip(speakers, speakers[1:], speakers[2:], strict=False)
    )


def is_quotation(question: str, text: str) -> bool:
    """Whether a text is a quotation, or a phrase that the question asks for: it keeps its author and its courtesy."""
    if len(question) > LONGEST_PHRASE:
        return False
    tail = text[-LONGEST_PHRASE:].rstrip()
    return _is_quoted(question, text, tail) and not _CONTACT.search(tail)


def _is_quoted(question: str, text: str, tail: str) -> bool:
    attributed = has_any(tail, "–—~-") and _ATTRIBUTED.search(tail)
    if question in NO_QUESTION:
        return bool(attributed) and words(text) <= MOST_QUOTED
    if not (attributed or len(text) <= LONGEST_PHRASE):
        return False
    if attributed and _ANNOUNCED.match(text):
        return True
    lowered = question.lower()
    if has_any(lowered, _QUOTE_SIGNS) and _ASKS_QUOTE.search(lowered):
        return True
    if len(text) > LONGEST_PHRASE or (
        _PHRASE_WORDS.isdisjoint(words_asked(question)) and not has_any(lowered, _PHRASE_SIGNS)
    ):
        return False
    return bool(_ASKS_PHRASE.search(lowered))
