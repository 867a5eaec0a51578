"""What all rules share: repair of characters, escapes and spaces, sentences, words. Pure functions that know no pack."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

Judgement = TypeVar("Judgement")

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})(?![0-9a-zA-Z]*\{)")
_PROVES_BREAKS = re.compile(r"(?:(?<=\w)[.!?:;,)]|\\n|\\r)[ ]?\\[rn](?=[\s\\A-Z0-9*-])")
"""An escaped line break where a line may end: after a stop, or twice."""
_NO_ESCAPE = re.compile(r"\\(?![\\/\"]|u[0-9a-fA-F]{4}(?![0-9a-zA-Z]*\{)|[nrt](?=\s*(?:[\\A-Z0-9*(\"•–-]|$)))")
"""A backslash that JSON does not write: it escapes nothing, or a line break before a small letter."""
_LONE = re.compile(r"(?<![\w\\])(?:\\u[0-9a-fA-F]{4})+(?!\w)")
_NOT = ("don", "esn", "didn", "isn", "aren", "asn", "eren", "haven", "hadn", "ldn", "ustn", "eedn", "can", "won")
_WHO = ("I", "ou", "we", "We", "hey", "he", "He", "it", "It", "hat", "who", "Who", "here", "ould", "ight", "ust")
_APOSTROPHE = re.compile(
    rf"\\(?:(?:{'|'.join(rf'(?<={word}.)' for word in _NOT)})(?=t\b(?![\\+*?{{(\[]))|"
    rf"(?:{'|'.join(rf'(?<={word}.)' for word in _WHO)})(?=(?:m|d|re|ve|ll)\b(?![\\+*?{{(\[]))|"
    r"(?<=\bdon.)(?=ts\b)|(?<=\b[Mm]a.)(?=am\b)|(?<=\bo.)(?=clock\b)|(?<=[a-z][a-z]s.)(?=[ ][a-z]{3})|"
    r"(?<=[A-Za-z][A-Za-z].)(?=s(?:[.,;:!?)\"”]*\s|[.,;:!?)\"”]*$|-[a-z])))"
)
"""Behind the words that have such a form, and of `\\s`, which a regular expression has too, where its word ends."""
_STRAY = re.compile(r"\\(?<=[A-Za-z].)(?=['’](?:s|t|re|ve|ll|d|m)\b)|\\ (?<=[a-z][.!?] ..)(?=[A-Z][a-z ])")
"""Before an apostrophe, and between sentences."""
_FEET = re.compile(r"\\(?<=\b[4-7].)(?=(?:\d|1[01])\b(?![\\/]))")
"""Between feet and inches."""
_SEARCHES = re.compile(
    r"(?-i:\\[wbDWSB])|\b(?:e?grep|sed|awk|pattern\s+\S*\\|match(?:es|ed|ing)?|whitespaces?|log-?\s?[io]n|user\s?names?|tabs?\s+character|strings?)\b",
    re.IGNORECASE,
)
"""Where a backslash belongs to a pattern or to a login."""
_QUOTES = re.compile(r"\\(?<![^\s(]\\)\\{0,3}([A-Za-z][^\\\n]{0,80}?)\\{1,4}(?![A-Za-z\\])")
"""The backslash stands first, which is looked for in a tenth of the time of what stands before it."""
_HALF = re.compile("[\ud800-\udfff]")
"""Half a pair is no character."""
_CODE_WORDS = re.compile(
    r"\b(?:JSON|HTML|XML|YAML|TOML|CSV|CSS|SQL|LaTeX|Markdown|RegExp?|(?:Java|Type|ECMA)Script|JSX?|Java|Python|Perl|PHP|Ruby|Bash|Lua|"
    r"Golang|Kotlin|Haskell|PowerShell|Jinja2?|Django|Vue|Angular(?:JS|['’]s|\s+(?:component|template|app)s?)|React(?:\.js|\s+(?:component|app)s?)|"
    r"Handlebars|Mustache|Helm|Ansible|Terraform|GitHub|Unicode|ASCII|UTF-?\d+)\b|\bC(?:\+\+|#)|"
    r"\b(?i:regexp?|regular\s+expressions?|newlines?|line\s+(?:breaks?|feeds?)|backslash(?:es)?|escape\s+(?:sequence|character|code)s?|"
    r"(?:the|an)\s+escape(?=\s+\\)|code\s+points?|docstrings?|printf|syntax|placeholders?|stdout|(?:shell|bash)\s+scripts?|source\s+code|"
    r"compilers?|interpolation|(?:string|character)\s+literals?|(?:html|page|email|helm|go)\s+templates?|(?:lines?|tabs?)\s+in\s+the\s+output|"
    r"programming\s+languages?)\b"
)
_CODE_SIGNS = (
    *"json html xml yaml toml csv css sql latex markdown regex script js java python perl php ruby bash lua golang".split(),
    *"kotlin haskell powershell jinja django vue angular react handlebars mustache helm ansible terraform github".split(),
    *"unicode ascii utf c++ c# newline backslash escape docstring printf syntax placeholder stdout compiler literal".split(),
    *("interpolation", "regular exp", "line break", "line feed", "code point", "source code", "template", "the output"),
    "programming",
)
"""A text without any of these needs no search, which takes 150 us."""
_CODE_NAMES = frozenset(
    """json html xml yaml toml csv css sql latex markdown regex regexp javascript typescript ecmascript js jsx java
    python perl php ruby bash lua golang kotlin haskell powershell jinja jinja2 django vue angular angularjs react
    handlebars mustache helm ansible terraform github unicode ascii c regular newline newlines break breaks feed feeds
    backslash backslashes escape code docstring docstrings printf syntax placeholder placeholders stdout script scripts
    compiler compilers interpolation literal literals template templates output languages language""".split()
)
"""One of these words is in each text with such a name, but for UTF-8: looking for them takes 10 us, for the signs 40."""
_MOJIBAKE = re.compile("[ÂÃâäåæçèéïðÄÅĂĎÐÎÏÑØÙ€]")
"""What bytes of UTF-8 look like when they are read in another encoding; only then does the costly check run."""
_ENCODINGS = re.compile(
    r"\b(?:(?:mojibake|utf-?8|latin-?1|iso[- ]?8859|(?:cp|windows)-?125\d|unicode|charset|character\s+(?:set|encoding)|"
    r"text\s+encoding|encoding\s+(?:error|problem|issue))\b|"
    r"(?:shows?|displays?|prints?|becomes?|became|instead\s+of|turn(?:s|ed)\s+into|looks?\s+like)\s+[\"“'‘(]?\w{0,30}?Ã)",
    re.IGNORECASE,
)
"""A text that names one of these may show what wrong letters look like, or says what shows them."""
_ASKS_WHAT = re.compile(r"\W*(?:what|why|where|how)\b[^\n]{0,80}\?\W*$", re.IGNORECASE)
_AROUND = " .,;:!?()[]\"'`*"
_ODD_BLANK = re.compile(r"[^\S\n ]")
_BLANKS = re.compile(r"  +")
_SET = re.compile(r"^(?: {2,}|\t| ?[-*•+\d])|\S(?: {3,}|\t)\S")
"""A line whose blanks mean something: indented, an item of a list, or columns."""
_CONTROL = dict.fromkeys(number for number in [*range(32), *range(127, 160)] if number not in (9, 10, 13, 0x85))
_REMOVED = {**_CONTROL, 0xFEFF: None, 0xFFFC: None}
"""Control characters, byte-order marks, places of lost objects."""
_HAS_REMOVED = re.compile(f"[{''.join(map(chr, _REMOVED))}]")
TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\))")
"""What colours the output of a terminal, moves its cursor or names its window: ECMA-48's control sequences."""
# Invisible, and without meaning for a reader of prose: direction marks, joiners at odd places, soft hyphens.
_UNSEEN = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xAD])
_HAS_UNSEEN = re.compile(f"[{''.join(map(chr, _UNSEEN))}]")
"""Looking for one takes a tenth of the time of taking them out."""
_MARKED = re.compile(
    r"[\u0590-\u07ff\u0900-\u0fff\u1000-\u109f\u1780-\u18af\ufb1d-\ufdff\ufe70-\ufefc\U0001f000-\U0001faff]"
)
"""Scripts in which joiners shape letters or part words, or which are written from right to left, and emoji: there they stay."""

