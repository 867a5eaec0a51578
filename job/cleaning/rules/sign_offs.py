"""A signature below or behind a sign-off: few short lines of names, titles and firms, and no sentence. Data and search for
forum.py, which says what a sign-off is."""

from __future__ import annotations

import re
from collections.abc import Callable

from job.cleaning.rules.boilerplate import BRAND

MOST_LINES = 6
MOST_BELOW_A_WISH = 2
"""Below "Good luck!" more lines may be a list of things."""
LONGEST_LINE = 60
_SMALL = r"(?:of|and|the|for|at|in|from|on|de|van|von|your|to)"
_NAME = rf"(?:[A-Z][\w.'’&/-]*|{BRAND}\.?)"
_OTHER = r"(?:[&|·•,–—-]|\d[\w./-]*|\+?[\d() -]{6,20}|\[[a-z -]{3,12}\]|\S{1,40}@\S{1,40}|(?:https?://|www\.)\S{1,60})"
_LINE = re.compile(rf"[\s~*–—-]*(?:(?:{_NAME}|{_SMALL}|{_OTHER}),?(?:\s+|$)){{1,9}}$")
_SMALL_NAME = re.compile(r"[a-z]{2,12}$")
_SENTENCE_ENDS = (".", "!", "?", ":", ";")
_ABBREVIATED = re.compile(r"\b(?:Inc|Ltd|Co|Corp|Dr|Jr|Sr|Dept|M\.?D|Ph\.?D|B\.?Sc|[A-Z])\.$")
_RULE = "–—_=*~-" + "".join(filter(str.isspace, map(chr, range(0x3001))))
"""What a line is made of that rules off a signature."""
_STRONG = re.compile(
    r"(?:regards|wishes|sincerely|faithfully|truly|yours|respectfully|warmly|love|best|cheers|thanks|thank\s+you)\W*$",
    re.IGNORECASE,
)
_SAME_LINE = re.compile(
    r"(?:\W*(?i:(?:with\s+)?(?:(?:best|kind|kindest|warm|warmest|good)\s+)*(?:regards|wishes)|(?:yours\s+)?(?:sincerely|faithfully|truly)(?:\s+yours)?)[\s,.!–—-]+|\W*(?i:love|hugs|cheers|best)\s*[,!–—-]\s*)"
    rf"(?:{_NAME},?(?:\s+|$))(?:(?:{_NAME}|of|and|the|for|&|[|–—-]),?(?:\s+|$)){{0,9}}$"
)


def signs(sentence: str) -> bool:
    """Whether a sentence is a sign-off with its signature: "Best regards, Jane Miller, Head of Support"."""
    return bool(_SAME_LINE.match(sentence.strip()))


def begin(text: str, says_goodbye: Callable[[str], bool]) -> int:
    """Where the sign-off line begins that a signature ends the text below; the length of the text if there is none."""
    place, below = len(text.rstrip()), 0
    while place > 0:
        start = text.rfind("\n", 0, place) + 1
        line = text[start:place].strip()
        if below and line and not line.endswith(":") and says_goodbye(line):
            return start if below <= MOST_BELOW_A_WISH or _STRONG.search(line) else len(text)
        if not line.strip(_RULE):  # all such lines at once: thousands of them took 10 ms
            place = text.find("\n", len(text[:start].rstrip(_RULE)), start)
            continue
        if below == MOST_LINES or not _may_sign(line):
            break
        below += 1
        place = start - 1
    return len(text)


def _may_sign(line: str) -> bool:
    if len(line) > LONGEST_LINE or (line.endswith(_SENTENCE_ENDS) and not _ABBREVIATED.search(line)):
        return False
    return bool(_LINE.match(line) or _SMALL_NAME.match(line))
