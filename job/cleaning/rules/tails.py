"""Requests within a sentence that says more: a tail that sends the reader back to the writer, a picture in place of a visit,
the lead of a list of questions. Data for forum.py."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.closings import CLAUSE
from job.cleaning.rules.signs import first_word
from job.cleaning.rules.text import capital, full_stop, has_any

_ME = r"(?:me|us)"
_ASKS_TOO = pattern(
    r"(?<=[,\s])(?:and|but)\s+(?:(?:also|please|kindly|then|do)\s+)*(?P<asks>(?:say|tell|mention|write|describe|specify|state|explain|clarify|note|let\s+(?:me|us)\s+know)\s+"
    r"(?:(?:me|us|here|also|exactly|clearly)\s+){0,2}(?:how\s+(?:long|often|many|much|far|deep|big|bad|old)|(?:which|where|when|what)"
    r"(?!\s+(?:it|this|that|they|these|those|i|we|you\s+(?:think|want|need|feel|find|decide|would|like)|next|else|happens?|comes?|more|(?:the|your|is|are|was|were)\s+(?:[\w-]+\s+)?(?:results?|reports?|"
    r"scans?|films?|images?|x-?rays?|tests?|findings?|outcome|progress|doctors?|radiologists?|quer\w+|questions?|concerns?|doubts?))\b))\s(?:(?!\bonline\b)[^.!?;:\n]){4,120})[.!\s]*$"
)
_ASKS_TOO_SIGNS = (" which ", " where ", " when ", " what ", " how ")
"""A question about the reader behind a request, without a verb of his: "and also say which leaf is pale"."""
_LATER = (
    r"(?:\s+(?:again|once\s+more|back|here|too|then|later|afterwards|soon|across|(?:in|after|within)\s+(?:an?|the|one|two|three|four|\d+|some|few)"
    r"(?:\s+(?:or\s+)?[\w-]+){1,2}|with\s+(?:it|them|the\s+(?:reports?|results?)|your\s+(?:reports?|results?))))*"
)
_WE_TALK = (
    r"(?:you\s+and\s+i|we)\s+(?![^.!?\n]*\bwith\s+(?!me\b|us\b|you\b))(?:can|will|shall|could|may)\s+(?:(?:then|both|together)\s+)*(?:go\s+over|discuss|talk\s+(?:about|over)|review|look\s+at)\s+"
    r"(?:what|it|this|that|them|these|the\s+(?:results?|reports?|findings))\b[^.!?\n,;:]{0,50}"
)
_DECIDES = (
    r"(?:(?:decide|judge|conclude|comment|assess|interpret|compare)\b(?!\s+with\b)|see\s+(?:if|whether|what|how)\b|"
    r"(?:tell|advise|guide|answer|suggest)(?=\s+(?:you|u|if|whether|what|how|which|better|further|accordingly)\b|\s*(?:[.!?]|$))|"
    r"(?:take|make|reach|form|give|come\s+to|arrive\s+at)\s+(?:an?|the|our|my)\s+(?:[\w-]+\s+){0,2}?(?:decision|conclusion|diagnosis|plan|opinion|judge?ment|"
    r"view|assessment|choice)\b)"
)
"""What the writer does with what he was sent, and no reader is told to do."""
_PURPOSE = r"\bso\s+(?:that\s+)?(?:i|we)\s+(?:can|could|may|might|will|would|shall)"
_TO_THE_NEXT = r"(?:(?!\b(?:and|or|but)\b)[^.!?,;:\n])"
ALSO_FOR = pattern(
    rf"(?P<purpose>{_PURPOSE}\s+{_TO_THE_NEXT}{{2,60}}?)(?:,\s+{_DECIDES}{_TO_THE_NEXT}{{0,40}}?)*(?:,?\s+and\s+(?:then\s+)?{_DECIDES}{_TO_THE_NEXT}{{0,80}})+"
    r"(?=\s(?:and|or|but)\b|[.!?,;:\n]|$)"
)
"""A purpose of the writer with more verbs: "so that we may look and take a decision"."""
_TO_ME = (
    r"(?:share|send|upload|attach|post|forward|mail)\s+(?:it|them|the\s+(?!child|baby|boy|girl|patient)\w+)(?:\s+(?:here|too|across|over|(?:on\s+)?to\s+(?:me|us)))?\s+"
    rf"{_PURPOSE}\s+(?:(?!\b(?:or|but)\b|\band\s+(?!(?:the|its|your|his|her|how|whether|if|what)\b|{_DECIDES}))[^.!?,;:\n]){{2,80}}\W*$"
)
_RECORD = pattern(
    r"\W*(?:if|in\s+case)\s+(?:(?:you|he|she)\s+(?:(?:already|still)\s+)?(?:have|has|had|got)|there\s+(?:is|are|was)|[^.!?,;:\n]{2,50}\s(?:is|are|was|were|been)\s+(?:already\s+)?"
    rf"(?:done|taken|made|performed|recorded|available|there))\b"
    rf"[^.!?,;:\n]{{0,40}}?(?:,\s+|\s+(?=(?:then|please|kindly)\s))(?:(?:then|please|kindly|do|also)\s+)*{_TO_ME}"
)
"""A record to be sent, if there is one: whether there is says nothing of the reader."""
BACK = pattern(
    r"\W*(?:then\s+|please\s+|kindly\s+|also\s+)*(?:"
    rf"(?:see|meet|visit|consult)\s+{_ME}|(?:report|come|get|revert|write)(?:\s+back)?\s+to\s+{_ME}|(?:check\s+in|follow\s+up|review)\s+with\s+{_ME}|"
    rf"show\s+{_ME}\s+(?:it|(?:the|your|his|her)\s+[\w-]+)\s+(?:again|once\s+more)|"
    rf"(?:e?-?mail|send|text|message|bring|tell)\s+{_ME}\s+(?:(?:the|your|all|those|these)\s+)+(?:[\w-]+\s+)?(?:values?|readings?|results?|reports?|numbers|findings|diary|outcome)|"
    rf"(?:e?-?mail|bring|fax|post|forward|show|text|send)\s+(?:it|them|this|these|that|those)(?:\s+(?:across|over|back|along|on))*(?:\s+to)?\s+{_ME}"
    rf"){_LATER}\W*$|"
    rf"\W*(?:please\s+|kindly\s+)*(?:review|report|check\s+in)(?:\s+back)?\s+(?:with|to)\s+{_ME}\s+(?:once|when|after|as\s+soon\s+as)\s+(?:(?!\bif\b)[\w'-]+\s*){{1,6}}\W*$|"
    rf"\W*(?:once\s+(?:the|your|his|her)\s+[\w-]+(?:\s+[\w-]+)?\s+(?:is|are)\s+(?:back|here|ready|available|in|done),?\s+)?(?:then\s+)?{_WE_TALK}\W*$|"
    rf"\W*(?:if|in\s+case)\b[^.!?,;:\n]{{2,60}},\s+(?:(?:then|please|kindly)\s+)*{_TO_ME}"
)
"""Back to the writer: "see me once more in a month", "mail it across to us afterwards"."""
_BACK_BEGINS = frozenset(
    """then please kindly also see meet visit consult report come get revert write check follow review e email mail bring
    fax post forward show text send message tell once you we if in""".split()
)
"""First words of these: most sentences begin otherwise, and need not be looked at further."""
_BACK_SIGNS = (" me", " us", " i ", "we ")

_AFTER_WHICH = pattern(
    r",?\s+after\s+which,?\s+(?:you\s+and\s+i|i|we)\s+(?:can|will|shall|could|may)\s+(?:(?:then|both|together)\s+)*(?:go\s+over|discuss|talk|review|look\s+at|see)\b"
    r"[^.!?\n,;:]{0,60}(?=\s*(?:[.!?…]|$))"
)
_PICTURE = (
    r"(?:share|send|upload|attach|post)\s+(?:an?\s+|the\s+|some\s+|your\s+)?(?:clear\s+|good\s+)?(?:photos?|pictures?|images?|pics?)"
    r"(?:\s+(?:here|with\s+(?:me|us)|of\s+(?:it|them)))*"
)
_EITHER = pattern(
    rf"\beither\s+(?P<visit>(?:visit|see|consult|go\s+to|meet)\s[^.,;:!?\n]{{2,60}}?)\s+or\s+{_PICTURE}(?=\s*[.,;!]|\s*$)"
)
_I_WISH = pattern(
    r"\bi\s+(?:only\s+)?wish\s+(?:that\s+)?you\s+(?:could|would|can)\s+(?:share|send|upload|attach|post|show)\s+[^.,;:!?\n]{3,60}?\s+or\s+"
    r"(?=(?:repeat|get|have|do|take|undergo|consult|see|visit)\s+(?!(?:it|them|him|me|us|(?:[\w-]+\s+){0,2}ones?|again|once|here|now)\b|"
    r"(?:this|that|these|those|another|some|any|both|the\s+(?:same|others?))\b\s*(?:[^\w\s]|$|(?:again|done|here|too|instead|soon|first|with|in|at|for|if)\b)))"
)
"""Behind "or" stands a thing of its own: of "or repeat it" the other half says what "it" is."""
INSIDE = (
    "or share ",
    "or send ",
    "or upload ",
    "or attach ",
    "or post ",
    "i wish you ",
    "i wish that you ",
    "after which ",
)
"""Such a part of a sentence holds one of these."""

_MORE = (
    r"(?:(?:some|a\s+few|few|a\s+little|more|extra|further|additional|other|certain|your|detailed|important|basic)\s+)+"
)
_NEWS = r"(?:informations?|info|details|history|questions|answers|inputs|points|clarifications?|data)"
_FOR = r"(?:\s+(?:to|for|before|so\s+that|in\s+order|from|about|of|on)\s[^.!?:;\n]{2,70})?"
_LIST_OF_QUESTIONS = pattern(
    r"(?:^|(?<=[.!?]\s))(?:(?:but|and|so|first|however),?\s+)?(?:"
    r"(?:(?:to|for)\s[^.!?:;\n]{2,50}?,?\s+)?(?:i|we)\s+(?:(?:would|will|do|also|still)\s+)*(?:need|require|want|like)\s+"
    rf"(?:to\s+(?:know|have|ask(?:\s+you)?)\s+)?{_MORE}{_NEWS}{_FOR}|"
    rf"{_MORE}{_NEWS}\s+(?:is|are|will\s+be|would\s+be)\s+(?:required|needed|necessary){_FOR}|"
    rf"(?:please|kindly)\s+(?:(?:go\s+through|read|answer|reply\s+to|consider|note|follow)\s+(?:these|the\s+following|the\s+below|my)(?:\s+(?:points|questions|queries))?|"
    rf"(?:provide|give|tell|share|mention|answer|send)\s+(?:me\s+)?(?:with\s+)?(?:these|the\s+following)\s+{_NEWS}))"
    r"\s*[:.–-]+\s+(?=1\s?[.)]\s)"
)
_FIRST = (" 1.", " 1)", " 1 .", " 1 )")


def is_back(clause: str) -> bool:
    """Whether a clause only sends the reader back to the writer."""
    return first_word(clause) in _BACK_BEGINS and has_any(clause.lower(), _BACK_SIGNS) and bool(BACK.match(clause))


def asked_too(sentence: str) -> re.Match[str] | None:
    """Where a question of its own stands behind a request: "and also say which leaf is pale"."""
    return _ASKS_TOO.search(sentence) if has_any(sentence, _ASKS_TOO_SIGNS) else None


def asks_for_record(sentence: str) -> bool:
    """Whether a sentence asks for a record, if there is one, and says what the writer will do with it."""
    return " so " in sentence and bool(_RECORD.match(sentence))


def first_clause(sentence: str, end: re.Match[str]) -> tuple[int, int]:
    """Where the first clause of a sentence ends and the next one begins; the verbs of one purpose are no clauses."""
    purpose = ALSO_FOR.search(sentence) if " so " in sentence else None
    if not purpose or end.start() < purpose.start():
        return end.span()
    behind = CLAUSE.match(sentence, purpose.end())
    return behind.span() if behind else (len(sentence), len(sentence))


def without_lead(text: str) -> str:
    """The text without what asks for the answers to a list of questions: "I need some more details: 1. Do you smoke?"."""
    return _LIST_OF_QUESTIONS.sub("", text) if has_any(text, _FIRST) else text


def without_picture(sentence: str) -> str:
    """A sentence without the picture that could be sent in the place of what it advises."""
    lowered = sentence.lower()
    if not has_any(lowered, INSIDE):
        return sentence
    sentence = _AFTER_WHICH.sub("", sentence)
    sentence = _EITHER.sub(lambda found: capital(found["visit"]) if found[0][0] == "E" else found["visit"], sentence)
    if wish := _I_WISH.search(sentence):
        before, rest = sentence[: wish.start()].rstrip(), capital(sentence[wish.end() :])
        return f"{full_stop(before)} {rest}" if before else rest
    return sentence