HIDDEN = range(0xF0000, 0xFFFFE)
"""Private characters that stand for the parts of a text which keep every character, while the rules run."""

_ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof st vs e.g i.e eg ie approx no fig inc jr sr dept al cf resp max min tab cap inj".split()
)
_PLAIN_WORD = re.compile(r"[^\W\d_A-Z]+(?:['’-][a-z]+)*(?:[\s,;:!?]|\.(?:\s|$)|$)")
_CODE_CHARACTERS = re.compile(r"[=<>{}\[\]_\\$`|]|:(?=//)|[(/](?<=\w.)|\.(?<=[a-z].)(?=[a-z])")
"""Each begins with its rarest sign, which is looked for in a tenth of the time of a letter before it."""
LOOKED_AT = 160
"""Characters of a line that show whether it is prose."""
_ITEM = re.compile(rf"\s*(?:[-*•+–]\s|\d{{1,2}}[.)]\s|[{chr(HIDDEN.start)}-{chr(HIDDEN.stop - 1)}])")
_SENTENCE_WORDS = frozenset(
    """the a an you your it its it's this that these those they them there their i i'm my me we our us he she his her him of to
    and but because should can could may might must would will shall do does don't not is are was were be been being has have
    had what how why when where which who yes no most more many some any all very also please if so then these here""".split()
)
_NO_LETTERS = {code: " " for code in range(0x2100) if code == 0x5F or not (chr(code).isalnum() or chr(code).isspace())}
"""ASCII and the common signs beyond it; a third of the time of a regular expression."""
_NO_ABBREVIATION = r"(?<=[a-z]{4}[.!?…])" + "".join(
    sorted(rf"(?<!{word[-4:]}\.)" for word in _ABBREVIATIONS if len(word) >= 4)
)
_STOP, _BEHIND = r"[.!?…\n]", r"[.!?…]*[\"'”’)\]]*(?P<blank>\s+|(?=[A-Z][a-zA-Z]|[*•]\s?[A-Za-z])|(?<=\n))"
_BOUNDARY = re.compile(rf"{_STOP}(?:{_NO_ABBREVIATION}(?P<sure>\s+)|{_BEHIND})")
"""Where a sentence may end. Behind four small letters a stop and a blank surely end one, which saves most of the questions."""

