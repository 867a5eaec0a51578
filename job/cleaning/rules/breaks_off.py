"""Answers that break off: the last sentence was cut upstream, or its end was scrubbed."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.eaten import completed_end
from job.cleaning.rules.scrubbed import standing_clause, stands
from job.cleaning.rules.text import HIDDEN, boundaries, has_any, is_prose, words

# Where an answer was cut off: words that cannot end a sentence.
DANGLING = pattern(
    r"(?:^|[\s(])(?:the|(?-i:a)|an|of|to|and|or|with|for|by|in|on|at|from|as|is|are|was|were|includes?|including|involves?|containing|following|"
    r"(?:as\s+)?follows|like|than|because|into|your|their|its|his|her|be|that|which|who|if|when|such\s+as|consists?(?:\s+of)?|may|can|"
    r"should|will|would|must|not|do|does|about|between|during|until|any|some|these|those|very|e\.g|i\.e|syn|hy|chil|hun|carbohy|dihy|dehy|rehy|cylin|costochon|treating(?<=your\streating)|treating(?<=the\streating))\s*[:,;\-–—]*$|[,;(\-–—]$"
)
_BROKEN_WORD = re.compile(
    r"(?<=\s)(?:hy|chil|syn|dehy|rehy|dihy|diphenhy|carbohy|cylin|pseudoephe|ephe|costochon|hyperan|dan|bena|"
    r"(?<=\ba )(?<!all of a )sudden|"
    r"(?:(?<=upper )|(?<=lower )|(?<=static ))qua|(?<!an )(?<!the )(?<!this )(?<!your )ad|"
    r"(?<=your )treating|(?<=the )treating)\.?$"
)
"""The beginning of a word, or one before a noun, that a rule may have given a full stop."""
_LONGEST_BROKEN = 20
_BROKEN_ENDS = ("hy", "chil", "syn", "cylin", "ephe", "chon", "an", "ad", "ing", "bena", "qua", "sudden")
"""How such words end."""
_LONE_NUMBER = re.compile(r"(?<=[a-z][a-z)][.!?])\s*\b\d{1,2}[.)]$")
PROMISE = pattern(
    r"(?:\bthe\s+following\b|\bas\s+follow(?:s|ing)?\b|\bthese\s+are\s+the\b|\b(?:given|listed|mentioned|described)\s+below\b|\bfollow\s+these\b|"
    r"\b(?:some|few)\s+(?:\w+\s+)?(?:tips|measures|suggestions|points)\s*$)(?P<of>[^.:]{0,60}):?\s*$"
)
"""A last sentence without a stop that announces a list: the list was lost upstream."""
PROMISE_SIGNS = ("follow", "these", "below", "some", "few")
"""One of these is in it."""
_STUMP = re.compile(
    r"(?:So|Usually|Generally|Sometimes|However|Therefore|Then|Also|But|And|If|In\s+case|Because|Since|When|Although|About|This|These)\b[^\n]*$"
)
"""How a sentence begins that is no item of a list."""
_LONGEST_STUMP = 8
"""Words of a sentence that breaks off and says nothing yet; a longer one may hold advice that no pattern knows."""
_STOPS = (".", "!", "?", "…", ")", '"')
_COMMAND = ("@", "/", "\\", "_", "=", "$", "|", "<", ">")
"""A line with one of these holds a command or a path, and may end as it likes."""
_OPENS = frozenset("after before while although though since also then so usually regarding".split())
"""Words that end no text if they are its only ones."""
_IS_DOES = r"(?:is|are|was|were|do|does|did|can|could|should|will|would|may|must)"
_PRONOUN = r"(?:it|this|that|there|they|you|he|she|i|we|these|those)"
_SOME_WORDS = r"(?:[\w'’-]+\s+)"
_MAY_END = (
    r"(?:later|so|goes|going|go|carry|keep|early|based|moved?|further|earlier)\s+on|off\s+and\s+on|(?:switch|turn|keep|leave|put)\s+(?:it|them)\s+on",
    r"(?:com(?:e|ing)|set|sets|settle|breathed?)\s+in|in\s+between|pass(?:ing)?\s+by|looked\s+at|is\s+(?:an?\s+)?must|or\s+not|otherwise\s+not",
    r"(?:tak(?:e|en|ing)\s+care|ma(?:k|d)e\s+use|thought)\s+of|if\s+(?:any|need\s+be)|(?:since|and)\s+when|to\s+do",
    r"(?:worr\w+|think\w*|talk\w*|know|concerned|asked)\s+about|(?:nothing|something|anything)\s+to\s+(?:\w+\s+){1,2}(?:of|for|about|with|at|on|to)",
    # "for that", "below that", "near her": what follows would change little.
    r"(?:because\s+of|due\s+to|for|with|on|to|below|about|like|than|after|before|do|does|did|done)\s+that|all\s+(?:this|these|those)",
    r"(?:do|does|did|done|about|like|than|after|before)\s+this|(?:to|for|with|of|inside|near|about|from|help|see|reach|call|ask)\s+her",
    # "what it is", "where the spots are", "what could it be", "as they should", "more than men do".
    rf"(?<=\s)(?:what|where|how|whatever|wherever)\s+{_SOME_WORDS}{{1,6}}{_IS_DOES}|(?:yes|no|think|hope|believe|sure|who|which)\s+{_PRONOUN}\s+{_IS_DOES}",
    rf"{_IS_DOES}\s+{_PRONOUN}\s+be|(?:what|whatever|who|how)\s+{_SOME_WORDS}{{1,6}}(?:may|might|could|can)\s+be",
    rf"as\s+{_SOME_WORDS}{{1,4}}(?:do|does|did|should|would|could)|(?:than|like)\s+{_SOME_WORDS}{{1,4}}{_IS_DOES}",
    rf"but\s+{_SOME_WORDS}{{1,3}}(?:is|are|was|were|does|did)\s+not|(?:anything|something|nothing|all)\s+{_PRONOUN}\s+can\s+do",
    rf"(?:if|as|when|whatever|whenever|all)\s+(?:much\s+as\s+|soon\s+as\s+|often\s+as\s+)?{_PRONOUN}\s+(?:can|may|like|do)",
    rf"(?:if|when|as|than|whenever|what)\s+{_PRONOUN}\s+(?:(?:don['’]?t|do\s+not)\s+)?(?:want|need|like|used|have|wish|are\s+\w+)\s+to",
    # "all that you are allergic to", "the place where he lives in".
    r"(?:that|which|what|where|who|things?|only)\s[^,;.?!]{1,40}\s(?:suffer\w*|look\w*|deal\w*|left|allergic|bothered|comfortable|happy|"
    r"associated|refer\w*|based|liv(?:e|ing))\s+(?:from|for|with|to|about|at|on|in)",
)
"""Ends of a sentence without a full stop that only look as if it broke off: "it may crack later on". Of 39,000 real sentences
without their stops 1.3 % were cut before most of them were known."""
_ENDS = pattern(rf"\b(?:{'|'.join(_MAY_END)})$")
_LAST_SIGNS = 80
"""Characters in which such an end is looked for."""
_ASKS = pattern(
    rf"\W*(?:(?:and|so|but)\s+)?(?:what|which|where|who)\s+{_SOME_WORDS}{{0,3}}{_IS_DOES}\s.*\s(?:of|to|for|with|at|by|from|in|on|about|like|involve|include|be|do)$"
)
"""A question without its mark may end so too: "What is it due to"."""
_SAYS = pattern(r"\d|\s(?:is|are|was|were|can|may|might|should|must|will|has|have|helps?|appears?|causes?|includes?)\b")
LONGEST_PROMISE = 7
"""Words behind "the following"; with more, or one of those above, it is what was promised or a statement."""
REACH = 640
"""Characters at the end in which the last sentence begins."""


def without_cut_off_end(text: str) -> str:
    """The text without a last sentence that was cut off upstream ("Management involves"), but with the clauses of it that stand
    by themselves; unchanged if that is all of it. The number of an item that went goes too."""
    if text[-2:-1].isdigit() and (number := _LONE_NUMBER.search(text, max(0, len(text) - 6))):
        text = text[: number.start()]
    broken = _broken_word(text)
    if text.endswith(_STOPS) and not broken:
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
    if not text[-10:].rstrip(".").endswith(_BROKEN_ENDS):
        return False
    return bool(_BROKEN_WORD.search(text, max(0, len(text) - _LONGEST_BROKEN)))


def _is_one_word(text: str, begin: int) -> bool:
    """Whether one word is left there that can end nothing: "Water it. The". A line of one word is an item of a list."""
    word = text[begin:]
    if text[begin - 1] == "\n" or " " in word:
        return False
    return word.lower() in _OPENS or bool(DANGLING.search(word.lower()))


def _is_stump(sentence: str) -> bool:
    if not _STUMP.match(sentence) or words(sentence) > _LONGEST_STUMP:
        return False
    return not (has_any(sentence, _COMMAND) or any(ord(letter) in HIDDEN for letter in sentence) or stands(sentence))


def _is_line_without_stop(text: str, begin: int) -> bool:
    """Whether the line that begins there stands below another without a stop: so the lines of this text end."""
    before = text[:begin].rstrip()
    return text[begin - 1] == "\n" and before[-1:].isalnum()


def is_cut_off(sentence: str) -> bool:
    if sentence.endswith(_STOPS) or (sentence.endswith(";") and not is_prose(sentence)):
        return False
    tail = sentence[-24:]
    before, _, last = tail.rstrip(" :,;-–—").rpartition(" ")
    breaks = last[:1].islower() or not last.isalpha()
    dangles = breaks and DANGLING.search(tail, len(before))  # the last word decides
    if dangles and not (_ENDS.search(sentence[-_LAST_SIGNS:]) or _ASKS.match(sentence)):
        return True
    end = sentence[-120:]
    promise = PROMISE.search(end) if has_any(end.lower(), PROMISE_SIGNS) else None
    return promise is not None and not _SAYS.search(promise["of"]) and words(promise["of"]) <= LONGEST_PROMISE
