"""What an encyclopaedia's markup leaves in plain text. Markup goes, its words stay."""

from __future__ import annotations

import re

from job.cleaning.rules.rule import Field, Row
from job.cleaning.rules.signs import Signs
from job.cleaning.rules.text import about_code

_SIGNS = Signs(
    "{{", "}}", "{|", "[[", "]]", "[http", "<", "emplate:", "ategory:", "ile:", "mage:", "(UTC)", "''", "==", "|"
)
"""Signs of markup: a text without any has none. Looking for them takes 1 us; trying the patterns takes 50."""
_EMPTY = re.compile(r"[ ]?\((?:[^()\n]{0,30}[:,;])?\s*\)")
"""What markup leaves of "(pronunciation: {{IPA|...}})"."""
_BLOCKS = (("<!--", "-->", 2000), ("{|", "|}", 4000))
"""What goes from its opening to its closing, and the characters that it may have between them."""
_NOT_WITHIN = r"(?!\s?[,;)]|[ ](?:and|or|is|are|was|were|holds?|has|lists?|says?|to|in|on|for|of|with|which|that)\b)"
"""Behind the name of a page that is a word of a sentence: "See Category:Ferns and ..."."""
_Replacement = tuple[str, re.Pattern[str], str]
"""What must be there, what goes, and what takes its place."""
_ALWAYS: tuple[_Replacement, ...] = (
    ("<", re.compile(r"<ref\b[^<>]{0,200}/>|<ref\b[^<>]{0,200}>.{0,600}?</ref>", re.DOTALL | re.IGNORECASE), ""),
    ("[[", re.compile(r"\[\[(?:File|Image|Category)::?[^\[\]\n]{0,300}\]\]", re.IGNORECASE), ""),
    ("[http", re.compile(r"\[https?://\S{1,300}\s+([^\]\n]{1,200})\]"), r"\1"),
    (
        "Template:",
        re.compile(
            rf"\bTemplate:\w[^.\n]{{0,60}}$|\bTemplate:[\w-]++(?:\s+[A-Z]\w*+){{0,2}}+{_NOT_WITHIN}", re.MULTILINE
        ),
        "",
    ),
    (
        ":",
        re.compile(
            rf"\b(?:Category|File|Image)::?[A-Z][^.\n]{{0,80}}$|"
            rf"\b(?:Category|File|Image)::?[A-Z]\w*+(?:\s+[A-Z]\w*+){{0,2}}+{_NOT_WITHIN}",
            re.MULTILINE,
        ),
        "",
    ),
    (
        "(UTC)",
        re.compile(
            r"(?:^|(?<=[.!?\n]))[^.!?\n]{0,200}\b\d{1,2}:\d{2},\s+\d{1,2}\s+\w+\s+\d{4}\s+\(UTC\)", re.MULTILINE
        ),
        "",
    ),
)
"""What only a wiki writes."""
_IN_PROSE: tuple[_Replacement, ...] = (
    ("{{", re.compile(r"\{\{[^{}]{0,600}\}\}"), ""),
    ("[[", re.compile(r"\[\[(?:[^\[\]|\n]{0,120}\|)?([^\[\]|\n]{1,200})\]\]"), r"\1"),
    (
        "''",
        re.compile(r"(?<![\w'’)])'{2,5}(?=[^\s'])([^'\n]{1,200}(?:'(?!')[^'\n]{1,200}){0,5}?)'{2,5}(?!['\w])"),
        r"\1",
    ),
    ("=", re.compile(r"^\s*=+\s*(.{1,100}?)\s*=+\s*$", re.MULTILINE), r"\1"),
    (
        "<",
        re.compile(
            r"</?(?:br|b|i|u|p|div|span|sup|sub|small|center|li|ul|ol|nowiki|table|tr|td|font)\b[^<>]{0,120}/?>",
            re.IGNORECASE,
        ),
        " ",
    ),
)
"""What code writes too: it stays in a text about code."""
_TYPED = re.compile(
    r"\b(?:(?:typ|writ|past)(?:e|ing)(?!\s+of\b)|inserting|edit\s+box|plac(?:e|ing)\s+an?)\b[^.?!{<\n]{0,40}(?::\n)?\s*(?:\{\{|<ref)",
    re.IGNORECASE,
)
"""Markup that is the object of a sentence: "Type {{fern}} into the box"."""
_LEFT = re.compile(
    r"\{\{(?=[\w#:])(?!-?[\d.]+\s*[,}])|\[\[(?=[A-Za-z:])|<ref\b|</ref>|"
    rf"\b(?:Template:|Category::?|File:)(?=\w)[\w-]++(?:\s+[A-Z]\w*+)*+{_NOT_WITHIN}|"
    r"\d{4}\s+\(UTC\)|\|\|\s*(?:style|align|(?:col|row)span)\b|"
    r"^[ \t]*(?:[|!][^\n]*\|\||\}\})",
    re.MULTILINE,
)


def markup_cut(field: Field) -> str:
    text = field.text
    if _is_subject(text):
        return text
    replacements = _ALWAYS
    if not about_code(text):
        replacements += _IN_PROSE
        for opening, closing, most in _BLOCKS:
            if opening in text:
                text = _without(text, opening, closing, most)
    for sign, pattern, replacement in replacements:
        if sign not in text:
            continue
        cut = pattern.sub(replacement, text)
        text = cut if len(cut) == len(text) else _EMPTY.sub("", cut)
    return text.strip()


def _without(text: str, opening: str, closing: str, most: int) -> str:
    """The text without its blocks; each place is looked at once, which a pattern would do for every opening anew."""
    pieces, last, end = [], 0, 0
    begin = text.find(opening)
    while begin >= 0 and end >= 0:
        if end < begin + len(opening):
            end = text.find(closing, begin + len(opening))
        if 0 <= end <= begin + len(opening) + most:
            pieces.append(text[last:begin])
            last = end + len(closing)
        begin = text.find(opening, max(last, begin + 1))
    return "".join(pieces) + text[last:]


def markup_left(row: Row) -> bool:
    """Whether markup is left that cannot be taken apart."""
    text = row.answer.text
    return may_have_markup(text) and bool(_LEFT.search(text)) and not (about_code(text) or _is_subject(text))


def _is_subject(text: str) -> bool:
    """Whether a text tells what to type into a wiki."""
    return ("{{" in text or "<ref" in text) and bool(_TYPED.search(text))


def may_have_markup(text: str) -> bool:
    return _SIGNS.found_in(text)