_DECIMALS = re.compile(r"\. \d{1,3}(?: ?%| ?[x-] ?\d| (?=[a-z(]|$)|(?!st|nd|rd|th)[a-z])")
"""Behind a decimal point with a blank, "a level of 6. 85 of"; not the number of an item, or a sentence with a capital."""


IN_STEP = 128
"""Rows that walk in step (cleaner.py); with more of them their own texts leave the caches."""
TEXTS_IN_STEP = 2 * IN_STEP
"""Their questions and answers. What several rules ask of the same text is remembered of that many, or it is known no more when
the next rule asks: with 4 texts rows took 1.03 to 1.05 times as long."""


SELDOM = "`~$\\|\t/][(){}=;<>:@'#\""
"""Signs that prose seldom has."""
_CONTROLS = frozenset((*range(32), 127))
_CONTROLS_IN_LINES = _CONTROLS - {ord("\n")}
_OFTEN = bytes({*range(256)}.difference(_CONTROLS, SELDOM.encode(), b"0123456789"))


@functools.lru_cache(maxsize=TEXTS_IN_STEP)
def rare_in(text: str) -> bytes:
    """Each control character, digit and sign of SELDOM in a text, all of them in the time of five searches for one. Most rules
    must see no more of it."""
    return text.encode("utf-8", "surrogatepass").translate(None, _OFTEN)


@functools.lru_cache(maxsize=TEXTS_IN_STEP)
def codes_in(text: str) -> frozenset[int]:
    """The different ones of these."""
    return frozenset(rare_in(text))


@functools.lru_cache(maxsize=TEXTS_IN_STEP)
def has_printable_lines(text: str) -> bool:
    """Whether a text is printable but for its line breaks: it has no control characters and no blanks but spaces."""
    if text.isascii():
        return _CONTROLS_IN_LINES.isdisjoint(codes_in(text))
    return text.replace("\n", " ").isprintable()


@functools.lru_cache(maxsize=TEXTS_IN_STEP)
def is_plain(text: str) -> bool:
    """Whether a text is one line of printable ASCII, which several rules ask."""
    return text.isascii() and _CONTROLS.isdisjoint(codes_in(text))


def repair(text: str) -> str:
    """The text with its letters decoded as they should have been, LF line ends, no control characters and no colours.

    Only what is damage in any text: blanks, tabs, backslashes and the lines themselves stay.
    """
    if not is_plain(text):
        if not text.isascii() and _MOJIBAKE.search(text) and not _ENCODINGS.search(text):
            from ftfy import fix_encoding  # 58 modules, and most data sets have no such text

            mended = fix_encoding(text)
            text = text if mended == text or _explains(text, mended) else mended
        if "\r" in text or not text.isascii():
            text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
        if not has_printable_lines(text) or "\ufffc" in text:  # which is printable
            text = TERMINAL.sub("", text) if "\x1b" in text else text
            text = text.translate(_REMOVED)
    return text


