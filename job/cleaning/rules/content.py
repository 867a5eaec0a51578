"""A courtesy phrase that is the content of a sentence: "Feel free to remove the screws", "Clover means good luck". Data for
forum.py: what keeps a sentence that closings.py would cut."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import WORDS, pattern
from job.cleaning.rules.text import HIDDEN, has_any, words

FREE_TO = pattern(
    r"\b(?:free|hesitate)\s+to\s+(?!have\s+(?:any|more|further)\s+(?:more\s+|further\s+|other\s+)*(?:quer|question|doubt|concern|discuss)|(?:always\s+|directly\s+|please\s+|also\s+|kindly\s+|you\s+)*(?:ask|contact|write|get|reach|call|message|e?-?mail|consult|"
    r"post|share|let|revert|come|follow|discuss|send|chat|talk|speak|raise|quer|repl|connect|approach|inform|tell|clarif|clear|comment|respond|"
    r"return|visit|drop|put|pm|ping|text|phone|book|schedule|click|rate|vote|leave|give|upload|attach|seek|[ei]nquire|report|update|"
    r"provide|mention|express|forward|answer|meet|us\b|me\b)|use\s+(?:this|my|our)\b)\w"
)
"""What the reader is free to do besides telling or asking: that is advice."""
FINDS = pattern(
    r"^(?!.*\b(?:quer|question|concern|post|message|mail|sorry|sad|understand|best)).*\b(?:show(?:s|ed|ing)?|reveal\w*|suggest\w*|indicat\w+|"
    r"rais(?:es?|ed)|elevated|low|high|(?:ab)?normal|positive|negative|increased|decreased|mild|moderate|severe|comes|goes|caused)\b"
)
"""What was found where a report was read: "I have seen your scan showing a cyst"; of a question it is repeated."""
_READ_FIRST = pattern(
    r".*\b(?:photo\w*|pictures?|images?|x-?\s?rays?|scans?|mri|ct|reports?|results?|tests?|ecg|film)\b"
)
_SHOWS_THERE = pattern(
    r"\s*(?:it|they|this|these|both|that)\s+(?:clearly\s+|also\s+|only\s+)?(?:shows?|showed|reveal\w*|suggests?|indicates?|demonstrat\w+|"
    r"(?:is|are|was|were|looks?|appears?|seems?)\s+(?:to\s+be\s+)?(?:(?:absolutely|completely|perfectly|all|quite|very|totally|not|within)\s+)*"
    r"(?:fine|ok|okay|good|(?:ab)?normal|suggestive|clear|alright|amazing|consistent|unremarkable|limits)\b)"
)
"""A picture that was looked at, and a sentence that begins with what it shows: "I have seen the scan. It shows a cyst"."""
HOPES_OF_STATE = pattern(
    r"^\W*(?:(?:and|so|but)\s+)?(?:i\s+|we\s+)?(?:do\s+|really\s+|just\s+|sincerely\s+|am\s+)*hop(?:e|ing)\s+(?:that\s+)?(?:(?:it|this|there)\s+(?=is\b|was\b|has\b)|"
    r"(?:you|he|she|your\s+\w+)\s+)"
    r"(?!(?:(?:will|would)\s+(?:be|have|recover|help)|(?:(?:will|would)\s+)?(?:find|found|like|become|feel|feels|(?:recovers?|heals?)(?!\s+(?:the|an?|his|her|its|your|their)\b)|gets?(?!\s+(?:an?|the)\s)))\b)\w+"
    r"(?!.*\b(?:soon|well|better|recover\w*|health\w*|happy|help\w*|answer\w*|quer\w+|questions?|satisf\w+|under\w+|clear\w*|useful|benefi\w+|"
    r"informati\w+|sol[uv]\w+|resolved?|concerns?|best|luck|reply|advi[cs]es?|suggestions?|life|safe|fine|day)\b)"
)
"""How the reader is, or what he did: "I hope you are not on aspirin"; wishes for his recovery and hopes for the
answer are none."""
FARES = pattern(
    r"^\W*(?:(?:and|so|but|now|then)\s+)?(?:you|u|he|she|it|they|everything|all|(?:your|ur)\s+\w+)(?:['’]ll|\s+(?:will|should|would|is\s+going\s+to))\s+"
    r"(?:(?:surely|definitely|soon|certainly|probably|also|all)\s+)*(?:be|get|do|become|feel)\s+(?:(?:just|very|absolutely|all)\s+)*(?:fine|ok|okay|alright|"
    r"right|well|better|good|cured|normal|healthy)\b"
)
"""What becomes of the reader: an answer, though a courtesy stands behind it: "he should be fine thanks"."""
IS_SUBJECT = pattern(
    r"^\W*(?:(?!(?:if|incase|case|when|how|what|which|who|where|why|that|whether|because|so|since|as|once|after|until|hop\w+|i|you|u|"
    r"he|she|it|its|this|these|those|they|there|we|any|anything|all|everything)\b)"
    r"[\w'’-]+\s+){1,6}(?:is|are|was|were|means?|comes?)\b(?!\s+(?:with|to)\s+you)"
)
"""A sentence about a courtesy, or about what only begins like one: "Good luck is a matter of practice"."""
WITH_CAPITALS = re.compile(r"[.!?]\s+[A-Z]")
"""Where later sentences begin with capitals (the first gets one from a cut), a goodbye has one too, or a stop before it."""
NAMES_IT = pattern(
    r"^\W*(?:good\s+luck|(?:(?:best|kind|warm)\s+)?(?:regards|wishes)|thanks|thank\s+you|cheers|bye|all\s+the\s+best)\s+"
    r"(?:is|are|was|were|means?|comes?)\b(?!\s+(?:with|to)\s+you)|^\W*(?:(?:but|so|please|do)\s+)*(?:there\s+is|give\s+\w+|(?:never|not|don['’]t)\s+(?:lose|give\s+up))\s+(?:\w+\s+){0,2}hope\b"
)
"""The same where every word could be a goodbye's: "Good luck is not needed"."""
TAKES_OBJECT = frozenset(
    """say says said saying mean means meant bring brings brought word words write writes wrote with for of no a an the and or
    so is are was hear hears have has need needs wish wishes want give gives called some any my your his her
    their our which that to be like reads read than as by in on such""".split()
)
"""A word that a goodbye behind it belongs to: what is said, meant or wished."""
NAMED = pattern(
    r"^(?-i:(?:with\s+)?(?:thank(?:s|\s+you)|(?:kind|best|warm)\s+(?:regards|wishes)|regards|good\s*luck|bye|cheers)[.!]*\s*$)"
)
"""Goodbyes that can be things; and may join them to others."""
ADDRESSES = frozenset("i my me we us you your yours u ur welcome thank thanks forum ourforum".split())
"""A sentence of boilerplate with an unknown word speaks to somebody."""
HELP_OFFERED = pattern(
    r"^[^.!?\n]{0,40}\b(?:can|will|would|['’]d|['’]ll|happy\s+to|glad\s+to|love\s+to)\s+(?:be\s+(?:happy|glad)\s+to\s+)?(?:certainly\s+|definitely\s+)?"
    r"(?:help|assist)\b[^.!?\n]{0,60}[.!]\s*$"
)
"""All that an answer says before it asks for what it needs: "Of course, I can help you with that."."""
HELP_SIGNS = ("help", "assist")
FEWEST_BEFORE_REQUEST = 8
"""Words before a request; behind fewer ("Sure, I can help with that.") it is the answer."""
SURELY_SAYS_SOMETHING = 100
"""Characters in which nearly every text has more words than that."""
REACH = 48
"""Characters before a goodbye in which the word before it stands."""
FAR_REACH = 300
"""Characters at the end in which sentences show whether the writer uses capitals."""
FIRST_WORDS = 48
"""Characters of a sentence that are looked at first."""


