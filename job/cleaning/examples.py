"""Examples of what a rule did: an excerpt around the change, without contact data."""

from __future__ import annotations

from job.cleaning.rules.boilerplate import BRAND
from job.cleaning.rules.brands import brand_pattern
from job.cleaning.rules.contacts import masked
from job.cleaning.rules.names import named
from job.cleaning.rules.rule import Rules
from job.results import Example

AROUND, MOST = 60, 240
"""Characters: shown on both sides of a change, and in all."""


def example(before: str, after: str, options: Rules) -> Example:
    """Masked first: an excerpt's edge could cut an address in two, and half of it would not be found. What shows that a word
    is a name may be what went."""
    known = named(before)
    before, after = _in_one_spelling(before, options), _in_one_spelling(after, options)
    return excerpt(masked(before), masked(after, known))


def _in_one_spelling(text: str, options: Rules) -> str:
    """With all brands as the first is written: how one is spelt is no change that a reader looks for."""
    shown = options.brands[0] if options.brands else ""
    for brand in options.brands:
        text = brand_pattern(brand).sub(shown, text)
    return text.replace(BRAND, shown)


def excerpt(before: str, after: str) -> Example:
    """The part that differs, with some characters around it."""
    begin = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    same_end = 0
    while same_end < min(len(before), len(after)) - begin and before[-1 - same_end] == after[-1 - same_end]:
        same_end += 1
    start = max(0, begin - AROUND)

    def part(text: str) -> str:
        found = text[start : min(len(text) - same_end + AROUND, start + MOST)]
        return ("…" if start else "") + found + ("…" if start + len(found) < len(text) else "")

    return Example(before=part(before), after=part(after))