def _explains(text: str, mended: str) -> bool:
    """Whether a text speaks of the letters that would be mended: it holds a word in both forms, or asks for one by itself."""
    before, after = (Counter(word.strip(_AROUND) for word in form.split()) for form in (text, mended))
    changed = [word for word in after - before if not word.isascii()]
    if any(word in before and any(not letter.isascii() and letter.isalpha() for letter in word) for word in changed):
        return True
    return bool(_ASKS_WHAT.match(text)) and any(len(word) == 1 for word in changed)


def unescaped(text: str) -> str:
    """The text as it was before JSON escaped it, and with apostrophes and quotes where backslashes stand for them. Not where
    the text is about code: there an escape is what it speaks of."""
    if "\\" not in text or about_code(text):
        return text
    if not _SEARCHES.search(text):
        text = _STRAY.sub("", _APOSTROPHE.sub("'", text))
        text = _FEET.sub("'", text) if has_any(text, ("height", "Height", "tall", "feet")) else text
    if (_ESCAPE.search(text) or _PROVES_BREAKS.search(text)) and _is_json(text):
        text = repair(_HALF.sub("", json.loads(f'"{text}"', strict=False)))
    return _QUOTES.sub(r'"\1"', text)


def _is_json(text: str) -> bool:
    """Whether JSON wrote all of the text: each backslash escapes something, and nothing is left that JSON would have escaped. A
    letter that is escaped by itself is what the text is about."""
    if not text.isascii() or "\n" in text.strip() or _NO_ESCAPE.search(text):
        return False
    escaped = text.replace("\\\\", "")
    if '"' in escaped.replace('\\"', "") or escaped.endswith("\\"):
        return False
    return not any(any(map(str.isalnum, json.loads(f'"{found[0]}"'))) for found in _LONE.finditer(text))


def about_code(text: str) -> bool:
    """Whether a text names a programming language, a format of files or a thing of code."""
    lowered = text.lower()
    if _CODE_NAMES.isdisjoint(words_of(lowered)) and "utf" not in lowered:
        return False
    return has_any(lowered, _CODE_SIGNS) and bool(_CODE_WORDS.search(text))


def respaced(text: str) -> str:
    """Prose with single blanks, none at the ends of lines or of the text, and no unseen characters. Between other lines, what
    is indented or stands in columns keeps its blanks: lists, verse, and code that nothing else shows to be code."""
    if not text.isascii() and _HAS_UNSEEN.search(text) and not _MARKED.search(text):
        text = text.translate(_UNSEEN)
    text = text.strip()
    if is_plain(text):
        return _BLANKS.sub(" ", text) if "  " in text else text
    if not (has_any(text, ("  ", " \n", "\n ")) or (not has_printable_lines(text) and _ODD_BLANK.search(text))):
        return text
    if "\n" not in text:
        return _BLANKS.sub(" ", _ODD_BLANK.sub(" ", text)).strip()
    return "\n".join(
        line.rstrip() if _SET.search(line) else _BLANKS.sub(" ", _ODD_BLANK.sub(" ", line)).strip()
        for line in text.split("\n")
    )


def boundaries(text: str, begin: int = 0) -> Iterator[int]:
    """Where sentences begin after `begin`: after a stop and spaces, after a stop glued to a capital, or after a line break."""
    size = len(text)
    for match in _BOUNDARY.finditer(text, begin):
        end = match.end()
        if end < size and (match.lastgroup == "sure" or _ends_a_sentence(text, match)):
            yield end


def _ends_a_sentence(text: str, match: re.Match[str]) -> bool:
    at = match.start()
    if text[at] == "\n":
        return True
    if text[at] == "." and match.start("blank") == at + 1:
        last = text[max(0, at - 8) : at].replace("\n", " ").replace("(", " ")
        last = last[last.rfind(" ") + 1 :]
        if last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isupper()):
            return False
        if last.isdigit() and len(last) <= 2 and _numbers_a_list(text, at - len(last)):
            return False
        if last.isdigit() and len(last) <= 3 and _DECIMALS.match(text, at):
            return False
    # Without a blank it is an abbreviation or a number: "b.P", "1.A".
    return bool(match["blank"]) or (at >= 3 and text[at - 3 : at].isalpha())


