"""Whether an answer loops: the same words, letters or lines again and again, or a list that grows without end.

Code, tables and the like repeat themselves with good reason, so they are left out; of an answer that did not end they count
where it stood at the limit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy
import numpy.typing as npt

from job.cleaning.rules import kinds
from job.cleaning.rules.text import sentences

LONGEST_PERIOD = 60
"""Words, or letters, of what is said again and again."""
FEWEST_TURNS = 3
AGAIN_WORDS, AGAIN_LETTERS = 12, 80
"""Least length of what is said again, behind its first time: "never, never, never" and a chorus sung twice are none."""
RULER = 400
"""The same for signs without a letter, such as a line of dashes."""
STUTTERS = 4
"""Times that a word stands in a row."""
PHRASE = 8
"""Words. Days, months and doses leave shorter ones alike in lists that are right."""
FEWEST_WORDS = 60
"""An answer has to have for its share of phrases or lines to say something."""
MOST_AGAIN = 0.5
"""Share of the words that stand in phrases, or lines, which came before: a villanelle has 0.35, a song with a chorus 0.4."""
FEWEST_ITEMS = 8
"""At the limit: items alike, one behind the other."""
MANY_ITEMS = 20
"""At the limit: items that need not be alike where the reference has less than half as many."""
ALIKE = 0.5
"""Share of the words that two items have in common."""
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\W_]+(?:['’-][^\W_]+)*")
_MARK = r"(?:\(?\d{1,3}\s?[.)](?!\d)|[-*+•–·])"
_ITEM_LINE = re.compile(rf"^\s*(?:{_MARK}\s*)+(?=\S)")
_NUMBERED_INSIDE = re.compile(r"(?:^|(?<=\s)|(?<=[.:;,]))\(?\d{1,3}[.)]\s*(?=\D)")
_NUMBER = re.compile(r"\d+")
_SEPARATORS = re.compile(r"[,;]\s")


def loops(text: str, *, stopped: bool, reference: str = "") -> bool:
    """Whether the answer is of no use because it repeats itself.

    Measured on 12,251 reference answers as if they had come to their end (forums, encyclopaedias, instructions, code, chats and
    web pages): none. On the first 1,000 characters of 1,275 long ones as if the limit had cut them: 1, in a row of zeros.
    """
    said = without_code(text)
    found = words(said)
    if _runs(found, AGAIN_WORDS) or _runs(_letters(said), AGAIN_LETTERS) or stutters(found):
        return True
    if len(found) >= FEWEST_WORDS and (repeated_phrases(found) > MOST_AGAIN or repeated_lines(said) > MOST_AGAIN):
        return True
    if _is_ruler(text):
        return True
    return not stopped and (
        _runs(words(text), AGAIN_WORDS, at_end=True)
        or _runs(_letters(text), AGAIN_LETTERS, at_end=True)
        or grows(text, reference)
    )


def words(text: str) -> list[str]:
    """In small letters; each letter of a script without blanks between words is one."""
    return _WORD.findall(text.casefold())


def without_code(text: str) -> str:
    """The text without code, tables, formulas and quoted lines."""
    parts, last = [], 0
    for begin, end in kinds.kept(text):
        if any(map(str.isalnum, text[begin:end])):  # a bullet stays
            parts.append(text[last:begin])
            last = end
    return "\n".join([*parts, text[last:]]) if parts else text


def _runs(said: Sequence[str], least: int, *, at_end: bool = False) -> bool:
    """Whether words, or letters, follow each other again and again; with `at_end`, at the end."""
    known: dict[str, int] = {}
    numbers = numpy.fromiter((known.setdefault(one, len(known)) for one in said), dtype=numpy.int64, count=len(said))
    for period in range(1, min(LONGEST_PERIOD, len(said) // FEWEST_TURNS) + 1):
        length, end = _longest_run(numbers, period, at_end)
        lettered = any(letter.isalpha() for one in said[end - period : end] for letter in one)
        if length >= max(least if lettered else RULER, (FEWEST_TURNS - 1) * period):
            return True
    return False


def _longest_run(numbers: npt.NDArray[numpy.int64], period: int, at_end: bool) -> tuple[int, int]:
    """(how many in a row are the same as the one `period` places before, where they end)."""
    breaks = numpy.flatnonzero(numbers[period:] != numbers[:-period]) + period
    edges = numpy.concatenate(([period - 1], breaks, [len(numbers)]))
    lengths = numpy.diff(edges) - 1
    place = len(lengths) - 1 if at_end else int(numpy.argmax(lengths))
    return int(lengths[place]), int(edges[place + 1])


def _is_ruler(text: str) -> bool:
    """Whether one sign in a row is most of the answer: "the ........................ its"."""
    signs = [letter for letter in text if not letter.isspace()]
    runs = [len(list(same)) for letter, same in groupby(signs) if not letter.isalnum()]
    longest = max(runs, default=0)
    return longest >= AGAIN_WORDS and 2 * longest > len(signs)


def _letters(text: str) -> list[str]:
    """For words without end ("hahaha"), and scripts whose words have no blanks between them."""
    return [letter for letter in text.casefold() if not letter.isspace()]


def stutters(found: Sequence[str]) -> bool:
    """Whether several words stand again and again behind themselves: "the leaves leaves leaves leaves of my my my my fern". One
    such word is a song's, or a joke."""
    runs = ((word, sum(1 for _ in same)) for word, same in groupby(found) if any(map(str.isalpha, word)))
    return len({word for word, length in runs if length >= STUTTERS}) > 1


