"""Lines whose blanks are part of a picture: drawings made of signs, and chords above the words of a song."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CHORD = r"[A-H][#b♯♭]?(?:maj|min|m|dim|aug|sus|add)?\d{0,2}(?:sus\d|add\d)?(?:/[A-H][#b]?)?"
_CHORDS = re.compile(rf"[ \t]*{_CHORD}(?:[ \t|]+{_CHORD})*[ \t|]*$")
_SHAPE = re.compile(r"[/\\|_^\u2500-\u25ff]|^\s*[*#]+\s*$")
_WORD = re.compile(r"[^\W_]{3}|\{\||\|\}|\|-|\[\[|\{\{")
"""What a drawing has not: words, and the markup of a wiki."""
_BLANKS = re.compile(r"^[ \t]+\S|\S[ \t]{2,}\S")
LONGEST = 120
"""Characters of a line of a drawing."""


def blocks(text: str) -> Iterator[tuple[int, int]]:
    """The lines of chords, and runs of at least two lines of a drawing, of which one has blanks that mean something."""
    if "  " not in text and "\n " not in text and not text.startswith((" ", "\t")):
        return
    place = begin = end = lines = shapes = 0
    blanks = False
    for line in (*text.split("\n"), "the end"):
        if "  " in line and _CHORDS.match(line):
            yield place, place + len(line)
        if line.strip() and len(line) <= LONGEST and not _WORD.search(line):
            begin = begin if lines else place
            end = place + len(line)
            lines += 1
            shapes += bool(_SHAPE.search(line))
            blanks = blanks or bool(_BLANKS.search(line))
        else:
            if shapes > 1 and blanks:
                yield begin, end
            lines, shapes, blanks = 0, 0, False
        place += len(line) + 1
