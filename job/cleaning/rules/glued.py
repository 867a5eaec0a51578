"""Spaces that were lost after a greeting, thanks or a sign-off: "HelloThanks for asking"."""

from __future__ import annotations

import re

from job.cleaning.rules import boilerplate
from job.cleaning.rules.rule import Field

EDGE = 320
"""Characters at either end in which a space may be put back."""
BEHIND_EDGE = EDGE + 1


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
        text[:1].lower() in GLUED_LETTERS and bool(boilerplate.GLUED_SMALL.match(text))
    )


def _capital_inside(text: str) -> re.Match[str] | None:
    """Where a capital stands behind a letter at either end; the middle of a long text is not looked at."""
    return boilerplate.GLUED.search(text, 0, BEHIND_EDGE) or boilerplate.GLUED.search(text, _last_edge(text))


def _last_edge(text: str) -> int:
    return max(BEHIND_EDGE, len(text) - EDGE + 2)


def separated(text: str) -> str:
    """The text with the spaces that were lost after boilerplate at either end."""
    glued = boilerplate.GLUED_SMALL.match(text)
    if glued:
        text = f"{text[: glued.end()]} {text[glued.end() :]}"
    text = GLUED_HOPE.sub(". hope", text)
    matches = (
        *boilerplate.GLUED.finditer(text, 0, BEHIND_EDGE),
        *boilerplate.GLUED.finditer(text, _last_edge(text)),
    )
    places = [match.start() for match in matches]
    for place in reversed(places):
        word = boilerplate.WORD_BEFORE.search(text, max(0, place - 15), place)
        behind = boilerplate.WORD_BEHIND.match(text, place)
        if not word or not behind:
            continue
        wishes = behind[0] == "Hope" and word[1].islower() and not text[behind.end() :].strip(" .!…")
        if wishes or (word[1] in boilerplate.GLUED_WORDS and not _is_name(word[1], behind[0])):
            text = f"{text[:place]}. {text[place:]}"
    return text


def _is_name(word: str, behind: str) -> bool:
    """Whether two words make a name: "HealthMagic". After a greeting a sentence may begin with any word."""
    return word in boilerplate.GLUED_NAMES and not boilerplate.STARTS_ALONE.fullmatch(behind)
