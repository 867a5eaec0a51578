"""Spaces that were lost after a greeting, thanks or a sign-off: "HelloThanks for asking"."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import STARTS, pattern
from job.cleaning.rules.rule import Field

EDGE = 320
"""Characters at either end in which a space may be put back."""
BEHIND_EDGE = EDGE + 1


# "HelloThanks", "askingHistory": a space is lost after one of these words where another such word begins.
_GLUED_WORDS = frozenset(
    """Thank thanks thank Welcome welcome hello hi hey Sir sir Madam Greetings greetings Morning morning Hello HELLO Hi Hey
    Dear dear Thanks you Regards Welcome Query query Question question Concern concern Help help Asking asking Posting
    posting Forum forum Clarification clarification Clarifications clarifications Care care Health health Helps helps
    Soon soon Luck luck""".split()
)
_GLUED_NAMES = frozenset("Query Question Concern Help Asking Posting Forum Care Health Helps Soon Luck".split())
"""Of these words, those that names in one word begin with."""
_STARTS_ALONE = re.compile(STARTS)
_WORD_BEFORE = re.compile(r"(?<![A-Za-z\"'`(_./])([A-Za-z]+)$")
_WORD_BEHIND = re.compile(
    r"(?:For|Dr|Sir|We|My|How|Thanks?|Welcome|Hope|Regards|Take|I|You|Your|The|It|As|In|(?!World\b)[A-Z][a-z]{3,})\b"
)
GLUED_SMALL = pattern(
    r"^(?:(?:hi|hello|hey|dear)(?=(?:this|that|these|thanks?|regarding|your?|there|according|please|welcome|dear|doctor|sir|madam|how|"
    r"what|based|after)\b)|thank(?:s|you)(?=(?:for|so|a)\b)|welcome(?=to\b))"
)
"""The same in small letters, at the beginning alone: "hithis", "thanksfor"."""
GLUED = re.compile(r"[A-Z](?<=[a-zIO].)")
"""A text without this sign lost no space. The capital stands first because a text has few of them: 1 us a row instead of 10."""


def lost_blank(field: Field) -> str:
    return separated(field.text)


GLUED_LETTERS = ("h", "d", "t", "w")
"""First letters of GLUED_SMALL."""


GLUED_HOPE = re.compile(
    r"hope(?<=[a-z]{3}hope)(?<!alsohope)(?<!andhope)(?<!justhope)(?<!reallyhope)(?=\W{0,4}$|"
    r"\s(?:(?:this|that|it|my\sanswer)\s(?:helps?|helped|is\s(?:helpful|useful)|(?:will|would|may)\shelp|has\shelped|answers)|"
    r"(?:[Ii]|we)\s(?:have\s|was\s|were\s)?(?:answered|helped|helpful|able\sto|of\shelp)|"
    r"you\s(?:get|feel|will|are|recover|have\sunderstood|understood|got))\b)"
)
"""A wish behind a word: "nutshope this helps"."""


def may_lack_a_blank(text: str) -> bool:
    return bool(_capital_inside(text) or ("hope" in text and GLUED_HOPE.search(text))) or (
        text[:1].lower() in GLUED_LETTERS and bool(GLUED_SMALL.match(text))
    )


def _capital_inside(text: str) -> re.Match[str] | None:
    """Where a capital stands behind a letter at either end; the middle of a long text is not looked at."""
    return GLUED.search(text, 0, BEHIND_EDGE) or GLUED.search(text, _last_edge(text))


def _last_edge(text: str) -> int:
    return max(BEHIND_EDGE, len(text) - EDGE + 2)


def separated(text: str) -> str:
    """The text with the spaces that were lost after boilerplate at either end."""
    glued = GLUED_SMALL.match(text)
    if glued:
        text = f"{text[: glued.end()]} {text[glued.end() :]}"
    text = GLUED_HOPE.sub(". hope", text)
    matches = (
        *GLUED.finditer(text, 0, BEHIND_EDGE),
        *GLUED.finditer(text, _last_edge(text)),
    )
    places = [match.start() for match in matches]
    for place in reversed(places):
        word = _WORD_BEFORE.search(text, max(0, place - 15), place)
        behind = _WORD_BEHIND.match(text, place)
        if not word or not behind:
            continue
        wishes = behind[0] == "Hope" and word[1].islower() and not text[behind.end() :].strip(" .!…")
        if wishes or (word[1] in _GLUED_WORDS and not _is_name(word[1], behind[0])):
            text = f"{text[:place]}. {text[place:]}"
    return text


def _is_name(word: str, behind: str) -> bool:
    """Whether two words make a name: "HealthMagic". After a greeting a sentence may begin with any word."""
    return word in _GLUED_NAMES and not _STARTS_ALONE.fullmatch(behind)
