"""A signature below or behind a sign-off: few short lines of names, titles and firms, and no sentence. Data and search for
forum.py, which says what a sign-off is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from job.cleaning.rules import closings, content, whole
from job.cleaning.rules.boilerplate import BRAND, pattern
from job.cleaning.rules.signs import referral
from job.cleaning.rules.text import HIDDEN, boundaries, full_stop, words

THANKS = pattern(r"(?<=[a-z)])(?:\s*,\s*|\s+)(?:thanks|thank\s+you|thanx)\s*[.!]+\s*$")
_THANKED = content.TAKES_OBJECT | frozenset(
    """many much hearty special not never always who he she they we i you him her them send sent offer offered express
    expressed owe owed got get received deserve""".split()
)
"""Words before thanks that are part of what is said."""
_WHOSE = pattern(r"\b(?:my|our|their|his|her|its|an?)\s+\w+$")
FEWEST_BEFORE_THANKS = 4
MOST_LINES = 6
MOST_BELOW_A_WISH = 2
"""Below "Good luck!" more lines may be a list of things."""
LONGEST_LINE = 60
_SMALL = r"(?:of|and|the|for|at|in|from|on|de|van|von|your|to)"
_NAME = rf"(?:[A-Z][\w.'’&/-]*|{BRAND}\.?)"
_OTHER = r"(?:[&|·•,–—-]|\d[\w./-]*|\+?[\d() -]{6,20}|\[[a-z -]{3,12}\]|\S{1,40}@\S{1,40}|@\w{2,30}|(?:Phone|Tel|Mobile|Cell|Fax|E-?[Mm]ail|Web)\.?:|(?:https?://|www\.)\S{1,60})"
_LINE = re.compile(rf"[\s~*–—-]*(?:(?:{_NAME}|{_SMALL}|{_OTHER}),?(?:\s+|$)){{1,9}}$")
_SMALL_NAME = re.compile(r"[a-z]{2,12}$")
_SENTENCE_ENDS = (".", "!", "?", ":", ";")
_NO_ITEM_ENDS = (*_SENTENCE_ENDS, ",")
_ABBREVIATED = re.compile(r"\b(?:Inc|Ltd|Co|Corp|Dr|Jr|Sr|Dept|M\.?D|Ph\.?D|B\.?Sc|[A-Z])\.$")
_RULE = "–—_=*~-" + "".join(filter(str.isspace, map(chr, range(0x3001))))
"""What a line is made of that rules off a signature."""
_DELIMITER = "--"
"""Mail programs write this line above a signature."""
_AFFECTION = re.compile(
    r"(?:with\s+)?(?:(?:lots\s+of|all\s+my|much)\s+)?(?:love|hugs)(?:\s+and\s+\w+)?,$", re.IGNORECASE
)
"""A sign-off where a signature stands below."""
_STRONG = re.compile(
    r"(?:regards|wishes|sincerely|faithfully|truly|yours|respectfully|warmly|love|best|cheers|thanks|thank\s+you)\W*$",
    re.IGNORECASE,
)
_SAME_LINE = re.compile(
    r"(?:\W*(?i:(?:with\s+)?(?:(?:best|kind|kindest|warm|warmest|good)\s+)*(?:regards|wishes)|(?:yours\s+)?(?:sincerely|faithfully|truly)(?:\s+yours)?)[\s,.!–—-]+|\W*(?i:love|hugs|cheers|best)\s*[,!–—-]\s*)"
    rf"(?:{_NAME},?(?:\s+|$))(?:(?:{_NAME}|of|and|the|for|&|[|–—-]),?(?:\s+|$)){{0,9}}$"
)

_MARK = re.compile(rf"\s*(?:[{chr(HIDDEN.start)}-{chr(HIDDEN.stop - 1)}*•+–-]\s*|\(?(?:\d{{1,2}}|[a-z])[.)]\s+)")
"""What an item of a list begins with."""
_SPEAKER = re.compile(
    r"^[ \t*_]*[A-Z][\w.'’-]{0,30}(?: [A-Z\d][\w.'’-]{0,30}){0,2}[ \t*_]{0,4}:[*_]{0,4}[ \t]+(?=\S)", re.MULTILINE
)
MOST_WORDS_OF_ITEM = 3
LAST = 120
"""Characters that the last line has at most if it is an item or a speaker's goodbye."""


