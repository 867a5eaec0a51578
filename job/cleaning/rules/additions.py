"""What is added at the end of a sentence that breaks off, without which it says the same: what is named besides, a reason, a
purpose. Data and search for scrubbed.py, which says what stands.
"""

from __future__ import annotations

from collections.abc import Iterator

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import has_any

STUMP = r"(?:hy|ad|an|syn|chil|dan|qua|ephe|cylin|carbohy|dehy|rehy|costochon|hyperan)"
"""The beginnings of words that the name ate, where they are no words themselves."""
DETERMINER = r"(?:the|your|an?|some|any|other|their|its|his|her|this|these)"
_LOST_NOUN = rf"(?:\s+{DETERMINER})?(?:\s+(?:{STUMP}|\w+(?:al|ic|ar|ive|ous|ing)))?$"
_VERBS_WITH_TO = (
    r"(?:advi[sc]|ask|tell|told|instruct|recommend|encourag|allow|enabl|caus|lead|help|want|need|requir|expect|request|suggest|"
    r"urg|remind)"
)
_NOT_BEFORE_TO = (
    r"\b(?:have|has|had|is|are|was|were|be|try|trying|able|going|used|likely|due|best|ways?|how|what|when|where|tends?|starts?|"
    r"started|as|important|better|difficult|hard|easy|good|useful|necessary|essential|possible|supposed|meant|known|seems?|said|sure|reasonable|ideal|right|wise|advisable|safe|"
    r"found|shown|you|him|her|them|me|us|it|and|or|not|enough|goal|aims?|plan|role|order|responsibility|ability|chance|measures?|steps?)$"
)
_NO_PURPOSE = rf"\b{_VERBS_WITH_TO}\w*(?:\s+\S+){{0,3}}$|{_NOT_BEFORE_TO}"
"""Before "to" where it tells no purpose, but belongs to what the sentence says."""
_ADDED = (
    # What is named besides, a reason, a purpose, a source, what is done meanwhile; each with the words before which it is no
    # addition, but what the sentence says.
    (
        r"(?:(?:along|together|combined)\s+with|as\s+well\s+as|in\s+addition\s+to|followed\s+by|apart\s+from)"
        + _LOST_NOUN,
        r"\b(?:(?:and|or)|(?:is|are|be|been|was|were)\s+\w+)$",
    ),
    (
        r"(?:due\s+to|because\s+of|owing\s+to)" + _LOST_NOUN,
        r"\b(?:is|are|was|were|be|been|being|\w+ly|often|not|also|mostly|occur\w*|happen\w*|arises?|may|can|or|and|just|only|it|this)$",
    ),
    (
        r"(?:in\s+order\s+)?to\s+(?:reduce|minimi[sz]e|prevent|avoid|control|treat|relieve|improve|increase|decrease|ease|counter|"
        rf"help|rehy|hy|ad)(?:\s+(?:with|in|against))?(?:\s+{DETERMINER})?(?:\s+(?:risk|chances?|amount|episodes?|signs?)\s+of)?$",
        _NO_PURPOSE,
    ),
    (
        rf"(?:from\s+{DETERMINER}|(?<=level\s)in\s+{DETERMINER}|while(?:\s+\w+ing)?)$",
        r"\b(?:\w{1,3}|\w+(?:s|ing|ed|en)|away|arise|come|suffer|recover|differ|different|benefit|refrain|abstain|relief|free|part|aside|"
        r"occur|happen|protect|prevent|derive|result|protection|stem|range|make|made|take|taken|gain|important|necessary)$",
    ),
)
_ADDED_WORDS = (
    ("with", "well as", "addition to", "followed by", "apart from"),
    ("due to", "because of", "owing to"),
    (" to ",),
    (" from ", "level in", " while"),
)
"""One of these is in each of them."""
_ADDITIONS = tuple(
    (words, pattern(rf",?\s+{added}"), pattern(bound))
    for words, (added, bound) in zip(_ADDED_WORDS, _ADDED, strict=True)
)
REACH = 70
"""Characters at the end in which such an addition begins."""
_TO_SEE = pattern(
    r",?\s+(?:in\s+order\s+)?to\s+(?:see|know|check|find|confirm|determine|decide|assess|understand|learn|make\s+sure|ensure|rule\s+out|"
    r"exclude|look\s+for)\b"
)
_TO_GAIN = pattern(
    r",?\s+(?:in\s+order\s+)?to\s+(?:reduce|minimi[sz]e|prevent|avoid|control|treat|relieve|improve|increase|decrease|ease|help|keep|remove|maintain)\b"
)
"""What something is done for, up to the end: the advice stands without it."""
_WHICH_HELPS = pattern(
    r"\s+(?:which|that)\s+(?:(?:will|can|may)\s+)?(?:help|prevent|reduce|improve|act|protect|keep|treat)s?\b"
)
_NO_THING = pattern(
    r"\b(?:foods?|drugs?|medicines?|medications?|things?|something|anything|ones?|those|is|are|so|it|me|us|you|him|her|them|sure)$"
)
_NO_TEST = pattern(
    rf"\b{_VERBS_WITH_TO}\w*(?:\s+(?:{DETERMINER}\s+)?(?:[\w-]+\s+)?(?:doctor|nurse|parents?|child|people|someone|\w+(?:ist|ian)))?$|"
    r"\b(?:need|needs|time|come|comes|want|wants|wish|like|hope|happy|reason|opportunity|attempt|fails?|failed|only|refer|made)$|"
    rf"{_NOT_BEFORE_TO}"
)
"""The same before "to see": "You need to see", "Ask your doctor to check"; but "I advise a test to see"."""
NO_GAIN = pattern(_NO_PURPOSE)
_HELPED = pattern(r"(?<=\shelp)\s+(?:us|you|me|him|her|them)$")


def before_addition(broken: str) -> Iterator[str]:
    """The sentence before what is named besides, or a reason."""
    tail = broken[-REACH:]
    for words, addition, bound in _ADDITIONS:
        added = addition.search(broken, max(0, len(broken) - REACH)) if has_any(tail, words) else None
        if added and not bound.search(broken, 0, added.start()):
            yield broken[: added.start()]


def before_purpose(broken: str) -> Iterator[tuple[str, bool]]:
    """The advice before a purpose that broke off, and whether the purpose is to know something: "Get a test to see if the"."""
    for purpose, bound in ((_TO_SEE, _NO_TEST), (_TO_GAIN, NO_GAIN), (_WHICH_HELPS, _NO_THING)):
        for found in purpose.finditer(broken):
            head = broken[: found.start()]
            if _HELPED.search(head):
                head = _HELPED.sub("", head)
            elif bound.search(head):
                continue
            yield head, purpose is _TO_SEE