def _numbers_a_list(text: str, at: int) -> bool:
    """Whether the number at `at` stands where an item of a list begins."""
    before = text[:at].rstrip(" ")
    return not before or before[-1] in "\n.!?:;)"


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the spaces and line breaks after it: joined they give the text again."""
    return list(_sentences(text))


@functools.lru_cache(maxsize=TEXTS_IN_STEP)
def _sentences(text: str) -> tuple[str, ...]:
    """Several rules in a row ask for the sentences of the same text."""
    starts = [0, *boundaries(text), len(text)]
    return tuple(text[begin:end] for begin, end in pairwise(starts))


REMEMBERED, LONGEST_REMEMBERED = 4096, 400


def remembered(judge: Callable[[str], Judgement]) -> Callable[[str], Judgement]:
    """A function of a sentence or line that remembers its last answers: goodbyes repeat from row to row, all others from pass
    to pass. It is asked anew for long ones, which would fill the memory."""
    known = functools.lru_cache(maxsize=REMEMBERED)(judge)
    return functools.wraps(judge)(lambda text: known(text) if len(text) <= LONGEST_REMEMBERED else judge(text))


def has_any(text: str, signs: Iterable[str]) -> bool:
    """Whether one of the signs is in the text; a loop takes half the time of any()."""
    for sign in signs:  # noqa: SIM110
        if sign in text:
            return True
    return False


_WORD = re.compile(r"\w+")
TO_BLANKS = bytes(code if chr(code) == "_" or chr(code).isalnum() else 32 for code in range(128)).ljust(256)


def words_of(text: str) -> list[str]:
    """The runs of letters, digits and underscores in a text; of most texts in a fifth of the pattern's time."""
    return text.encode().translate(TO_BLANKS).decode().split() if text.isascii() else _WORD.findall(text)


@functools.lru_cache(maxsize=2)
def words_asked(question: str) -> frozenset[str]:
    """The different words of a question, in small letters; several ask for them of the same one."""
    return frozenset(words_of(question.lower()))


def words(text: str) -> int:
    return len(text.split())


_UNPARTED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Letters of scripts without blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese. Korean has blanks."""
_BYTES_OF_PARTED = bytes(set(range(0xE0)) | {0xE2})
"""Bytes of UTF-8 without those that these letters begin with; 0xE2 begins typographic signs (U+2000 to U+2FFF) alone."""
LETTERS_A_WORD = 2
"""Letters of these scripts that count as a word: a Chinese word has 1.5 to 2, a Japanese one with its endings 2 to 3."""


def units(text: str) -> int:
    """Length of a text in words of any script: parts between blanks, and two letters a word where a script has no blanks."""
    if text.isascii():
        return len(text.split())
    rare = text.encode("utf-8", "surrogatepass").translate(None, _BYTES_OF_PARTED)
    letters = len(_UNPARTED.findall(text)) if rare else 0
    if not letters:
        return len(text.split())
    return -(-letters // LETTERS_A_WORD) + sum(any(map(str.isalnum, part)) for part in _UNPARTED.sub(" ", text).split())


def normalised(text: str) -> list[str]:
    """What two rows must share to be duplicates: words of letters and digits, whatever their case."""
    return text.casefold().translate(_NO_LETTERS).split()


def capital(text: str) -> str:
    """The first letter of prose as a capital; names such as pH or iPhone, commands and code keep theirs."""
    return (
        text[:1].upper() + text[1:]
        if _PLAIN_WORD.match(text) and is_prose(text[:LOOKED_AT].partition("\n")[0])
        else text
    )


def full_stop(text: str) -> str:
    """The full stop that a cut in mid-sentence took away. A line of its own gets none if it is no prose: code, an address, an
    item of a list."""
    line_ended = text[-LOOKED_AT:].rstrip(" ").endswith("\n")
    text = text.rstrip(" -–—\n")
    last = text[-LOOKED_AT:]
    last = last[last.rfind("\n") + 1 :]
    if text.endswith(":") and line_ended:
        return text
    text = text.rstrip(" ,;:-–—\n") if not last.endswith(";") or is_prose(last[:-1]) else text
    if not text or text[-1] in ".!?…)\"'”’]*" or ord(text[-1]) in HIDDEN:
        return text
    if not last.strip():  # a line of tabs
        return text.rstrip()
    if _CODE_CHARACTERS.search(last.split()[-1]) or (line_ended and (_ITEM.match(last) or not is_prose(last))):
        return text
    return text + "."


def is_prose(line: str) -> bool:
    """Whether a line has a word that sentences have and commands lack, and nothing of code."""
    return not _CODE_CHARACTERS.search(line) and not _SENTENCE_WORDS.isdisjoint(
        word.strip(".,;:!?") for word in line.lower().split()
    )
