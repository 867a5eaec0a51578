"""Whether a sentence begins like a goodbye, and whether it says something besides. Of a sentence that only begins so, forum.py
cuts the polite clause alone.
"""

from __future__ import annotations

from job.cleaning.rules import closings, content, signs
from job.cleaning.rules.boilerplate import BRAND
from job.cleaning.rules.requests import others_in, praises
from job.cleaning.rules.scrubbed import only_names
from job.cleaning.rules.text import has_any

MOST_UNKNOWN = 3
"""Words of a hope or a wish that no list holds ("Hope your grandson's football match goes well"); with more it says something.
Of another goodbye all must be known: "Feel free to" goes on with advice as well."""


def begins_like_goodbye(sentence: str) -> bool:
    if signs.goodbye(sentence):
        return True
    lowered = sentence.lower()
    if has_any(lowered, closings.FAR_SIGNS) and closings.FAR_GOODBYE.match(sentence):
        return True
    if ("wish" in lowered and closings.WISHES.match(sentence)) or (
        has_any(lowered[-16:], closings.DAYS) and closings.GOOD_DAY.search(sentence[-60:])
    ):
        return True
    if has_any(lowered, closings.LINKS) and closings.LINK_STUMP.search(sentence):
        return True
    return BRAND in sentence and (only_names(sentence) or bool(closings.ROLE.search(sentence)))


def says_something(sentence: str, most: int = MOST_UNKNOWN) -> bool:
    """Whether a sentence that begins politely goes on with something else: with more than `most` words that no goodbye is made
    of (none but in a hope), a statement or an instruction with one, or a person to turn to who is not the writer."""
    if content.NAMES_IT.match(sentence):
        return True
    others = others_in(sentence)
    if not others:
        return bool(content.FREE_TO.search(sentence) or signs.referral(sentence))
    if praises(sentence) or ("hop" in sentence.lower() and content.HOPES_OF_STATE.match(sentence)):
        return True
    if len(others) > (most if closings.HOPES.match(sentence) or _speaks_for_itself(sentence) else 0):
        return True
    if content.FREE_TO.search(sentence) or signs.referral(sentence):
        return True
    if closings.CONDITION.match(sentence) and len(others_in(sentence.partition(",")[2])) > 1:
        return True
    return bool(closings.INSTRUCTION.search(sentence) or content.IS_SUBJECT.match(sentence)) or any(
        others_in(found[0]) for found in closings.STATEMENT.finditer(sentence)
    )


def _speaks_for_itself(sentence: str) -> bool:
    """Whether a goodbye may hold any words: a wish for the reader, a forum's name, the stump of a link."""
    lowered = sentence.lower()
    if BRAND in sentence or ("wish" in lowered and closings.WISHES.match(sentence)):
        return True
    return has_any(lowered, ("online", "onlline", *closings.LINKS)) and bool(
        closings.ONLINE.search(sentence) or closings.LINK_STUMP.search(sentence) or closings.FAR_GOODBYE.match(sentence)
    )
