"""What must be there for a costly pattern to match. A text without it need not be tried, which saves most of the time: looking
for a word takes 0.1 us, for a pattern of many alternatives 5 to 80.

A sign never says that something is found, and one too many costs only time. One too few would leave something in:
tests/cleaning/rules/test_signs.py tries what the patterns match.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from job.cleaning.rules import boilerplate, closings
from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import SELDOM, TO_BLANKS, codes_in, has_any, remembered


class Signs:
    """Parts of texts that are looked for together. Most hold a character that prose seldom has, or a part that they share;
    where it is missing, so are they. A search for one character takes a tenth of the time of one for a word."""

    def __init__(self, *signs: str, shared: tuple[str, ...] = ()) -> None:
        groups: dict[str, list[str]] = {}
        for sign in signs:
            part = next((part for part in (*shared, *SELDOM) if part in sign), sign)
            groups.setdefault(part, []).append(sign)
        self._alone = frozenset(ord(part) for part, group in groups.items() if part in SELDOM and part in group)
        self._seldom = {ord(part): tuple(group) for part, group in groups.items() if part in SELDOM}
        self._codes = frozenset(self._seldom)
        self._groups = tuple((part, tuple(group)) for part, group in groups.items() if part not in SELDOM)

    def found_in(self, text: str, as_written: str = "") -> bool:
        """Whether one of them is in the text. `as_written` is the text before its capitals became small letters: what is seldom
        is the same there, and known from before."""
        if self._seldom:
            seldom = codes_in(as_written or text)
            if not self._alone.isdisjoint(seldom):
                return True
            for code in self._codes & seldom:
                if has_any(text, self._seldom[code]):
                    return True
        for part, group in self._groups:  # noqa: SIM110
            if part in text and (part is group[0] or has_any(text, group)):
                return True
        return False


class Worded:
    """Signs that hold a word, and are looked for only in texts with that word: all words of a text are found in the time of ten
    searches. The word is the first one that a blank follows; of a sign without any, the words that may begin so are given."""

    def __init__(self, signs: Iterable[str], words: str) -> None:
        self._signs: dict[bytes, list[tuple[str, bytes]]] = {}
        second = set()
        for sign in dict.fromkeys(signs):
            first, *more = sign.lstrip(" .").split(" ")
            whole = bool(more) or sign.endswith((",", "."))
            beside = more[0] if len(more) > 1 and more[0].isalpha() else ""  # what is behind it shows where it ends
            second.add(beside.encode())
            for word in [first.rstrip(",.")] if whole else [word for word in words.split() if sign.lstrip() in word]:
                self._signs.setdefault(word.encode(), []).append((sign, beside.encode()))
        self._first = frozenset(self._signs)
        self._words = frozenset((*self._signs, *second))

    def all_in(self, text: str) -> list[str]:
        """Those that are in a text of small letters."""
        # Letters beyond ASCII part the words here, which only shows more of them. Bytes are not made into text again: 1.4 us.
        found = self._words.intersection(text.encode("ascii", "replace").translate(TO_BLANKS).split())
        signs = []
        for word in found & self._first:
            for sign, beside in self._signs[word]:
                if (not beside or beside in found) and sign in text:
                    signs.append(sign)
        return signs


_FIRST_WORD = re.compile(r"[^\W_]+")
_LEAD = re.compile(r"[\s\"'(*•-]*")
_FILLER = pattern(closings.FILLER)
GOODBYE_BEGINS = frozenset(
    """5 5star 5stars a accept add again all also always am an and any anyway anyways approach ask available be best book but
    bye call chat cheers ciao click close come connect consult contact did directly discuss do does don dont dr drop else
    email enjoy faithfully feel fell finally five fivestar fivestars follow followup for further get give glad god good
    goodbye happy has have healthy here hit hope hoped hoping however i if in incase indicate is just keep kind kindest
    kindly lastly lead leave let like live long looking mail many mark may meanwhile meet message more moreover never nice
    once otherwise over phone ping please pleased pls plz post pray praying prays press provide rate reach really regards
    reply report respectfully revert review ring schedule select send share should sincerely so speak speedy star stay take
    talk tell text thank thanks thankyou thanx that thats then this thumb thumbs thumbsup thumbup thx till truly until up
    upvote video videocall visit vote waiting warm warmest warmly we whatsapp when will with would write you your
    yours""".split()
)
"""First words of a goodbye and of the fillers before it."""
GOODBYE_PREFIXES = ("wel", "wish")
"""The same for words of which any number may begin so."""
OPENING_BEGINS = boilerplate.MISSPELT_THANKS | frozenset(
    """a abd absolutely according after am an and ans answer as based below brief by certainly com coming concerning dear
    deeply detailed doctors excellent extremely first firstly following for full gone good got great greetings i im in
    interesting it its let ma maam madam many most my myself nad namaskar namaste of on original quick read really
    regarding reply respected response sad saddened same short sir so sorry sure thank thanks thankyou thanx that
    thereafter this thx truly upon very warm we went what with you mate pal dude bro buddy""".split()
)
"""First words of openings: most answers begin with none of them, and trying the patterns of a letter takes 5 us."""
OPENING_PREFIXES = ("h", "wel")
"""The same for words of any length: "hellooo"."""
_POLITE = Signs(*closings.POLITE, shared=(" me", " us", "ck", "ta", "wait", "hop", "x", "up", "ga", "et ", "sh"))
REFERRAL = (
    *("doctor", "gp", "specialist", "gist", "trist", "ician", "therapist", "dentist", "surgeon", "provider"),
    *("professional", "hospital", "clinic", "emergency", "pharmac", "vet", "nternist", "edist"),
)
"""One of these is in what closings.REFERRAL finds; likewise for the next."""
_REFERRAL = Signs(*REFERRAL, shared=("ist", "rge", "pro"))
LOOKS_BACK = 2
"""Characters before a goodbye that closings.GLUED_GOODBYE looks at."""
GLUED_GOODBYE = (
    *("hope", "regard", "wish", "thank", "care", "well", "know", "free", "hesitate", "best", "information"),
    *("consult", "vote", "good", "stay", "wait", "fear", "step", "update", "bless"),
)

IGNORED_AT_THE_END = " .!…\n\U0001f642\U0001f60a\u263a\U0001f44d\U0001f64f\ufe0f"
LAST_LETTERS = 3
ENDS_LAST = frozenset(end[-LAST_LETTERS:] for end in closings.ENDS)
"""How the words end that can only end a text; to look for them takes 0.5 us, for the words 3."""


@functools.lru_cache(maxsize=2)  # several ask for that of the same sentence
def first_word(sentence: str) -> str:
    """In small letters."""
    first = _FIRST_WORD.search(sentence)
    return first[0].lower() if first else ""


def opening(text: str) -> bool:
    """Whether a text may begin with boilerplate; one that begins with no letter may."""
    word = _FIRST_WORD.match(text)
    return not word or (start := word[0].lower()) in OPENING_BEGINS or start.startswith(OPENING_PREFIXES)


def polite(ending: str) -> bool:
    """Whether an end may hold a polite clause."""
    return _POLITE.found_in(ending.lower())


def goodbye(sentence: str) -> bool:
    """Whether a sentence begins like a goodbye."""
    word = first_word(sentence)
    return (word in GOODBYE_BEGINS or word.startswith(GOODBYE_PREFIXES)) and _begins_with_goodbye(sentence)


def _begins_with_goodbye(sentence: str) -> bool:
    """The same behind any fillers; all goodbyes in one pattern take 10 us, those of a letter 3."""
    lead = _LEAD.match(sentence)
    place = lead.end() if lead else 0
    for _ in range(closings.MOST_FILLERS + 1):
        goodbyes = _goodbyes(sentence[place : place + 1].lower())
        if goodbyes and goodbyes.match(sentence, place):
            return True
        filler = _FILLER.match(sentence, place)
        if not filler:
            break
        place = filler.end()
    return False


@functools.cache
def _goodbyes(letter: str) -> re.Pattern[str] | None:
    """The goodbyes that may begin with a letter."""
    pairs = zip(closings.GOODBYES, closings.GOODBYE_LETTERS, strict=True)
    found = [goodbye for goodbye, letters in pairs if letter and letter in letters]
    return pattern("|".join(found)) if found else None


def referral(sentence: str, begin: int = 0) -> re.Match[str] | None:
    """Where a sentence names somebody to turn to who is not the writer."""
    return closings.REFERRAL.search(sentence, begin) if _REFERRAL.found_in(sentence.lower()) else None


def glued_goodbye(text: str, begin: int) -> re.Match[str] | None:
    """Where a goodbye begins without a full stop before it."""
    if not has_any(text[begin:].lower(), GLUED_GOODBYE) or not _may_be_glued(text[max(0, begin - LOOKS_BACK) :]):
        return None
    return closings.GLUED_GOODBYE.search(text, begin)


@remembered  # of a long text without stops the end is the same again and again
def _may_be_glued(tail: str) -> bool:
    return closings.GLUED_GOODBYE.search(tail) is not None


def last_words(tail: str) -> int:
    """How many characters of a text's end are words that can only end it, given the window of them and the two before it."""
    said = tail.rstrip(IGNORED_AT_THE_END)
    return _last_words_begin(tail) if said[-LAST_LETTERS:].lower() in ENDS_LAST else 0


@remembered
def _last_words_begin(tail: str) -> int:
    if not tail.lower().rstrip(IGNORED_AT_THE_END).endswith(closings.ENDS):
        return 0
    found = closings.LAST_WORDS.search(tail, max(0, len(tail) - closings.LAST_WORDS_WINDOW))
    return len(tail) - found.start() if found else 0
