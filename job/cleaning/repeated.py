"""Sentences with which many rows of a source begin or end: what the data itself shows of greetings, sign-offs and footers, in
any language.

What counts is not the rows with a sentence but its different contexts, that is what stands behind it: a copy of a row adds
none, and content that repeats, as in encyclopaedias, mostly repeats with its surroundings. Such a sentence is listed, and cut
from answers where the user wants that. It is not cut from questions, where it may be the task, nor where rows are put together
from parts, nor if another one differs from it in one word alone ("The claim is true."). It is not cut by default: a count
cannot tell "Yes." from "Hello.".

Measured by `python -m pytest tests/cleaning/test_repeated.py -k RealRows -n 0 -s` on rows that are not part of the project:
of 6,732 rows in which nothing is boilerplate (encyclopaedias, instructions, code, conversations, web pages) none would be
cut; the most frequent sentence has as many contexts as 3.1 % of the rows of its source, and in encyclopaedias none has 1 %. Of
4,244 forum rows before any rule 1,546 would be cut, by seven sentences, all of them greetings, wishes or thanks; after the
rules for forums no answer would.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy
import numpy.typing as npt

Side = Literal["question_begin", "question_end", "answer_begin", "answer_end"]
SIDES: tuple[Side, ...] = ("question_begin", "question_end", "answer_begin", "answer_end")
LEVELS = 4
"""Pieces of text that are remembered of each side: up to three sentences that may go, and what stands behind them."""
LONGEST, WINDOW = 150, 250
"""Characters: of a sentence that may go, and of each end of a text that is searched for sentences."""
LISTED, CUT = (5, 0.01), (20, 0.05)
"""Different contexts, and their share of the different rows of the source, from which sentences are listed or cut."""
OWN_CONTEXT = 0.8
"""Share of the contexts of a sentence that one row alone has, from which it is cut: where what stands behind it repeats too,
the rows are made from a template."""
MOST_LISTED = 20
"""On each side of a source."""

Edges = npt.NDArray[numpy.uint32]
"""(rows, SIDES, LEVELS), the outermost sentence first: the odd hash of a sentence that may go, the even one of text that may
not, 0 where nothing stands."""
Hashes = npt.NDArray[numpy.uint64]
Cuts = tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]
"""What goes from the beginning and from the end of answers: sentences in a row, normalised, the outermost first."""

_STOPS, _STOPS_WITHOUT_BLANK = ".!?…‼⁉", "。！？।॥؟۔።｡"
_ANY_STOP = _STOPS + _STOPS_WITHOUT_BLANK
_QUOTES = "\"'”’“‘»«)(」「』『）（"
_BOUNDARY = re.compile(
    rf"[{_ANY_STOP}\n](?:(?<=[\n{_STOPS_WITHOUT_BLANK}])|[{_STOPS}]*[{_QUOTES}]*\s)[{_ANY_STOP}{_QUOTES}]*\s*"
    r"(?<!\b[a-z]\. )(?<!\b[dm][rs]\. )"
)
"""Between two sentences, in small letters; not behind an initial, "Dr." or "Ms."."""
_ODD = numpy.uint64(0x9E3779B97F4A7C15)
_AROUND = _ANY_STOP + _QUOTES + " \n\t,-–—*"
_WORD = re.compile(f"[^{re.escape(_AROUND)}]")
_OWN_CONTENT = re.compile(r"[\d{}\[\]<>=;\\|_#$%`/@^~+]|:$")
"""Numbers, code, addresses, and what announces a list."""


@dataclass(frozen=True)
class Repeated:
    """Sentences that repeat together, most often one."""

    side: Side
    text: str
    """As the first row with them has them."""
    sentences: tuple[str, ...]
    """Normalised, the outermost first."""
    rows: int
    share: float
    """Different contexts, as a share of the different rows of the source."""
    cut: bool
    """They may be cut: they stand in answers, in enough contexts, and are no variants of one template."""


def _lowered(window: str) -> str:
    """In small letters and of the same length: only this letter would become two."""
    return window.lower() if window.isascii() else window.replace("İ", "i").lower()


def _beginning(text: str) -> tuple[list[int], list[str]]:
    """(where each of the first sentences ends, the sentences and what follows them)."""
    window = _lowered(text[:WINDOW])
    places, found, begin = [], [], 0
    for match in _BOUNDARY.finditer(window):
        end, at = match.end(), match.start()
        if end - begin > LONGEST or (window[at] == "\n" and not window[:at].rstrip(" ").endswith(",")):
            break  # a heading, a line of code, an item of a list
        places.append(end)
        found.append(window[begin:end].strip(_AROUND))
        begin = end
        if len(places) == LEVELS:
            return places, found
    found.append(window[begin : begin + LONGEST])
    return places, found


def _ending(text: str) -> tuple[list[int], list[str]]:
    """(where each of the last sentences begins in the last characters, the sentences and what stands before them), the last
    one first."""
    window = _lowered(text[-WINDOW:])
    places, found, end = [], [], len(window)
    stopped = window[-1:] in _ANY_STOP
    for match in [*_BOUNDARY.finditer(window)][::-1]:
        begin, behind_stop = match.end(), window[match.start()] != "\n"
        if begin == end:
            continue
        if end - begin > LONGEST or not (stopped or behind_stop):
            break
        places.append(begin)
        found.append(window[begin:end].strip(_AROUND))
        end, stopped = begin, behind_stop
        if len(places) == LEVELS:
            return places, found
    found.append(window[max(0, end - LONGEST) : end])
    return places, found


def edges(rows: Iterable[tuple[str, str]]) -> Edges:
    """What questions and answers begin and end with. A function of the rows alone: those of several batches, processes or
    machines are joined by `numpy.concatenate`, in any order, and counted together."""
    found: list[int] = []
    crc32, padding = zlib.crc32, [[0] * count for count in range(LEVELS)]
    for pair in rows:
        for text in pair:
            for places, sentences in (_beginning(text), _ending(text)):
                may_go = len(places)
                found += [crc32(sentence.encode("utf-8", "surrogatepass")) | 1 for sentence in sentences[:may_go]]
                if may_go < LEVELS:
                    found.append(crc32(sentences[-1].encode("utf-8", "surrogatepass")) & ~1)
                    found += padding[LEVELS - 1 - may_go]
    return numpy.array(found, dtype=numpy.uint32).reshape(-1, len(SIDES), LEVELS)


def found(edges: Edges, row: Callable[[int], tuple[str, str]]) -> list[Repeated]:
    """What repeats in the rows of one source, the most frequent first. `row`: question and answer of a row by its number.

    What stands behind sentences that are cut counts as if they were gone. Takes about 60 bytes a row
    beside `edges`, which may be mapped from a file.
    """
    made: list[Repeated] = []
    whole = _joined(edges.reshape(len(edges), len(SIDES) * LEVELS))
    ordered = numpy.sort(whole)  # a twentieth of the time of numpy.unique
    different = int(numpy.count_nonzero(ordered[1:] != ordered[:-1])) + 1
    for number, side in enumerate(SIDES):
        listed = _on_side(numpy.array(edges[:, number]), whole, different, side, row)
        made += sorted(listed, key=lambda one: (-one.share, one.sentences))[:MOST_LISTED]
    return made


def _on_side(
    chain: Edges, whole: Hashes, different: int, side: Side, row: Callable[[int], tuple[str, str]]
) -> Iterator[Repeated]:
    """`whole`: a number for each row that its copies share, of which there are so many different ones."""
    seen: set[int] = set()
    variants: Counter[tuple[str, ...]] = Counter()
    depth = numpy.zeros(len(chain), dtype=numpy.uint8)
    least = max(LISTED[0], LISTED[1] * different)
    while len(chain):
        listed: list[tuple[int, Repeated]] = []
        candidates = _candidates(chain[:, 0], least)
        for length in range(1, LEVELS):
            of = candidates[_may_go(chain[candidates], length)]
            together = _joined(chain[of, :length])
            for hashed, contexts, alone, at in _counted(together, chain[of, length], whole[of], least):
                if hashed in seen:
                    continue
                seen.add(hashed)
                one = _sentences(row(int(of[at])), side, int(depth[of[at]]), length)
                if one is None:
                    continue
                often = contexts >= CUT[0] and contexts >= CUT[1] * different and alone >= OWN_CONTEXT * contexts
                often = often and side.startswith("answer")
                share = contexts / different
                listed.append((hashed, Repeated(side, *one, int((together == hashed).sum()), share, often)))
                variants.update(_with_a_gap(one[1]))
        varied = {hashed for hashed, one in listed if any(variants[gap] > 1 for gap in _with_a_gap(one.sentences))}
        yield from (replace(one, cut=one.cut and hashed not in varied) for hashed, one in listed)
        frequent = [hashed for hashed, one in listed if one.cut and hashed not in varied]
        if not frequent:
            return
        _go_behind(chain, depth, numpy.array(frequent, dtype=numpy.uint64))


def _with_a_gap(sentences: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The words without one of them, in all ways: what sentences share that differ in one word, as those of a template do. Of
    what is written without blanks, its letters. None for one or two words."""
    words = " ".join(sentences).split()
    words = words if len(words) > 1 else list(words[0])
    return [(*words[:place], "", *words[place + 1 :]) for place in range(len(words))] if len(words) > 2 else []


