"""What is whole beside a word that the scrubbing took: a fact, the members of a list, a question. Data for scrubbed.py."""

from __future__ import annotations

import re
from collections.abc import Iterator

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import capital, has_any

_QUESTION = pattern(
    r"(?:(?:at|in|on|for|since|from|to)\s+)?(?:what|which|when|where|how)\b[^.!?\n]{0,50}?\s(?:do|does|did|is|are|was|were|has|have|had)\s+"
    r"(?:you|he|she|it|they|there|the|your|this|these)\b[^.!?\n]{0,80}\?\s*$"
)
"""No rest of a spoilt sentence, though it begins with a small letter."""
_CHILD_OF = pattern(r"\bmost\s+common\s[^,;:]*\bin\s+(?:an?\s+|the\s+)?(?:child|infant|baby)(?P<of>\s+of)$")
"""A fact that is whole before the word that was lost: "the most common complication in child of"."""
_TESTS = pattern(
    r"^(?P<list>[^:;,]{3,80}\b(?:tests?|investigations?|checks?)\b[^:;,]{0,50}\b(?:are|is|includes?|as\s+follows)\b:?\s+[^,:;]{2,40},[^:;]*[^,:;\s])"
    r"(?:,|\s+and)\s+(?:and\s+)?(?!and\b|or\b)[\w-]+(?:\s+[\w-]+){0,4}[\s:-]*$"
)
"""A list of tests, whose last member alone is broken."""
_BY = pattern(
    r"\b(?:to|from|in|at|into)\s+(?:(?:the|your|an?|some|any|other|their|its|his|her|this|these)\s+)?[\w-]+(?P<by>\s+by)$"
)
"""By what something happens somewhere: "It spreads from one to another by"."""
_DEFINES = pattern(r"^(?:[^,;:]{2,60}\s)is\s+an?(?:\s+[\w-]+){2,5}?(?=\s+(?:which|that)\s)")
_FIRST_LINE = re.compile(r"\bis\s+the\s+first[- ]line(?P<of>\s+[A-Z]{2,}\s*\([^()]*)$")
"""What is given first: "Lorem is the first line FDA (food and"."""
DOSE = pattern(
    r"^\s*(?:\d+\s*[.)]|(?:tab(?:let)?|cap(?:sule)?|syrup|inj(?:ection)?|ointment|cream|gel|lotion)s?\.?\s)(?:[^.]|\.\d)*"
    r"\b\d+(?:\.\d+)?\s*(?:mg|mcg|ml|g|iu|%|drops|pills|tablets)(?!\w)(?:[^.]|\.\d)*\.?$"
)
"""An item of a list, or a line of a prescription, that says how much of something to take."""
_OR = pattern(
    r",?\s+or\s+(?:it|this|that|they|there|you)\s+(?:can|could|may|might|will|would|should|must|need|is|are|has|have)\b[^,;]*$"
)
_ONE_OF_TWO = pattern(r"\b(?:either|whether|if|when|unless|until)\b")
_HANGING = pattern(
    r",?\s+(?:and|but)\s+(?:(?!then\b)[\w-]+\s+){0,3}?(?:after|before|when|while|if|since|because|although)\s[^,;]*$"
)
"""What waits for the clause behind it: "It has two leaves, and because it is small" (it needs no water)."""
_ANY = pattern(
    r"\s*any\s+(?:(?:other|more|recent|known|associated|similar|family|past)\s+){0,2}"
    r"(?:symptoms?|history|complaints?|signs?|pain|fever|injury|problems?|illness|allergy|changes?|discharge)\b[^.!?:;]*(?=,)"
)
"""What a question asks for behind another: "Are the leaves pale? Any other signs of rust, "."""


def before(broken: str) -> Iterator[str]:
    """What may stand of a sentence that breaks off."""
    if broken.endswith(" of") and (child := _CHILD_OF.search(broken)):
        yield broken[: child.start("of")]
    if "," in broken and (tests := _TESTS.match(broken)):
        yield tests["list"]
    if (other := _OR.search(broken)) and not _ONE_OF_TWO.search(broken):
        yield broken[: other.start()]
    if by := _BY.search(broken) if broken.endswith(" by") else None:
        yield broken[: by.start("by")]
    if has_any(broken, (" which ", " that ")) and (definition := _DEFINES.match(broken)):
        yield definition[0]
    if broken.count("(") and (line := _FIRST_LINE.search(broken)):
        yield broken[: line.start("of")]


def without_hanging(clause: str) -> str:
    """What stands before a comma, without a subordinate clause that belongs to what is behind it."""
    return _HANGING.sub("", clause)


def any_of(broken: str, before: list[str]) -> str:
    """A question without a verb behind another, as far as the place in its list where it breaks off; may be empty."""
    found = _ANY.match(broken) if before and before[-1].rstrip().endswith("?") else None
    return f"{found[0].rstrip()}? " if found and len(found[0].split()) > 2 else ""


def question(sentence: str) -> str:
    """The sentence with a capital if it is a question of its own."""
    return capital(sentence) if "?" in sentence and _QUESTION.match(sentence) else sentence
