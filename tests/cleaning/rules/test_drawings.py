"""Drawings and chords keep their blanks; other lines do not."""

from __future__ import annotations

import pytest

from job.cleaning.rules.drawings import blocks
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples
POT = "    _|_\n   /   \\\n  /_____\\"


@pytest.mark.parametrize(
    "text",
    [
        POT,
        "   *\n  ***\n *****",
        "  /\\_/\\\n ( o.o )\n  > ^ <",
        "  ┌──┐\n  │  │\n  └──┘",
        "Am  F  C  G\nWater, my old fern",
        "   D       A7\nThe moss is dry\n   G  D/F#\nand green",
    ],
)
def test_drawings_and_chords_keep_their_blanks(text: str) -> None:
    assert cleaned(text) == text
    assert cleaned(f"Hello. Here it is:\n\n{text}\n\n{ADVICE} Regards") == f"Here it is:\n\n{text}\n\n{ADVICE}"


@pytest.mark.parametrize(
    "text", ["  Water  it\n  now", " A fern\n B", "{|\n  |-\n  |}", "Yes/no\n  or", "  --\n  :)", ADVICE, "A  B"]
)
def test_words_and_markup_are_no_drawing(text: str) -> None:
    assert list(blocks(text)) == ([(0, 4)] if text == "A  B" else [])