def begins_otherwise(sentence: str, unknown: int) -> bool:
    """Whether more than `unknown` of the first words are none of boilerplate. Most sentences show it by the first of them; all
    words of a sentence take 5 us."""
    unlike = set()
    for word in sentence[:FIRST_WORDS].lower().split()[:-1]:
        if word not in WORDS and word.isalpha():
            unlike.add(word)
            if len(unlike) > unknown:
                return True
    return False


def is_shown_behind(read: str, text: str, place: int = 0) -> bool:
    """Whether the text there begins with what a picture or a report shows that was read just before."""
    return bool(_SHOWS_THERE.match(text, place) and _READ_FIRST.match(read))


def goes_on(text: str, begin: int) -> bool:
    """Whether a goodbye from there to the end belongs to the sentence before it: "Clover means good luck."."""
    before, goodbye = text[max(0, begin - REACH) : begin], text[begin:]
    said = goodbye.lstrip(" ,.!;:)…\n-")
    sign = goodbye[: len(goodbye) - len(said)].strip(" ")
    last = before.lower().split()[-1:]
    if said == goodbye and before and ord(before[-1]) in HIDDEN:
        return True  # an item of a list
    if said.istitle() and " " in said and last and last[0] in TAKES_OBJECT:
        return True  # a title: "The song is called Thank You."
    if said[:1].isupper() or said == goodbye:  # a sentence of its own, or one that lost its blank
        return False
    if sign:
        return ":" in sign
    if not last or last[0] in TAKES_OBJECT:
        return bool(last)
    return bool(NAMED.match(said) and WITH_CAPITALS.search(text, max(0, len(text) - FAR_REACH)))


def is_answer(rest: str) -> bool:
    """Whether a request is the answer, since the rest says next to nothing."""
    few = words(rest[:SURELY_SAYS_SOMETHING]) <= FEWEST_BEFORE_REQUEST and words(rest) < FEWEST_BEFORE_REQUEST
    offers = len(rest) > FAR_REACH or has_any(rest.lower(), HELP_SIGNS)  # of a long rest the pattern takes less time
    return few or (offers and bool(HELP_OFFERED.match(rest)))
