"""Spaces that were lost after a greeting, thanks or a sign-off: "HelloThanks for asking"."""

from __future__ import annotations

from job.cleaning.rules import boilerplate
from job.cleaning.rules.rule import Field

EDGE = 320
"""Characters at either end in which a space may be put back."""


def lost_blank(field: Field) -> str:
    return separated(field.text)


_SHAPES = bytes(
    ord("I" if letter in "IO" else "A" if "A" <= letter <= "Z" else "a" if "a" <= letter <= "z" else " ")
    for letter in map(chr, range(256))
)
GLUED_LETTERS = ("h", "d", "t", "w")
_GLUED_SHAPES = (b"aA", b"aI", b"II", b"IA")


def may_lack_a_blank(text: str) -> bool:
    """Whether there is what boilerplate.GLUED or GLUED_SMALL finds, in a fifth of the time."""
    shape = text.encode("utf-8", "surrogatepass").translate(_SHAPES)
    return any(map(shape.__contains__, _GLUED_SHAPES)) or (
        text[:1].lower() in GLUED_LETTERS and bool(boilerplate.GLUED_SMALL.match(text))
    )


def separated(text: str) -> str:
    """The text with the spaces that were lost after boilerplate at either end."""
    glued = boilerplate.GLUED_SMALL.match(text)
    if glued:
        text = f"{text[: glued.end()]} {text[glued.end() :]}"
    places = [
        match.start()
        for match in boilerplate.GLUED.finditer(text)
        if match.start() <= EDGE or match.start() > len(text) - EDGE + 1
    ]
    for place in reversed(places):
        word = boilerplate.WORD_BEFORE.search(text, max(0, place - 15), place)
        behind = boilerplate.WORD_BEHIND.match(text, place)
        if word and behind and word[1] in boilerplate.GLUED_WORDS and not _is_name(word[1], behind[0]):
            text = f"{text[:place]}. {text[place:]}"
    return text


def _is_name(word: str, behind: str) -> bool:
    """Whether two words make a name: "HealthMagic". After a greeting a sentence may begin with any word."""
    return word in boilerplate.GLUED_NAMES and not boilerplate.STARTS_ALONE.fullmatch(behind)
