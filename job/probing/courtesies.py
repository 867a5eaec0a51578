"""Filler at the beginning and at the end of an answer, by the rules of cleaning: what they would cut has come back.

There is no second list of phrases. A gap in the rules is a gap here too; tests/cleaning has a detector of its own for those.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from job.cleaning.rules import languages, registry
from job.cleaning.rules.cleaner import Cleaner
from job.cleaning.rules.rule import Rules, Tally

OPENING, CLOSING = "opening", "closing"
"""The rules for the two ends in the registry."""


@dataclass(frozen=True)
class Courtesies:
    opens: bool
    closes: bool


@functools.cache
def _cleaner() -> Cleaner:
    """The rules of prose that cut. None that drops a row: of an answer that breaks off, the beginning counts all the same."""
    rules = tuple(rule for rule in registry.RULES if rule.cut and rule.name != registry.OWN)
    return Cleaner(Rules(packs=("qa-forum",), contacts="keep"), rules)


@functools.lru_cache(maxsize=2048)
def courtesies(question: str, answer: str) -> Courtesies | None:
    """Which ends the rules would cut; None for an answer in another language than English, which they do not know, and for
    an empty one. A letter, a poem or the like that the question asks for keeps its ends.

    Measured where nothing is filler: 1 of 4,686 answers of encyclopaedias and code opens with it, and none closes. Of general
    instructions 8 of 1,994 ends, of which 2 are in a text that was asked for; of forum answers as posted 23 to 100 % open and
    51 to 98 % close with it.
    """
    if not answer.strip() or languages.is_foreign(answer):
        return None
    tally: Tally = {}
    _cleaner().rows([(question, answer, "")], tally)
    return Courtesies(_takes_words(tally, OPENING), _takes_words(tally, CLOSING))


def _takes_words(tally: Tally, rule: str) -> bool:
    """Not a stray comma, or a bullet, at an end."""
    return any(_letters(before) > _letters(after) for before, after in tally[rule].examples) if rule in tally else False


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


FEW_WORDS = 4
"""From which the place of a text is known again in the answer that it was cut from."""


def kept(question: str, answer: str) -> tuple[int, int]:
    """(begin, end) of what the rules leave of the answer: what is before and behind it is filler. All of it where they leave
    nothing that is known again."""
    [(_, left, _)] = _cleaner().rows([(question, answer, "")], {})
    said = left.split()
    first, last = (_finds(words, answer) for words in (said[:FEW_WORDS], said[-FEW_WORDS:]))
    return (first[0][0] if first else 0, last[-1][1] if last else len(answer))


def _finds(said: list[str], answer: str) -> list[tuple[int, int]]:
    """The rules may have changed capital letters and blanks."""
    pattern = r"\s+".join(map(re.escape, said))
    return [found.span() for found in re.finditer(pattern, answer, re.IGNORECASE)] if said else []