def signs(sentence: str) -> bool:
    """Whether a sentence is a sign-off with its signature: "Best regards, Jane Miller, Head of Support"."""
    return bool(_SAME_LINE.match(sentence.strip()))


def begin(text: str, says_goodbye: Callable[[str], bool]) -> int:
    """Where the sign-off begins that a signature ends the text below; the length of the text if there is none. It is a line of
    its own, or the last sentence of one."""
    place, below, delimited = len(text.rstrip()), 0, False
    while place > 0:
        start = text.rfind("\n", 0, place) + 1
        line = text[start:place].strip()
        if below and line and not line.endswith(":"):
            if says_goodbye(line) or _AFFECTION.match(line):
                few = below <= MOST_BELOW_A_WISH or delimited
                return start if few or _STRONG.search(line) else len(text)
            if _STRONG.search(line):
                last = max(boundaries(text[:place], start), default=start)
                if last > start and says_goodbye(text[last:place].strip()):
                    return last
        delimited = delimited or line == _DELIMITER
        if not line.strip(_RULE):  # all such lines at once: thousands of them took 10 ms
            above = text.find("\n", len(text[:start].rstrip(_RULE)), start)
            delimited = delimited or any(each.strip() == _DELIMITER for each in text[above + 1 : start].split("\n"))
            place = above
            continue
        if below == MOST_LINES or not _may_sign(line):
            break
        below += 1
        place = start - 1
    return len(text)


def is_item(text: str, says_goodbye: Callable[[str], bool]) -> bool:
    """Whether the last line is an item of a list or what somebody says, and all of it a goodbye: "3. Best wishes"."""
    if "\n" not in text[-LAST:]:
        return False
    lines = text.rstrip().rsplit("\n", MOST_LINES + 1)
    last = lines[-1]
    mark = _MARK.match(last)
    if not mark and (label := _SPEAKER.match(last)) and len(_SPEAKER.findall(text)) > 1:
        mark = label
    if mark:
        return says_goodbye(last[mark.end() :].strip())
    below = _below_a_colon(lines)
    return below > 1 and any(says_goodbye(item.strip()) for item in lines[-below:])


def is_listed(line: str, text: str) -> bool:
    """Whether a line of the text stands in a list below a colon."""
    before = text[: text.find(line)]
    return before.endswith("\n") and _below_a_colon([*before[:-1].rsplit("\n", MOST_LINES), line.rstrip("\n")]) > 0


def _below_a_colon(lines: Sequence[str]) -> int:
    """How many short lines the last of these is below a line that ends with a colon; 0 if none does."""
    for below, line in enumerate(reversed(lines)):
        if line.endswith(":"):
            return below
        if (
            not line
            or len(line) > LONGEST_LINE
            or line.endswith(_NO_ITEM_ENDS)
            or len(line.split()) > MOST_WORDS_OF_ITEM
        ):
            return 0
    return 0


def _may_sign(line: str) -> bool:
    if len(line) > LONGEST_LINE or (line.endswith(_SENTENCE_ENDS) and not _ABBREVIATED.search(line)):
        return False
    return bool(_LINE.match(line) or _SMALL_NAME.match(line))


def is_signature(piece: str) -> bool:
    """Whether what stands behind a goodbye is who signs it."""
    piece = piece.replace(BRAND, "")
    if len(piece) > 60 or referral(piece) or closings.ADVISES.match(piece):
        return False
    return bool(closings.SIGNATURE.match(piece) or closings.ROLE.search(piece) or whole.SMILEY.match(piece))


def without_thanks(sentence: str) -> str:
    """The sentence without a word of thanks run on at its end: "Use plenty of oil thanks."."""
    found = THANKS.search(sentence, max(0, len(sentence) - LONGEST_LINE)) if "han" in sentence[-LONGEST_LINE:] else None
    if not found or ":" in sentence or '"' in sentence:
        return sentence
    head = sentence[: found.start()]
    if words(head) < FEWEST_BEFORE_THANKS or head.rsplit(None, 1)[-1].lower() in _THANKED or _WHOSE.search(head):
        return sentence
    return full_stop(head) + sentence[len(sentence.rstrip()) :]