def repeated_phrases(found: Sequence[str]) -> float:
    """Share of the phrases of PHRASE words that came before."""
    grams = [tuple(found[place : place + PHRASE]) for place in range(len(found) - PHRASE + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def repeated_lines(text: str) -> float:
    """Share of the words in lines and sentences that came at least twice before; an item counts without its number."""
    seen: dict[tuple[str, ...], int] = {}
    again = total = 0
    for line in text.splitlines():
        for sentence in sentences(_ITEM_LINE.sub("", line)):
            said = tuple(words(sentence))
            total += len(said)
            if seen.get(said, 0) > 1:
                again += len(said)
            seen[said] = seen.get(said, 0) + 1
    return again / total if total else 0.0


def grows(text: str, reference: str = "") -> bool:
    """Whether an answer that did not end is at the end a list of many items, each like the one before, or much longer than
    that of the reference."""
    found = items(text)
    if reference and len(found) >= MANY_ITEMS and _most_items(reference) * 2 < len(found):
        return True
    run = 0
    for one, other in pairwise(found[:-1]):  # the last is cut off
        run = run + 1 if _alike(one, other) else 0
    return run + 1 >= FEWEST_ITEMS


def items(text: str) -> list[str]:
    """Of the list at the end of the text: lines with a bullet or a number, numbers in a line, or parts between commas."""
    listed: list[str] = []
    for line in filter(str.strip, reversed(text.splitlines())):
        if not is_item(line):
            if listed and line.startswith((" ", "\t")):
                continue  # goes on with an item
            break
        listed.append(_ITEM_LINE.sub("", line))
    listed.reverse()
    inside = _NUMBERED_INSIDE.split(text)[1:]
    sentence = next((one for one in reversed(sentences(text)) if one.strip()), "")
    return max(listed, inside, _SEPARATORS.split(sentence), key=len)


def is_item(line: str) -> bool:
    return bool(_ITEM_LINE.match(line))


def _most_items(text: str) -> int:
    """Of the longest list anywhere in the text, or of all lines that are items."""
    lines = sum(map(is_item, text.splitlines()))
    inside = len(_NUMBERED_INSIDE.findall(text))
    return max(lines, inside, *(len(_SEPARATORS.split(sentence)) for sentence in ["", *sentences(text)]))


def _alike(one: str, other: str) -> bool:
    """Whether two items share most of their words, numbers aside, or begin with the same two."""
    first, second = (words(_NUMBER.sub(" ", item)) for item in (one, other))
    if not first or not second:
        return first == second
    common = len(set(first) & set(second))
    return common >= ALIKE * max(len(set(first)), len(set(second))) or (len(first) > 2 and first[:2] == second[:2])
