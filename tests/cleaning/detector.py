"""The judge of cleaned answers: which classes of forum boilerplate and of damage a text still shows.

Written from the classes of damage and from reading rows, without sight of the cleaning rules. It judges answers of medical
forums and encyclopaedias in English. Outside them a letter or a conversation is full of what it looks for.

A flag is right when a careful reader would take the words out or calls the sentence broken. Counted as residue: a greeting,
thanks, the announcement that a question was read or understood, an offer of help, a hope, a wish, a signature, a forum's name,
a request to vote, call, write back or report. Not counted: sympathy with something particular, a clinical question, a request
for a picture or a report by itself, the advice to see a doctor.

Measured by one reader on rows that had no part in the writing, 95 % intervals in brackets:

- Right when it flags. Cleaned answers of five forums: 94 of 98 [90, 98]; the four expressions at fault were corrected after
  that. Answers as published, up to 14 flags of each class, with the corrected table: 151 of 151 [98, 100]. Encyclopaedias and
  patient information, cleaned: 11 of 15 at first, 11 of 11 corrected.
- Wrong by class among the first 98: request 3 of 21, closing 1 of 17; none of opening and thanks (29), brand (21),
  greeting (5), stump (4), name (3), link (2), artefact (2), letterhead (1), misspelt (1).
- Missed among 224 unflagged cleaned answers, read whole: 18, or 8 % [5, 12]: stump 9 (above all lists that are not there after
  a colon, and texts that break off after a whole word), opening 5, request, name, misspelt and artefact 1 each. Eleven
  of them have an expression now. By forum: 7 of 76, 8 of 74, 3 of 74 (HealthCareMagic, iCliniq, short lower-case answers).
- Expressions added last, for courtesies that none of these rows had, were checked for wrong flags on the same rows alone.
- What it cannot see: a sentence that lost its predecessor, a word that a spell-checker replaced, a fact that was cut.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tests.cleaning.detector_patterns import ANYWHERE, END, PATTERNS, START, WORDS

EDGE = 240
"""Characters at the beginning and at the end of an answer in which START and END are looked for."""


def _expression(alternatives: tuple[str, ...]) -> re.Pattern[str]:
    source = "|".join(alternatives)
    for name, words in WORDS.items():
        source = source.replace(f"%{name}%", words)
    return re.compile(source, re.IGNORECASE)


_COMPILED = tuple((name, place, _expression(alternatives)) for name, place, alternatives in PATTERNS)
CLASSES = tuple(dict.fromkeys(name for name, _, _ in PATTERNS))


def _list_lacks_an_item(text: str) -> bool:
    """Whether a number in a list has no text (2. 3. Rest), or a list that begins with 1, 2 leaves a number out."""
    pairs = re.findall(r"(?<!type )(?<!grade )(?<!stage )(?<!\d)(\d{1,2})[.)]\s+(\d{1,2})[.)]\s*[A-Za-z]", text)
    if any(int(after) == int(before) + 1 for before, after in pairs):
        return True
    numbers = [int(number) for number in re.findall(r"(?<![\d.])(\d{1,2})[.)](?: |(?=[A-Za-z(]))", text)]
    if numbers[:2] != [1, 2]:
        return False
    gaps = [before + 1 for before, after in pairwise(numbers) if after == before + 2]
    return any(not re.search(rf"(?<!\d){gap} ?[.):-]", text) for gap in gaps)


def _breaks_off(text: str) -> bool:
    """Whether a text with stops and capitals ends in a scrap without a stop; a text with a colon may end in a list."""
    if ":" in text or len(re.findall(r"[.!?] [A-Z]", text)) < 2 or re.search(r"[.!?…\"')\]]$", text):
        return False
    scrap = re.split(r"[.!?]\s*", text)[-1].split()
    return len(scrap) <= 2 or (len(scrap) == 3 and scrap[1].endswith(",")) or len(scrap[-1]) <= 2


def flags(answer: str, brands: tuple[str, ...] = ()) -> list[str]:
    """The classes found in an answer, in the order of CLASSES; none for a clean one."""
    text = " ".join(answer.replace("’", "'").replace("‘", "'").split())
    parts = {START: text[:EDGE], ANYWHERE: text, END: text[-EDGE:]}
    found = {name for name, place, expression in _COMPILED if expression.search(parts[place])}
    if _list_lacks_an_item(text) or _breaks_off(text):
        found.add("stump")
    if any(brand.lower() in text.lower() for brand in brands):
        found.add("brand")
    return [name for name in CLASSES if name in found]
