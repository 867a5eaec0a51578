"""Brand names, and the rules for sentences that a forum spoilt by scrubbing its own name (see scrubbed.py, eaten.py). Knows no
brand; their names are options."""

from __future__ import annotations

import functools
import re

from job.cleaning.rules import eaten, scrubbed
from job.cleaning.rules.boilerplate import BRAND, GLUED_BRAND
from job.cleaning.rules.rule import Field, Row
from job.cleaning.rules.text import words

_PATH_BEHIND = re.compile(rf"{BRAND}(?:(?:/[\w-]+)+|(?:\\|['’])s\b)")
"""A page of the forum's own, or what it has: "OurForum/ask-a-gardener", "OurForum's"."""

_HORMONE = re.compile(rf"\b(?P<beta>[Bb]eta[- ]?){BRAND}(?= (?:titles|titers|titres|levels?|values?|tests?)\b)")
"""Behind it stands the hormone's name, "beta-hCG", to which some forums' scrubbing put its own."""
_IN_A_WORD = re.compile(rf"{BRAND}(?<=[a-z]{BRAND})(?=[a-z])")
"""A name in the middle of a word took the place of an address's end: "h com" of "with combination". The name stands first, so
that the search looks for its letters."""


def brand_pattern(brand: str) -> re.Pattern[str]:
    """`ChatDoctor` also finds `Chat Doctor`, `chat  doctor`, `Chat-Doctor` and `ChatDoctorI`."""
    name = r"[\s-]*".join(map(re.escape, _parts(brand)))
    first, rest = brand[0], name[len(re.escape(brand[0])) :]
    # A name may be followed by the capital of a word that lost its space, never by a small letter. The first letter is a
    # class of its own, and the lookbehind stands after it, so that the search looks for that letter alone.
    domain = r"(?:(?i:\.(?:com|om|cm|co))(?![a-z]))?"  # misspelt too, or "Om." is left
    pattern = rf"[{re.escape(first.upper() + first.lower())}](?<![A-Za-z].)(?i:{rest}){domain}(?![a-z])"
    if not brand.islower():
        pattern += rf"|{re.escape(first)}(?<=[a-z].){re.escape(brand[1:])}"  # "witChatDoctorbination"
    return re.compile(pattern)


def _parts(brand: str) -> list[str]:
    """`ChatDoctor` -> Chat, Doctor; `MDHelp` -> MD, Help."""
    return re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^A-Z\s]+|[A-Z]+", brand)


@functools.lru_cache(maxsize=8)
def _patterns(brands: tuple[str, ...]) -> list[tuple[str, str, re.Pattern[str]]]:
    """First and last part of each brand in small letters, and its pattern."""
    return [(_parts(brand)[0].lower(), _parts(brand)[-1].lower(), brand_pattern(brand)) for brand in brands]


def brand_name(field: Field) -> str:
    """The text with each brand name as one word, and with the spaces that were lost after it. So later rules need not know
    how a name is spelt."""
    lowered = field.lowered
    if BRAND not in lowered:
        for first, last, _ in _patterns(field.options.brands):
            if last in lowered and first in lowered:
                break
        else:
            return field.text
    return _named(field.text, field.options.brands)


@functools.lru_cache(maxsize=2)  # what a cut at an end shows is looked for, and then asked for again by the rule
def _named(text: str, brands: tuple[str, ...]) -> str:
    lowered = text.lower()
    for first, last, pattern in _patterns(brands):
        if last in lowered and first in lowered:
            text = pattern.sub(BRAND, text)
    if BRAND not in text:
        return text
    text = _PATH_BEHIND.sub(BRAND, _IN_A_WORD.sub("h com", text))
    if "eta" in text:
        text = _HORMONE.sub(r"\g<beta>hCG", text)
    return GLUED_BRAND.sub(f"{BRAND}. ", text).replace(f"{BRAND}.come have", f"{BRAND}. I have")


def scrubbed_word(field: Field) -> str:
    """The text with the words that a brand name ate, where there is no doubt which."""
    return eaten.completed(field.text) if BRAND in field.text else field.text


def scrubbed_sentence(field: Field) -> str:
    """The text without what a brand name spoilt: of a sentence that holds one, only clauses stay that stand by themselves.

    The asker's words stay: from a question they go only where two thirds of it are left.
    """
    if field.name == "question":
        named = brand_name(field)
        if BRAND in named and words(rest := scrubbed.without_scrubbed(named)) * 3 >= words(named) * 2:
            return rest
        return field.text
    if BRAND not in field.text:
        return field.text
    rest = scrubbed.without_scrubbed(field.text)
    field.scrubbed_words += words(field.text) - words(rest)
    return rest


def mostly_scrubbed(row: Row) -> bool:
    """Whether more than a third of the answer was scrubbed sentences; if nothing is left, another rule says so."""
    scrubbed, left = row.answer.scrubbed_words, words(row.answer.text)
    return left > 0 and scrubbed * 3 > scrubbed + left
