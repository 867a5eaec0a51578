"""The cleaning rules: pure functions on text, each counted under its name. Nothing here knows medicine.

A rule may remove a greeting, never the first sentence behind it: openings are built from closed word lists, so that a
missing full stop cannot make them swallow what follows. Closings go sentence by sentence from the end, so that the full
stop before them stays. Edge rules run until nothing changes, which makes cleaning its own output change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

CLOSING_WINDOW = 300
"""Characters at the end in which closings are looked for; at every position of the text they would cost four times as much."""
MOST_PASSES = 50


@dataclass
class Cleaning:
    """One answer on its way: the text, and what each rule removed from it, in characters."""

    text: str
    removed: dict[str, int] = field(default_factory=dict)

    def becomes(self, text: str, rule: str) -> None:
        if text != self.text:
            self.removed[rule] = self.removed.get(rule, 0) + max(0, len(self.text) - len(text))
            self.text = text


def brand_pattern(brands: tuple[str, ...]) -> re.Pattern[str] | None:
    """`ChatDoctor` also finds `Chat Doctor`, `chat  doctor` and `Chat-Doctor`; None where there are no brands."""
    words = []
    for brand in brands:
        parts = re.findall(r"[A-Z]?[^A-Z\s]+|[A-Z]+", brand)
        words.append(r"[\s-]*".join(map(re.escape, parts)))
    return re.compile(rf"\b(?:{'|'.join(words)})(?:\.com)?\b", re.IGNORECASE) if words else None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


# Words that thanks, welcomes and "I have read your ..." are made of; anything else ends the phrase.
_POLITE = (
    r"(?:your|you|the|this|that|a|an|all|us|me|my|our|for|to|in|at|on|with|by|of|here|and|up|such|so|much|very|well|"
    r"quer(?:y|ies)|questions?|concerns?|posts?|posting|message|mail|problems?|issues?|trust|interest|description|"
    r"details?|history|detailed|writing|using|asking|contacting|choosing|consulting|sharing|putting|reaching|out|"
    r"submitting|providing|information|forum|site|website|platform|service|clinic|community|team|health|online|"
    r"again|back|patience|case|thoroughly|carefully|completely|fully|question\w*|brand_)"
)
_END = r"[\s,.!:;?…\-–—]*"

OPENINGS: dict[str, re.Pattern[str]] = {
    "opening_punctuation": re.compile(r"^[\s,.;:!?\-–—…]+(?=\w)"),
    "greeting": _pattern(
        r"^(?:h(?:i+|ello+|ey|ai|allo)|greetings|namaste|respected|good\s+(?:morning|afternoon|evening|day))"
        r"(?![\w'’-])(?:\s+(?:there|dear|doctor|sir|madam|user|patient|friend|all|everyone|again|and))*" + _END
    ),
    "dear": _pattern(
        r"^dear\b(?:\s+(?:sir|madam|user|patient|friend|customer|member|questioner|reader|parent|mr|mrs|ms|dr)\b\.?)+"
        + _END
    ),
    "dear_name": re.compile(r"^(?:Dear|dear|Hi|Hello)\s+[A-Z][\w'’-]{1,20}\s*[,!:]+\s*"),
    "dear_alone": re.compile(r"^[Dd]ear\s*[,.!]+\s*"),
    "thanks": _pattern(
        rf"^(?:many\s+)?(?:thanks?(?:\s+(?:you|u))?|thankyou|thx)\b(?!\s+to\b)(?:\s+{_POLITE}\b)*" + _END
    ),
    "welcome": _pattern(rf"^(?:a\s+)?(?:warm\s+)?welcome\b(?:\s+{_POLITE}\b)+" + _END),
    "introduction": re.compile(
        r"^(?:I\s+am|I['’]m|This\s+is|My\s+name\s+is|Myself)\s+(?:Dr|DR|dr|Doctor)\b\.?\s*[A-Z][\w.]*(?:\s[A-Z][\w.]*){0,2}"
        r"(?:\s+(?:and\s+I\s+(?:will|shall|would)\s+(?:be\s+)?(?:answer\w*|help\w*|assist\w*)(?:\s+(?:you|your|the|with|question|query|concern|today|here)\b)*))?"
        + _END
    ),
    "query_read": _pattern(
        r"^I\s+(?:have\s+|had\s+|did\s+|can\s+|do\s+|completely\s+|fully\s+)*(?:gone\s+through|went\s+through|read|reviewed|"
        rf"understood|understand|appreciate|studied|noted)(?:\s+(?:through|{_POLITE}))*\s+"
        r"(?:quer(?:y|ies)|questions?|concerns?|post|message|mail|problem|issue|details|history|case|description)"
        r"(?:\s+(?:carefully|thoroughly|completely|well|and))*" + _END
    ),
    "help_offer": _pattern(
        r"^(?:as\s+an?\s+(?:[\w-]+\s+){0,4}(?:assistant|expert|ai),?\s+)?(?:and\s+)?I(?:['’]d|['’]ll|['’]m|\s+would|\s+will|\s+am)"
        r"(?:\s+be)?\s+(?:happy|glad|pleased|delighted|here)\s+to\s+(?:help|assist|answer)"
        r"(?:\s+(?:you|with|that|this|out|regarding|today|your|question|query|in|the|matter))*[\s,.!:]+"
    ),
    "praise": _pattern(
        r"^(?:that(?:['’]s|\s+is)\s+an?\s+|what\s+an?\s+)?(?:great|good|excellent|very\s+good)\s+question[\s,.!:]+"
    ),
    "certainly": _pattern(r"^(?:certainly|sure|of\s+course|absolutely)\s*!+\s*"),
}

# A last sentence that begins so says goodbye; it goes whole.
_CLOSING_STARTS = (
    r"(?:and\s+)?(?:i\s+|we\s+)?(?:do\s+)?(?:sincerely\s+)?hop(?:e|ing)\s+(?:this|that|it|i|my|the\s+above|you|to\s+have|these|we)\b",
    r"(?:i\s+|we\s+)?wish(?:ing)?\s+(?:you|your|u|him|her|them|good|a\s+)",
    r"(?:many\s+)?(?:thanks?(?:\s+you)?|thankyou|thx)\b(?!\s+to\b)",
    r"(?:with\s+)?(?:(?:best|kind|warm|warmest|kindest)\s+)*(?:regards|wishes)\b",
    r"(?:yours\s+)?(?:sincerely|truly|faithfully)\b",
    r"(?:please\s+)?(?:kindly\s+)?(?:do\s+)?(?:feel|fell)\s+free\b",
    r"(?:please\s+)?(?:kindly\s+)?(?:do\s+)?let\s+(?:me|us)\s+know\b",
    r"(?:please\s+|kindly\s+|do\s+|you\s+can\s+|you\s+may\s+)*(?:write|get|revert|come|post)\s+back\b",
    r"(?:please\s+|kindly\s+|do\s+)*(?:rate|click|accept|close)\s+(?:this|the|my)\b",
    r"(?:please\s+|kindly\s+)*(?:don['’]?t|do\s+not)\s+hesitate\b",
    r"(?:and\s+)?(?:if|in\s+case|should)\s+(?:you|u)\s+(?:still\s+)?(?:have|had|need|require|want)\s+(?:any|more|some|further)\s+"
    r"(?:other\s+|more\s+|further\s+|additional\s+|follow[\s-]*up\s+|such\s+)*"
    r"(?:quer|question|doubt|concern|clarification|help|assistance|information|issue)",
    r"(?:any|for\s+any)\s+(?:more\s+|further\s+|other\s+)+(?:quer|question|doubt|concern|clarification|information)",
    r"(?:i\s+(?:will|would|shall|['’]ll|am|['’]ll)|i['’](?:ll|m|d)|we\s+(?:will|would|are))\s+(?:be\s+)?(?:always\s+)?"
    r"(?:happy|glad|pleased|here|more\s+than\s+happy)\s+to\s+(?:help|assist|answer|guide|clarify)",
    r"for\s+(?:more|further)\s+(?:information|quer|doubt|question|help)",
    r"(?:have\s+a|enjoy)\s+(?:nice|great|good|healthy|wonderful|blessed)\b",
    r"get\s+well\b",
    r"good\s+luck\b",
    r"all\s+the\s+(?:very\s+)?best\b",
    r"god\s+bless\b",
    r"stay\s+(?:healthy|safe|blessed|well)\s*[.!,]*$",
    r"take\s+care(?:\s+of\s+yourself)?\s*[.!,]*$",
    r"(?:have\s+i|did\s+i|has\s+this)\s+answer",
    r"(?:i\s+)?(?:would|will)\s+(?:be\s+)?(?:glad|happy)\b",
    r"(?:cheers|bye|goodbye)\s*[.!,]*$",
    r"dr\.?\s+[A-Z][\w.]*(?:\s+[A-Z][\w.]*){0,2}\s*(?:,.{0,40})?$",
)
_CLOSING = _pattern("^(?:" + "|".join(_CLOSING_STARTS) + ")")
# The same without a full stop before it, for the few that cannot begin inside a sentence.
_GLUED_CLOSING = re.compile(
    r"\s+(?:I\s+hope\s+(?:this|that|it|I|you)\b|Hope\s+(?:this|that|it|I|you)\b|Regards\b|Thanks?\b(?!\s+to\b)|"
    r"(?:Kind|Best|Warm)\s+(?:[Rr]egards|[Ww]ishes)\b|Take\s+care\s*[.!]*$|Wish(?:ing)?\s+you\b|Let\s+me\s+know\b)"
    r"[^.!?\n]{0,160}[.!?\s]*$"
)
_SENTENCE_START = re.compile(r"(?:(?<=[.!?…])(?<!\b[DMdm]r\.)(?<!\bMrs\.)[\"')\]]*\s+|\n+\s*)")
_WIKI = re.compile(r"Template:|Category::?|\(UTC\)|\[\[|\{\{|<ref|File:\w")
_URL = re.compile(r"https?://|www\.\w|<link>", re.IGNORECASE)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_BLANKS = re.compile(r"[^\S\n]+")


def repair(text: str) -> str:
    """Literal escapes, line ends, odd blanks and control characters; line breaks stay."""
    text = _ESCAPE.sub(lambda match: _letter(int(match[1], 16)), text) if "\\u" in text else text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(letter for letter in text if letter == "\n" or letter >= " " or letter == "\t")
    text = _BLANKS.sub(" ", text)
    return re.sub(r" *\n *", "\n", text).strip()


def _letter(code: int) -> str:
    return "" if 0xD800 <= code <= 0xDFFF or code < 32 else chr(code)


class Pack:
    """The rules of a run, from the packs that the settings name."""

    def __init__(self, packs: tuple[str, ...], brands: tuple[str, ...]) -> None:
        self.forum = "qa-forum" in packs
        self.wiki = "wiki" in packs
        self.brand = brand_pattern(brands)
        name = self.brand.pattern if self.brand else r"(?!)"
        # Polite phrases may hold the brand: "Thanks for using Leafwise."
        self.openings = {
            rule: re.compile(pattern.pattern.replace("brand_", name), pattern.flags)
            for rule, pattern in OPENINGS.items()
        }
        self.brand_opening = _pattern(
            rf"^(?:(?:from|via|at|on)\s+)?(?:the\s+)?{name}(?:\s+(?:forum|team|community|here))*[,.!:;\-]+\s*"
        )
        self.brand_ending = _pattern(
            rf"[\s,]*(?:(?:the|team|your|from)\s+)*{name}(?:\s+(?:forum|team|community))*[\s.!,]*$"
        )

    def clean(self, text: str) -> Cleaning:
        """An answer without its boilerplate. `clean(clean(x).text).text == clean(x).text`."""
        state = Cleaning(text)
        state.becomes(repair(text), "repair")
        if self.forum:
            for _ in range(MOST_PASSES):
                before = state.text
                self._cut_openings(state)
                self._cut_closings(state)
                state.becomes(_capital(state.text) if state.removed.keys() - {"repair"} else state.text, "capital")
                if state.text == before:
                    break
        return state

    def _cut_openings(self, state: Cleaning) -> None:
        changed = True
        while changed and state.text:
            changed = False
            for rule, pattern in (*self.openings.items(), ("brand_opening", self.brand_opening)):
                match = pattern.match(state.text)
                if match and match.end():
                    state.becomes(state.text[match.end() :], rule)
                    changed = True

    def _cut_closings(self, state: Cleaning) -> None:
        while state.text:
            window = max(0, len(state.text) - CLOSING_WINDOW)
            starts = [match.end() for match in _SENTENCE_START.finditer(state.text, window)]
            last = starts[-1] if starts else 0
            sentence = state.text[last:]
            if last and self._says_goodbye(sentence):
                state.becomes(state.text[:last].rstrip(), "closing")
                continue
            glued = _GLUED_CLOSING.search(state.text, window)
            if glued and glued.start():
                state.becomes(_stop(state.text[: glued.start()]), "glued_closing")
                continue
            brand = self.brand_ending.search(state.text, window) if self.brand else None
            if brand and brand.start():
                state.becomes(_stop(state.text[: brand.start()]), "brand_ending")
                continue
            return

    def _says_goodbye(self, sentence: str) -> bool:
        if _CLOSING.match(sentence):
            return True
        # "Leafwise team." alone, or a signature stump of at most three words without a verb's small letter.
        return bool(self.brand and self.brand.search(sentence) and len(sentence.split()) <= 4)

    def faults(self, question: str, answer: str) -> Iterator[str]:
        """Why a cleaned row must go, first reason first."""
        if self.brand and self.brand.search(question):
            yield "brand_in_question"
        if self.forum and any(self.openings[rule].match(answer) for rule in ("greeting", "dear", "thanks", "welcome")):
            yield "greeting_left"
        if self.brand and self.brand.search(answer):
            yield "brand_left"
        if self.wiki and _WIKI.search(answer):
            yield "wiki_markup"
        if self.wiki and _URL.search(answer):
            yield "link"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stop(text: str) -> str:
    """The full stop that a cut in mid-sentence took away."""
    text = text.rstrip(" ,;:-–—\n")
    return text if not text or text[-1] in ".!?…)\"'" else text + "."


def words(text: str) -> int:
    return len(text.split())


def normalised(text: str) -> str:
    """What two rows must share to be duplicates: letters and digits, whatever their case."""
    return " ".join(re.findall(r"\w+", text.casefold()))
