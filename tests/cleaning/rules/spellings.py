"""What a pattern can match, spelt out from its parse tree: for tests that a sign or a list of words leaves nothing out."""

from __future__ import annotations

import re._constants as codes  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from typing import Any

MOST_REPEATS = 3


def spellings(pattern: str) -> set[str]:
    """All that a pattern without open ends matches, in small letters; a blank stands for any."""
    return _walk(parser.parse(pattern, 2), {""}, first_word=False)


def first_words(pattern: str) -> set[str]:
    """The first words of all that a pattern matches, in small letters; a star stands for any letters at the end of one."""
    return {text.strip() for text in _walk(parser.parse(pattern, 2), {""}, first_word=True)}


def _walk(tree: Any, texts: set[str], *, first_word: bool) -> set[str]:
    """The texts with what the tree adds to them. A first word that is complete ends with a blank, and nothing is added to it."""
    for code, value in tree:
        if code is codes.LITERAL:
            texts = _with(texts, chr(value), first_word)
        elif code in (codes.ANY, codes.NOT_LITERAL):
            texts = _with(texts, "*", first_word)
        elif code is codes.IN:
            texts = set().union(*(_with(texts, _letter(*item), first_word) for item in value))
        elif code is codes.SUBPATTERN:
            texts = _walk(value[3], texts, first_word=first_word)
        elif code is codes.BRANCH:
            texts = set().union(*(_walk(branch, texts, first_word=first_word) for branch in value[1]))
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            fewest, most, part = value
            found = set() if fewest else set(texts)
            for count in range(1, min(most, max(fewest, MOST_REPEATS)) + 1):
                texts = _walk(part, texts, first_word=first_word)
                found |= texts if count >= fewest else set()
            texts = found
        elif code is codes.AT and value is codes.AT_BOUNDARY and first_word:
            texts = {text if text.endswith(" ") or not text else f"{text} " for text in texts}
        else:
            assert code in (codes.AT, codes.ASSERT, codes.ASSERT_NOT), code
    return texts


def _letter(code: Any, value: Any) -> str:
    if code is codes.LITERAL:
        return chr(value)
    return " " if value is codes.CATEGORY_SPACE else "*"


def _with(texts: set[str], letter: str, first_word: bool) -> set[str]:
    if not first_word:
        return {text + letter.lower() for text in texts}
    if letter.isalnum():
        return {text if text.endswith(" ") else text + letter.lower() for text in texts}
    ends = "* " if letter == "*" else " "
    return {text if text.endswith(" ") or not text else text + ends for text in texts}
