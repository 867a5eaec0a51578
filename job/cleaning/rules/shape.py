"""The shape of a row: empty, binary, too long or short, repetitive, in another language. Judged, never changed."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

from job.cleaning.rules import kinds
from job.cleaning.rules.rule import LEAST_WORDS, MOST_WORDS, Field, Row
from job.cleaning.rules.text import TERMINAL, has_printable_lines, is_plain, is_prose, units

MOST_CHARACTERS = 100_000
"""Limit for question and answer together; the token limit would drop longer rows anyway, but an hour later."""
MOST_CONTROL = 0.02
"""Share of control characters; above it a text is binary data."""
MOST_REPEATED = 0.4
"""Share of an answer's word 4-grams that occur earlier in it; above it an answer is repetitive."""
PROSE_WORDS = 0.9
"""Share of words of letters in prose; tables, logs, labels and patterns have numbers, signs and capitals between them."""
SURE = 0.99
LOOKED_AT = 600
"""Characters of a text by which its language is told."""
_CONTROL = tuple(chr(number) for number in [*range(7), *range(14, 27), *range(28, 32), 127])
"""Without those that a terminal or a printer is steered by: bell, backspace, page and line feeds, escape."""
_LETTERS = re.compile(r"[\"'“‘(]*[^\W\d_]+(?:['’-][^\W\d_]+)*[.,;:!?…)\"'”’]*")


def empty(row: Row) -> bool:
    return not row.question.text.strip() or not row.answer.text.strip()


def enormous(row: Row) -> bool:
    return len(row.question.text) + len(row.answer.text) > MOST_CHARACTERS


def binary(row: Row) -> bool:
    return _is_binary(row.question.text) or _is_binary(row.answer.text)


def short_answer(row: Row) -> bool:
    least = row.options.min_answer_words
    if least is None:
        least = LEAST_WORDS if row.options.runs("prose") else 0
    if least > 0 and row.answer.text.isascii() and len(row.answer.text.split(None, least)) > least:
        return False  # the first words say so
    return least > 0 and _length(row.answer) < least


def too_many_words(row: Row) -> bool:
    most = row.options.max_words
    if most is None:
        most = MOST_WORDS if row.options.runs("prose") else 0
    if (
        len(row.answer.text) + len(row.question.text) < 2 * most
        and row.answer.text.isascii()
        and row.question.text.isascii()
    ):
        return False  # a word has a letter and a blank
    return most > 0 and _length(row.answer) + _length(row.question) > most


def repetitive(row: Row) -> bool:
    """Prose alone, and only where a pack says that the source is prose: programs, tables, logs and labels repeat themselves
    with good reason."""
    if not row.options.runs("prose") or row.answer.hidden:
        return False
    text = row.answer.text
    words = text.encode().split() if text.isascii() else row.answer.words  # of bytes in two thirds of the time
    if repeated_share(words) <= MOST_REPEATED:
        return False
    return _is_prose(row.answer.words) and not kinds.kept(row.answer.text)


def _is_prose(words: list[str]) -> bool:
    """Whether nearly all words are of letters, and stand in sentences."""
    lettered = sum(bool(_LETTERS.fullmatch(word)) and (word == "I" or not word.isupper()) for word in words)
    return lettered >= PROSE_WORDS * len(words) and (
        any(word.endswith((".", "!", "?", "…")) for word in words) or is_prose(" ".join(words))
    )


def _length(field: Field) -> int:
    text = field.text
    if is_plain(text) and "  " not in text and text == text.strip():
        return text.count(" ") + bool(text)  # in a tenth of the time
    return len(field.words) if field.text.isascii() else units(field.whole)


def other_language(row: Row) -> bool:
    return bool(row.options.languages) and is_other_language(row.answer.whole, row.options.languages)


def _is_binary(text: str) -> bool:
    if is_plain(text) or (has_printable_lines(text) and "\ufffd" not in text):
        return False
    if text.replace("\n", " ").replace("\t", " ").isprintable() and "\ufffd" not in text:
        return False
    text = TERMINAL.sub("", text)
    odd = sum(text.count(letter) for letter in _CONTROL if letter in text) + text.count("\ufffd")
    return odd > MOST_CONTROL * len(text)


def repeated_share(words: Sequence[object]) -> float:
    """Share of the 4-grams of words that repeat an earlier one; 0 for texts of under 12 words."""
    if len(words) < 12 or len(set(words)) > (1 - MOST_REPEATED) * len(words):
        return 0.0  # as many different 4-grams as different words at least, less three
    grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    return 1 - len(set(grams)) / len(grams)


@functools.cache
def _identifier() -> Callable[[str], tuple[str, float]]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # half a second, only where languages are named

    found: Callable[[str], tuple[str, float]] = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).classify
    return found


def is_other_language(text: str, wanted: tuple[str, ...]) -> bool:
    """Whether the text is surely (99 %) in none of the wanted languages; short texts are never sure."""
    beginning = text[:LOOKED_AT]
    if len(beginning.split()) < 8 and beginning.isascii():
        return False
    found = language_of(text)
    return bool(found) and found not in wanted


def language_of(text: str) -> str:
    """Its ISO code where that is sure (99 %), else empty."""
    language, probability = _identifier()(text[:LOOKED_AT])
    return language if float(probability) >= SURE else ""
