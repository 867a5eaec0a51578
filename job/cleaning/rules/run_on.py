"""Where a courtesy may begin behind a sentence that lost its full stop: "Keep it dry for two weeks please let me know". Which
words are polite says forum.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.scrubbed import stands
from job.cleaning.rules.text import has_any, words

_BEGINS = pattern(
    r"\s+(?="
    r"(?:please|kindly|pls|plz)\s+(?:(?:do|also|always|just|don['’]?t|not)\s+)*(?:feel|let|hesitate|revert|get\s+back|write|come\s+back|upload|send|attach|"
    r"share|post|ask|contact|reply|follow|rate|vote)\b|"
    r"let\s+(?:me|us)\s+know\s+(?:if|in\s?case)\s|"
    r"(?:can|could|would)\s+(?:you|u)\s+(?:(?:please|kindly|also)\s+)*(?:upload|send|attach|share|post)\b|"
    r"(?:if|in\s?case)\s+(?:you|u)\s+(?:still\s+)?(?:have|need|want)\s+(?:any|more|further|other|some)\s[^.!?\n]{3,40}?\s(?:please|kindly|feel|ask|let|"
    r"write|contact|revert)\b)"
)
SIGNS = (
    *(
        " please ",
        " kindly ",
        " pls ",
        " plz ",
        "let me know ",
        "let us know ",
        " can you ",
        " could you ",
        " would you ",
    ),
    *(" if you ", "case you "),
)
"""Behind a lost stop one of these stands in small letters."""
_HANGS = pattern(
    r"\b(?:if|in\s?case|when|whenever|once|unless|until|after|while|or\s+else|otherwise)\b|[,;:]\s*should\b|^\W*(?:ask|tell|remind|request|inform|call|should|is|are|was|were|do|does|did|has|have|"
    r"had|can|could|would|will|may|what|how|where|which|who|why)\b|"
    r"\b(?:ask|say|says|said|tell|told|him|her|them|it\s+says|they|who|which|that|you|i|we|to|and|or|but|not|never|please|kindly|"
    r"doctor|nurse|vet|teacher|sister|brother|mother|father|wife|husband|friend)$|['’](?:d|ll)$"
)
"""A condition, a question, or a word that belongs to what is behind it."""
FEWEST_WORDS = 3


def places(sentence: str) -> Iterator[int]:
    """Where the words behind a sentence that stands may be a courtesy."""
    if not has_any(sentence, SIGNS):
        return
    for found in _BEGINS.finditer(sentence):
        before = sentence[: found.start()]
        if words(before) >= FEWEST_WORDS and not _HANGS.search(before) and stands(before):
            yield found.start()