def _candidates(outermost: npt.NDArray[numpy.uint32], least: float) -> npt.NDArray[numpy.int64]:
    """Numbers of the rows whose outermost sentence may be in so many rows. It saves nearly all of the sorting."""
    buckets = outermost >> numpy.uint32(10)
    return numpy.flatnonzero(numpy.bincount(buckets)[buckets] >= least)


def _joined(hashes: Edges | Hashes) -> Hashes:
    """One number for the hashes of each line."""
    made = numpy.zeros(len(hashes), dtype=numpy.uint64)
    for column in range(hashes.shape[1]):
        made = (made ^ hashes[:, column]) * _ODD
        made ^= made >> numpy.uint64(29)
    return made


def _may_go(chain: Edges, length: int) -> npt.NDArray[numpy.bool_]:
    """Rows that begin with so many sentences that may go, and have something behind them."""
    may_go: npt.NDArray[numpy.bool_] = (chain[:, :length] & 1).all(axis=1) & (chain[:, length] != 0)
    return may_go


def _counted(
    together: Hashes, behind: npt.NDArray[numpy.uint32], whole: Hashes, least: float
) -> list[tuple[int, int, int, int]]:
    """(hash, contexts, those of them in which one row alone has it, first row) of what stands in at least so many contexts."""
    values, counts = numpy.unique(together, return_counts=True)
    of = numpy.flatnonzero(numpy.isin(together, values[counts >= least]))
    contexts = _joined(numpy.stack([together[of], behind[of]], axis=1))
    _, different = numpy.unique(_joined(numpy.stack([contexts, whole[of]], axis=1)), return_index=True)
    _, firsts, rows = numpy.unique(contexts[different], return_index=True, return_counts=True)
    values, which, counts = numpy.unique(together[of[different[firsts]]], return_inverse=True, return_counts=True)
    alone = numpy.bincount(which, rows == 1)
    return [
        (int(values[place]), int(counts[place]), int(alone[place]), int(numpy.argmax(together == values[place])))
        for place in numpy.flatnonzero(counts >= least)
    ]


