"""Where a courtesy may begin behind a sentence that lost its full stop: "Keep it dry for two weeks please let me know". Which
words are polite says forum.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.scrubbed import stands
from job.cleaning.rules.text import has_any, words

_ASKED = r"(?:quer(?:y|ies)|questions?|doubts?|concerns?|clarifications?|information|details|help|assistance)"
_INVITES = r"(?:please|kindly|pls|plz|do|feel|ask|let|write|contact|revert|get\s+back)\b"
_BEGINS = pattern(
    r"\s+(?="
    r"(?:please|kindly|pls|plz|do)\s+(?:(?:also|always|just|do|don['’]?t|not)\s+)*(?:feel|let|hesitate|revert|get\s+back|write|come\s+back|upload|send|attach|"
    r"share|post|ask|contact|reply|follow|rate|vote|give|leave|accept|click|close|mark|consult\s+(?:me|us))\b|"
    r"let\s+(?:me|us)\s+know\s+(?:if|in\s?case)\s|"
    r"(?:(?:can|could|would)\s+(?:you|u)|you\s+(?:can|may))\s+(?:(?:please|kindly|also)\s+)*(?:upload|send|attach|share|post|(?:ask|contact|consult)\s+(?:me|us))\b|"
    rf"(?:(?:if|in\s?case)\s+(?:you|u)\s+(?:still\s+)?(?:have|need|want)\s+(?:any|more|further|other|some)|(?:(?:if|for|in\s+case\s+of)\s+)?(?:any|more|further)(?=[\w\s]{{0,40}}?\s{_ASKED}))"
    rf"\s[^.!?\n]{{3,40}}?\s{_INVITES}|"
    r"(?:(?:i|we)\s+)?(?:(?:will|would|shall)\s+(?:always\s+)?be|am|are)\s+(?:always\s+|more\s+than\s+)*(?:happy|glad|pleased|here)\s+to\s+(?:help|assist|answer|guide)\s+(?:you|u|your|any)\b)"
)
SIGNS = (
    *(
        " please ",
        " kindly ",
        " pls ",
        " plz ",
        " do ",
        "let me know ",
        "let us know ",
        " can you ",
        " could you ",
        " would you ",
    ),
    *(
        " if ",
        "case ",
        " you can ",
        " you may ",
        " any ",
        " more ",
        " further ",
        " to help ",
        " to assist ",
        " to answer ",
        " to guide ",
    ),
)
"""Behind a lost stop one of these stands in small letters."""
_HANGS = pattern(
    r"\b(?:if|in\s?case|when|whenever|once|unless|until|after|while|or\s+else|otherwise)\b|[,;:]\s*should\b|^\W*(?:ask|tell|remind|request|inform|call|should|is|are|was|"
    r"were|do|does|did|has|have|had|can|could|would|will|may|what|how|where|which|who|why)\b|"
    rf"\b(?:any|more|further)\s+(?:\w+\s+){{0,2}}{_ASKED}$|"
    r"\b(?:ask|say|says|said|tell|told|him|her|them|they|who|which|that|you|i|we|to|and|or|but|not|never|please|kindly|do|does|did|also|always|just|"
    r"then|for|doctor|nurse|vet|teacher|sister|brother|mother|father|wife|husband|friend)$|['’](?:d|ll)$"
)
"""A condition, a question, or a word that belongs to what is behind it."""
FEWEST_WORDS = 3
LONGEST = 1000
"""Characters of such a sentence: of a text without stops nothing is looked for."""


def places(sentence: str) -> Iterator[int]:
    """Where the words behind a sentence that stands may be a courtesy."""
    if len(sentence) > LONGEST or not has_any(sentence, SIGNS):
        return
    for found in _BEGINS.finditer(sentence):
        before = sentence[: found.start()]
        if words(before) >= FEWEST_WORDS and not _HANGS.search(before) and stands(before):
            yield found.start()
