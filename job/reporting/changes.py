"""What a cleaning rule changed in an excerpt, word by word: the pieces that stayed and those that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from job.results import Example


@dataclass(frozen=True)
class Piece:
    """A part of an excerpt: the same before and after, or not."""

    text: str
    differs: bool


@dataclass(frozen=True)
class Change:
    """An example of what a rule did."""

    before: list[Piece]
    after: list[Piece]


CUT = "…"
PART = re.compile(r"\S+|\s+")
SEEN = {number: 0x2400 + number for number in range(32) if chr(number) not in "\t\n"}
"""Control characters as their pictures: a page shows nothing of the carriage returns that a rule took."""
FEWEST_SAME_WORDS = 4
"""Between two differences; with fewer words in common they read better as one."""


def difference(example: Example) -> Change:
    """Word by word. An excerpt that was cut goes on in the data, so text beyond its end in the other is no difference."""
    before, after = (PART.findall(text.removesuffix(CUT).translate(SEEN)) for text in (example.before, example.after))
    old: list[Piece] = []
    new: list[Piece] = []
    for same, gone, come in runs(before, after):
        old.append(Piece(gone, not same))
        new.append(Piece(come, not same))
    if old and old[-1].differs:
        gone, come = old[-1].text, new[-1].text
        goes_on = example.after.endswith(CUT) and gone.startswith(come)
        came_on = example.before.endswith(CUT) and come.startswith(gone)
        old[-1] = Piece(gone, not goes_on and not came_on)
        new[-1] = Piece(come, not goes_on and not example.before.endswith(CUT))
    old.append(Piece(CUT if example.before.endswith(CUT) else "", False))
    new.append(Piece(CUT if example.after.endswith(CUT) else "", False))
    return Change([piece for piece in old if piece.text], [piece for piece in new if piece.text])


def runs(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[bool, str, str]]:
    """(whether both are the same, part of `before`, part of `after`), by turns the same and not."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    gone, come = "", ""
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        old, new = before[i:i_end], after[j:j_end]
        at_edge = (i, j) == (0, 0) or (i_end, j_end) == (len(before), len(after))
        if tag == "equal" and (at_edge or sum(not part.isspace() for part in old) >= FEWEST_SAME_WORDS):
            if gone or come:
                yield False, gone, come
                gone, come = "", ""
            yield True, "".join(old), "".join(new)
        else:
            gone, come = gone + "".join(old), come + "".join(new)
    if gone or come:
        yield False, gone, come
