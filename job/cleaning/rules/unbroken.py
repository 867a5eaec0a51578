"""What is whole beside a word that the scrubbing took: a fact, the members of a list, a question. Data for scrubbed.py."""

from __future__ import annotations

from collections.abc import Iterator

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import capital

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


def before(broken: str) -> Iterator[str]:
    """What may stand of a sentence that breaks off."""
    if broken.endswith(" of") and (child := _CHILD_OF.search(broken)):
        yield broken[: child.start("of")]
    if "," in broken and (tests := _TESTS.match(broken)):
        yield tests["list"]


def question(sentence: str) -> str:
    """The sentence with a capital if it is a question of its own."""
    return capital(sentence) if "?" in sentence and _QUESTION.match(sentence) else sentence
