"""Answers on a terminal: in columns, one below the other, and without what a terminal takes for commands."""

from __future__ import annotations

import re

import pytest

from job.asking.screen import Below, Columns, printable, width_of, wrap

pytestmark = pytest.mark.light


def seen(written: list[str]) -> list[str]:
    """The lines as a terminal shows them in the end."""
    return [re.split("\r\x1b\\[K", line)[-1] for line in "".join(written).split("\n")]


def test_columns_grow_together_and_end_as_two_texts() -> None:
    written: list[str] = []
    screen = Columns(["base", "tuned"], written.append, 24)
    screen.begin()
    screen.show("base", "one two", False)
    screen.show("tuned", "a", False)
    screen.show("base", "one two three", False)
    assert seen(written)[-1] == "one two    │ a", "the other answer has not gone beyond this line"
    screen.show("tuned", "a", True)
    assert seen(written)[-1] == "three      │"
    screen.end({"base": "one two three four", "tuned": "a"})
    assert seen(written)[1:] == ["base       │ tuned", f"{'─' * 10} │ {'─' * 10}", "one two    │ a", "three four │", ""]
    screen.begin()
    screen.end({"base": "next", "tuned": ""})
    assert seen(written)[-2] == "next       │"


def test_one_below_the_other_the_later_one_waits() -> None:
    written: list[str] = []
    screen = Below(["base", "tuned"], written.append)
    screen.begin()
    screen.show("tuned", "Second", False)
    screen.show("base", "Fir", False)
    screen.show("base", "First", False)
    assert "".join(written) == "\nbase:\nFirst"
    screen.show("base", "First", True)
    assert "".join(written) == "\nbase:\nFirst\n\ntuned:\nSecond"
    screen.end({"base": "First", "tuned": "Second."})
    assert "".join(written) == "\nbase:\nFirst\n\ntuned:\nSecond.\n"


def test_one_model_alone_gives_its_text_and_nothing_else() -> None:
    written: list[str] = []
    screen = Below(["tuned"], written.append)
    screen.begin()
    screen.show("tuned", "An answ", False)
    screen.end({"tuned": "An other"})
    assert "".join(written) == "An answ\nAn other\n"


def test_lines_break_between_words_and_only_the_last_one_changes() -> None:
    text = "Take the kettle apart,  then-clean-every-part of it.\n\n- one\n  - two"
    lines = wrap(text, 12)
    assert lines == ["Take the", "kettle", "apart,", "then-clean-e", "very-part of", "it.", "", "- one", "  - two"]
    for length in range(len(text)):
        part = wrap(text[:length].rstrip(), 12)
        assert part[:-1] == lines[: len(part) - 1]


def test_wide_characters_take_two_columns() -> None:
    assert width_of("灯が") == 4 and width_of("e\u0301") == 1
    assert wrap("灯が暗い", 5) == ["灯が", "暗い"]


def test_commands_for_the_terminal_are_not_written() -> None:
    assert printable("a\x1b[2Jb\rc\n\td\u202ee") == "a[2Jbc\n    de"
