"""Answers that break off: the last sentence was cut upstream, or its end was scrubbed."""

from __future__ import annotations

from job.cleaning.rules import boilerplate, closings
from job.cleaning.rules.eaten import completed_end
from job.cleaning.rules.scrubbed import standing_clause, stands
from job.cleaning.rules.text import HIDDEN, boundaries, has_any, is_prose, words

_COMMAND = ("@", "/", "\\", "_", "=", "$", "|", "<", ">")
"""A line with one of these holds a command or a path, and may end as it likes."""
_OPENS = frozenset("after before while although though since also then so usually regarding".split())
"""Words that end no text if they are its only ones."""
REACH = 640
"""Characters at the end in which the last sentence begins."""


def without_cut_off_end(text: str) -> str:
    """The text without a last sentence that was cut off upstream ("Management involves"), but with the clauses of it that stand
    by themselves; unchanged if that is all of it. The number of an item that went goes too."""
    if text[-2:-1].isdigit() and (number := closings.LONE_NUMBER.search(text, max(0, len(text) - 6))):
        text = text[: number.start()]
    broken = _broken_word(text)
    if text.endswith(boilerplate.STOPS) and not broken:
        return text
    starts = list(boundaries(text, max(0, len(text) - REACH)))
    last = text[starts[-1] :].removesuffix("." if broken else "") if starts else ""
    if last and (
        broken
        or is_cut_off(last)
        or _is_one_word(text, starts[-1])
        or (_is_stump(last) and not _is_line_without_stop(text, starts[-1]))
    ):
        whole = completed_end(text.removesuffix("." if broken else ""), starts[-1])
        return whole or (text[: starts[-1]] + standing_clause(last)).rstrip()
    return text


def _broken_word(text: str) -> bool:
    """Whether the last word lacks its end, or the noun behind it."""
    if not text[-10:].rstrip(".").endswith(closings.BROKEN_ENDS):
        return False
    return bool(closings.BROKEN_WORD.search(text, max(0, len(text) - closings.LONGEST_BROKEN)))


def _is_one_word(text: str, begin: int) -> bool:
    """Whether one word is left there that can end nothing: "Water it. The". A line of one word is an item of a list."""
    word = text[begin:]
    if text[begin - 1] == "\n" or " " in word:
        return False
    return word.lower() in _OPENS or bool(closings.DANGLING.search(word.lower()))


def _is_stump(sentence: str) -> bool:
    if not closings.STUMP.match(sentence) or words(sentence) > closings.LONGEST_STUMP:
        return False
    return not (has_any(sentence, _COMMAND) or any(ord(letter) in HIDDEN for letter in sentence) or stands(sentence))


def _is_line_without_stop(text: str, begin: int) -> bool:
    """Whether the line that begins there stands below another without a stop: so the lines of this text end."""
    before = text[:begin].rstrip()
    return text[begin - 1] == "\n" and before[-1:].isalnum()


def is_cut_off(sentence: str) -> bool:
    if sentence.endswith(boilerplate.STOPS) or (sentence.endswith(";") and not is_prose(sentence)):
        return False
    tail = sentence[-24:]
    before, _, last = tail.rstrip(" :,;-–—").rpartition(" ")
    breaks = last[:1].islower() or not last.isalpha()
    dangles = breaks and closings.DANGLING.search(tail, len(before))  # the last word decides
    if dangles and not closings.NOT_DANGLING.search(sentence[-48:]):
        return True
    end = sentence[-120:]
    return has_any(end.lower(), closings.PROMISE_SIGNS) and bool(closings.PROMISE.search(end))