def _go_behind(chain: Edges, depth: npt.NDArray[numpy.uint8], frequent: Hashes) -> None:
    """In place: the chain of each row without what is frequent at its beginning."""
    while True:
        moved = False
        for length in range(LEVELS - 1, 0, -1):
            of = numpy.flatnonzero(_may_go(chain, length))
            of = of[numpy.isin(_joined(chain[of, :length]), frequent)]
            if len(of):
                chain[of, : LEVELS - length] = chain[of, length:]
                chain[of, LEVELS - length :] = 0
                depth[of] += length
                moved = True
        if not moved:
            return


def _sentences(row: tuple[str, str], side: Side, depth: int, length: int) -> tuple[str, tuple[str, ...]] | None:
    """(as they stand in the row, normalised), or None if they may be the row's own content."""
    begins = side.endswith("begin")
    text = row[side.startswith("answer")]
    text = text[:WINDOW] if begins else text[-WINDOW:]
    places, sentences = _beginning(text) if begins else _ending(text)
    bounds = [0 if begins else len(text), *places]
    begin, end = sorted((bounds[depth], bounds[depth + length]))
    whole = text[begin:end].strip()
    normalised = tuple(sentences[depth : depth + length])
    if not all(normalised) or any(_OWN_CONTENT.search(sentence) for sentence in (whole, *normalised)):
        return None
    return whole, normalised


def cuts(listed: Iterable[Repeated]) -> Cuts:
    """What is cut from the answers of the source in which it was found."""
    sides: tuple[Side, Side] = ("answer_begin", "answer_end")
    begin, end = (frozenset(one.sentences for one in listed if one.side == side and one.cut) for side in sides)
    return begin, end


def cut(answer: str, gone: Cuts) -> str:
    """The answer without what goes from its beginning and its end; something always remains."""
    begin, end = gone
    return _without_ending(_without_beginning(answer, begin), end)


def _without_beginning(text: str, gone: frozenset[tuple[str, ...]]) -> str:
    begin = 0
    while gone:
        place = begin + _innermost(*_beginning(text[begin : begin + WINDOW]), gone)
        if place == begin or not _WORD.search(text, place):
            break
        begin = place
    return text[begin:]


def _without_ending(text: str, gone: frozenset[tuple[str, ...]]) -> str:
    end = len(text)
    while gone:
        window = text[max(0, end - WINDOW) : end].rstrip()
        place = _innermost(*_ending(window), gone)
        begin = max(0, end - WINDOW)
        if not place or not _WORD.search(text, 0, begin + place):
            break
        end = begin + place
    return text if end == len(text) else text[:end].rstrip()


def _innermost(places: list[int], sentences: list[str], gone: frozenset[tuple[str, ...]]) -> int:
    """How far the sentences go that are cut, the longest row of them first; 0 if none is."""
    at = 0
    while True:
        lengths = range(len(places) - at, 0, -1)
        length = next((length for length in lengths if tuple(sentences[at : at + length]) in gone), 0)
        if not length:
            return places[at - 1] if at else 0
        at += length
