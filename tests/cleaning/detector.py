"""What is still wrong with a cleaned answer, as a reader would say it. Shares no pattern and no word list with the rules.

Strict rather than fair: some of what it flags is innocent ("further assistance" in a medical sentence), so a share of flagged
rows is an upper bound for what it can see, and what it cannot see is for reading by hand.
"""

from __future__ import annotations

import re

OPENING = re.compile(
    r"\W*(?:hi+|hello|hey|dear|thanks?|welcome|greetings|good (?:morning|evening|afternoon|day)|"
    r"i(?:'ve| have| can| just|) (?:gone|read|understand|understood|reviewed|appreciate|noted) (?:through )?(?:your|the|all)|"
    r"i am (?:a )?(?:dr|doctor)|as an? [\w ]{0,20}(?:ai|assistant))\b",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"hope (?:this|i|that|it|you)\b|regards|best wishes|wish(?:ing)? (?:you|u)\b|take care[.! ]*$|let me know|feel free|"
    r"(?:don'?t|do not) hesitate|happy to (?:help|assist|answer)|thank(?:s| you)[.! ]*$|good luck|all the best|get back to|"
    r"\brevert\b|further (?:quer|question|clarif|assist|doubt)|write back|stay (?:healthy|safe)|god bless|consult [\w ]{1,50} online|"
    r"answered your|sincerely|any (?:more |other |further )(?:doubt|quer|question|clarif)",
    re.IGNORECASE,
)
ARTEFACT = re.compile(
    r"\\u[0-9a-f]{4}|\w\\[st]\b|attachment removed|<link>|-->|https?:|www\.|bit\.ly|template:|category:|\(utc\)|\{\{|\[\[|"
    r"\S@\S+\.\w|(?:hello|dear|regards)[A-Z]",
)
CUT = re.compile(
    r"\b(?:the|an?|of|to|and|or|with|for|by|in|as|is|are|includes?|involves|following|follows)\s*[:,]?$", re.IGNORECASE
)
CLOSING_WINDOW = 130


def flags(answer: str, brands: tuple[str, ...] = ()) -> list[str]:
    found = []
    if OPENING.match(answer):
        found.append("opening")
    if CLOSING.search(answer[-CLOSING_WINDOW:]):
        found.append("closing")
    letters = re.sub(r"[\s-]", "", answer).lower()
    if ARTEFACT.search(answer) or any(brand.lower() in letters for brand in brands):
        found.append("artefact")
    if CUT.search(answer):
        found.append("cut off")
    return found
