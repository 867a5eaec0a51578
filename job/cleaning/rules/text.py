"""What all rules share: repair of characters and spaces, sentences, words. Pure functions that know no pack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ftfy import fix_encoding

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ESCAPED_BREAK = re.compile(r"\\r\\n|\\n(?=[\s\\A-Z0-9*-])|\\r(?=[\s\\])|\\t(?=[\s\\])")
_MOJIBAKE = re.compile("[ÂÃâäåæçèéïðÄÅĂĎÐÎÏÑØÙ€]")
"""What bytes of UTF-8 look like when they are read in another encoding; only then does the costly check run."""
_ODD_BLANK = re.compile(r"[^\S\n ]")
_BLANKS = re.compile(r"  +")
_AROUND_BREAKS = re.compile(r" *\n *")
_APOSTROPHE = re.compile(r"(?<=[A-Za-z])\\(?=(?:s|t|m|d|re|ve|ll|ts)\b)")
_QUOTES = re.compile(r"\\+([A-Za-z][^\\\n]{0,80}?)\\+(?![A-Za-z])")
# Invisible, and without meaning for a reader: direction marks, joiners at odd places, soft hyphens, byte-order marks.
_UNSEEN = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xAD, 0xFEFF, 0xFFFC])
_CONTROL = dict.fromkeys(number for number in [*range(32), *range(127, 160)] if number not in (9, 10, 13, 0x85))
_REMOVED = {**_UNSEEN, **_CONTROL}
_REMOVED_BUT_JOINERS = {code: None for code in _REMOVED if code not in (0x200C, 0x200D)}
_JOINED = re.compile(r"[\u0600-\u07ff\u0900-\u0dff\ufb50-\ufdff\ufe70-\ufefc\U0001f000-\U0001faff]")
"""Scripts in which joiners shape letters, and emoji; there they stay."""

_ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof st vs e.g i.e eg ie approx no fig inc jr sr dept al cf resp max min tab cap inj".split()
)
_NO_LETTERS = {code: " " for code in range(0x2100) if code == 0x5F or not (chr(code).isalnum() or chr(code).isspace())}
"""ASCII and the common signs beyond it; a third of the time of a regular expression."""
_BOUNDARY = re.compile(r"[.!?…\n][.!?…]*[\"'”’)\]]*(\s+|(?=[A-Z][a-zA-Z]|[*•]\s?[A-Za-z])|(?<=\n))")


def repair(text: str) -> str:
    """Literal escapes, backslashes for apostrophes, mojibake, line ends, odd spaces, unseen characters; line breaks stay."""
    if "\\" in text:
        text = _ESCAPE.sub(lambda match: _letter(int(match[1], 16)), text)
        text = _ESCAPED_BREAK.sub("\n", text)
        text = _QUOTES.sub(r'"\1"', _APOSTROPHE.sub("'", text))
    if not (text.isascii() and text.isprintable()):
        if _MOJIBAKE.search(text):
            text = fix_encoding(text)
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
        text = text.translate(_REMOVED_BUT_JOINERS if _JOINED.search(text) else _REMOVED)
        text = _ODD_BLANK.sub(" ", text)
    if "  " in text:
        text = _BLANKS.sub(" ", text)
    if "\n" in text:
        text = _AROUND_BREAKS.sub("\n", text)
    return text.strip()


def _letter(code: int) -> str:
    return "" if 0xD800 <= code <= 0xDFFF else chr(code)  # half a pair is no character


def boundaries(text: str, begin: int = 0) -> Iterator[int]:
    """Where sentences begin after `begin`: after a stop and spaces, after a stop glued to a capital, or after a line break."""
    for match in _BOUNDARY.finditer(text, begin):
        at = match.start()
        if text[at] != "\n":
            if match.start(1) == at + 1 and text[at] == ".":
                last = text[max(0, at - 8) : at].replace("\n", " ").replace("(", " ")
                last = last[last.rfind(" ") + 1 :]
                if last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isupper()):
                    continue
                if last.isdigit() and len(last) <= 2 and _numbers_a_list(text, at - len(last)):
                    continue
            if not match[1] and (at < 3 or not text[at - 3 : at].isalpha()):
                continue  # an abbreviation or a number: "b.P", "1.A"
        if match.end() < len(text):
            yield match.end()


def _numbers_a_list(text: str, at: int) -> bool:
    """Whether the number at `at` stands where an item of a list begins."""
    before = text[:at].rstrip(" ")
    return not before or before[-1] in "\n.!?:;)"


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the spaces and line breaks after it: joined they give the text again."""
    starts = [0, *boundaries(text), len(text)]
    return [text[begin:end] for begin, end in pairwise(starts)]


def has_any(text: str, signs: Iterable[str]) -> bool:
    """Whether one of the signs is in the text; a loop takes half the time of any()."""
    for sign in signs:  # noqa: SIM110
        if sign in text:
            return True
    return False


def words(text: str) -> int:
    return len(text.split())


def normalised(text: str) -> str:
    """What two rows must share to be duplicates: letters and digits, whatever their case."""
    return " ".join(text.casefold().translate(_NO_LETTERS).split())


def capital(text: str) -> str:
    """The first letter as a capital, unless it begins a name such as pH or iPhone."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def full_stop(text: str) -> str:
    """The full stop that a cut in mid-sentence took away."""
    text = text.rstrip(" ,;:-–—\n")
    return text if not text or text[-1] in ".!?…)\"'”’]*" else text + "."
