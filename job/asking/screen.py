"""Answers on a terminal while they grow: in columns where it is wide enough, else one below the other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

Write = Callable[[str], None]
GAP = " │ "
LEAST_WIDTH = 100
"""Of a terminal for two columns: 48 characters each, about half of a line in print."""
TO_BEGIN_OF_LINE = "\r\x1b[K"
"""Back to the first column, and erases the line."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""A model may say what a terminal takes for commands, such as the beginning of an escape sequence."""


class Screen(Protocol):
    def begin(self) -> None: ...

    def show(self, name: str, text: str, ended: bool) -> None:
        """`text`: the whole answer of this model so far."""

    def end(self, texts: Mapping[str, str]) -> None:
        """`texts`: the answers as they are in the end."""


class Below:
    """One answer below the other, each under its name if there are several. What a later model says meanwhile waits."""

    def __init__(self, names: Sequence[str], write: Write) -> None:
        self.names, self.write = names, write
        self.shown = ""
        """Of the answer that is being written."""

    def begin(self) -> None:
        self.waiting = list(self.names)
        self.texts, self.ended = dict.fromkeys(self.names, ""), dict.fromkeys(self.names, False)
        self._head()

    def show(self, name: str, text: str, ended: bool) -> None:
        self.texts[name], self.ended[name] = printable(text), ended
        while self.waiting:
            name = self.waiting[0]
            if self.texts[name].startswith(self.shown):
                self.write(self.texts[name][len(self.shown) :])
                self.shown = self.texts[name]
            if not self.ended[name]:
                return
            self._next()

    def end(self, texts: Mapping[str, str]) -> None:
        """A text that did not only grow, which some tokenizers make of a token that follows, is written once more."""
        while self.waiting:
            text = printable(texts[self.waiting[0]])
            self.write(text[len(self.shown) :] if text.startswith(self.shown) else f"\n{text}")
            self._next()

    def _next(self) -> None:
        self.write("\n")
        self.waiting.pop(0)
        self._head()

    def _head(self) -> None:
        self.shown = ""
        if self.waiting and len(self.names) > 1:
            self.write(f"\n{self.waiting[0]}:\n")


class Columns:
    """All answers side by side. A line is final once every answer has gone beyond it; the line below is drawn anew with each
    token, so nothing above the cursor ever changes, however long the answers are."""

    def __init__(self, names: Sequence[str], write: Write, width: int) -> None:
        self.names, self.write = names, write
        self.each = (width - 1 - len(GAP) * (len(names) - 1)) // len(names)

    def begin(self) -> None:
        self.lines = {name: [""] for name in self.names}
        self.growing = set(self.names)
        self.row = 0
        self.write(
            "\n" + self._joined(list(self.names)) + "\n" + self._joined(["─" * self.each] * len(self.names)) + "\n"
        )

    def show(self, name: str, text: str, ended: bool) -> None:
        self.lines[name] = wrap(printable(text), self.each)
        if ended:
            self.growing.discard(name)
        longest = max(map(len, self.lines.values()))
        self._draw(min((len(self.lines[one]) - 1 for one in self.growing), default=longest - 1))
        self.write(TO_BEGIN_OF_LINE + self._row())

    def end(self, texts: Mapping[str, str]) -> None:
        self.lines = {name: wrap(printable(texts[name]), self.each) for name in self.names}
        self._draw(max(map(len, self.lines.values())))

    def _draw(self, until: int) -> None:
        while self.row < until:
            self.write(TO_BEGIN_OF_LINE + self._row() + "\n")
            self.row += 1

    def _row(self) -> str:
        return self._joined([lines[self.row] if self.row < len(lines) else "" for lines in self.lines.values()])

    def _joined(self, cells: Sequence[str]) -> str:
        return GAP.join(cell + " " * (self.each - width_of(cell)) for cell in cells).rstrip()


def printable(text: str) -> str:
    return CONTROL.sub("", text.expandtabs(4))


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken between words where that is possible. Where the text grows, all but the last one
    stay as they are."""
    return [line for paragraph in text.split("\n") for line in _wrapped(paragraph, width)]


def _wrapped(paragraph: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in re.findall(r"\s*\S+|\s+$", paragraph):
        if width_of(line + word) > width and line:
            lines.append(line)
            line, word = "", word.lstrip()
        line += word
        while width_of(line) > width:
            part = _fitting(line, width)
            lines.append(part)
            line = line[len(part) :]
    return [*lines, line]


def _fitting(text: str, width: int) -> str:
    part = text[:width]
    while width_of(part) > width:
        part = part[:-1]
    return part


def width_of(text: str) -> int:
    """Columns of a terminal: East Asian characters take two, and accents that stand over a letter none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)
