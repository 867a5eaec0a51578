"""What a rule changed, word by word."""

from __future__ import annotations

import re

import pytest

from job.reporting.changes import Change, Piece, difference
from job.results import Example


def marked(change: Change) -> tuple[str, str]:
    def text(pieces: list[Piece]) -> str:
        return "".join(f"‹{piece.text}›" if piece.differs else piece.text for piece in pieces)

    return text(change.before), text(change.after)


LONG = "Hello there, I have read with care what you wrote about the fern and its yellow leaves, and I thank you very much for "


DIFFERENCES = {
    "opening": ("‹Hi. ›Water it.", "Water it."),
    "closing": ("…a pot.‹ Best wishes!›", "…a pot."),
    "capital": ("‹water› it", "‹Water› it"),
    "repair": ("‹Donâ€™t› drown the poor fern, ‹itâ€™s› thirsty…", "‹Don't› drown the poor fern, ‹it's› thirsty…"),
    "near each other": ("a ‹[[pot|Pot]] of ''clay''› it is", "a ‹Pot of clay› it is"),
    "same": ("one two three", "one two three"),
    "all": ("‹gone›", ""),
    "before is cut": (f"‹{LONG}›…", "Water the fern and mist it…"),
    "after is cut": ("…a fern in a big pot by the…", "…a fern‹ (x)› in a big pot…"),
    "both are cut in a word": ("‹its'› roots are cold and we…", "‹its› roots are cold and wet…"),
}


def test_a_control_character_that_went_is_seen() -> None:
    found = difference(Example(before="Mist the fern.\r\nThen water it.", after="Mist the fern.\nThen water it."))
    assert marked(found) == ("Mist the ‹fern.␍›\nThen water it.", "Mist the ‹fern.›\nThen water it.")


@pytest.mark.parametrize("wanted", DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_is_what_the_rule_did(wanted: tuple[str, str]) -> None:
    before, after = (re.sub("[‹›]", "", text) for text in wanted)
    assert marked(difference(Example(before=before, after=after))) == wanted
