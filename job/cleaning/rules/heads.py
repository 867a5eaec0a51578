"""The head of a sentence that breaks off: advice before its example, a list with its whole members, a statement before what was
added; and what the next sentence needs of one that goes. Data for scrubbed.py."""

from __future__ import annotations

from collections.abc import Iterator

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import capital, has_any

_NAME = r"(?-i:[A-Z][a-z]{0,2})"
"""The first letters of a name of which the rest was lost: "Xo"."""
EXAMPLE_SIGNS = (" like", " such as", " namely", " for ", ", ")
_EXAMPLE = pattern(
    rf"(?:,?\s+(?:like|such\s+as|namely|e\.g\.?|i\.e\.?|viz\.?)(?:\s+(?:an?|the))?(?:\s+(?:{_NAME}|hy))?|\s+for\s+{_NAME}|,\s+{_NAME})$"
)
"""What is named for example: "Use a mouthwash like", "Start with a gel, Xo"."""
_ADVISES = pattern(
    r"^(?:[^,]{1,40},\s+)?(?:(?:also|so|then|and|but|please|kindly|however)\b,?\s+)*"
    r"(?:you\s+(?:can|could|may|might|should|must|need|have\s+to)|i\s+(?:(?:would|will|also)\s+)*(?:recommend|suggest|advise|prefer)|"
    r"it\s+is\s+(?:essential|important|necessary|better|best)\s+to|(?:please|kindly|better)\s+[a-z]{2,}|my\s+(?:advice|suggestion)\s+is\s+to|"
    r"(?:he|she|it|they|(?:the|your)\s+[\w-]+)\s+(?:can|could|may|might|should|must|will|would))\b"
)
_NO_NOUN = pattern(
    r"\b(?:looks?|feels?|sounds?|seems?|tastes?|smells?|acts?|behaves?|works?|would|much|just|more|exactly|i|we|they|one|you|him|her|them|"
    r"it|me|us|this|that|those|these|so|foods?|things?|something|anything|nothing|ones?|people|symptoms?|signs?|problems?|complaints?|"
    r"conditions?|diseases?|look(?:ing)?|ask(?:ing)?|go(?:ing)?|opt|wait|search|watch|(?:to|should|can|must|may|and)\s+(?:check|test)|tested|evaluated|examined|need|\w+ly|and|or|but)$"
)
"""Behind these no example begins, or without it nothing is said: "You look like", "Take foods like"."""
_MEMBER = pattern(
    r"\b(?:such\s+as|like|including)\s[^;:]{4,}?(?P<last>,?\s+(?:and|or)\s+(?:(?:afterwards|then|later|also|even|sometimes|perhaps|maybe|of\s+course|plenty|more|less|\w{3,}ly|"
    r"too|the|an?|your|some|any|his|her|other)\s+)(?:(?!of\b)[\w-]+\s*){1,6})$"
)
"""The last member of a list of examples, with words of its own: "such as a long flight and afterwards too little"."""
_ADDED = pattern(
    r"\s+and\s+(?:then\s+)?(?:in|with|at|on|from|during|after|before|through|out\s+of|despite|due\s+to|because\s+of)\s+(?!(?:off|out)\b)[^,;:]+$|"
    r"\s+and\s+(?:the|an?|his|her|its|their|your|some)\s+(?:(?!(?:and|or)\b)[\w'-]+\s*){2,8}$"
)
_BOUND = pattern(
    r"\b(?:safe|fine|ok|okay|normal|harmless|allowed|enough|needed|necessary|can|may|should|must)\b[^,;:]*\s(?:when|whenever|after|before)\b|"
    r"^(?:from|based|as|according|looking|considering|given|regarding|with|due|because)\b[^,]*$|\b(?:if|unless|until|not|no|never|only|take|takes|use|used|apply|give|given|once|twice|daily|mg|ml|tablets?|dose)\b|"
    r"n['’]t\b"
)
"""What would say something else without the addition, as all advice may: a condition, a denial, how much or how often."""

_OTHER = pattern(
    r"^(?!\W*(?:what|which|who|how|where)\b).*\b(?:is|are|was|were|looks?|seems?|feels?|appears?|remains?)\s+(?:(?:very|quite|otherwise|all|(?!on)\w+ly)\s+){0,2}"
    r"(?:in\s+(?:good|perfect|fine)\s+\w+|within\s+(?:the\s+)?normal\s+\w+|(?!(?:the|an?|his|her|its|your|to|of|in|at|from|on|by|due|because|as|like|both|such)\b)[\w-]+)"
    r"(?P<other>,?\s+and\s+(?:all\s+)?(?:the\s+)?others?(?:\s+[\w'-]+){0,4})$"
)
"""What is said whole of a thing, before another one of which nothing is left: "The stem is sound and other old pe"."""

_CLAUSE = pattern(
    r"(?<!al)(?<!ic)(?<!ive)(?<!ous)(?<!wer)(?<!ier),\s+(?:and|while)\s+[^,;:]+$|,?\s+(?:whereas|(?:even\s+)?though|although)\s+[^,;:]+$"
)
"""Another clause, without which the one before it says the same."""
_CONDITION = pattern(
    r"^(?:from|based|as|according|looking|considering|given|regarding|with|due|because)\b[^,]*$|\b(?:if|when|whenever|unless|until|once|only)\b"
)

WAITS = pattern(
    r"^the\s+(?:more|less|longer|higher|older|earlier)\b|\b(?:like\s+(?:you|he|she|they|we|it)|(?:that|why)\s+(?:[\w-]+\s+(?:of|in)\s+)?[\w-]+(?:,\s+[\w-]+(?:\s+[\w-]+)?)*)$"
)
"""A head that waits for its verb: "It looks like you", "That is why rain, hail"."""

_SUBJECT = pattern(
    r"^(?:(?P<one>(?!(?:the|an?|this|that|these|those|it|he|she|they|you|we|there|here|what|which|who|how|where|why|one|another|other|your|my|our|his|her|"
    r"if|when|as|since|so|but|and|also|then|though|although|while|because|people|those|in|for|most|some|all|treatments?|diagnos[ie]s|causes?|options?|solutions?|reasons?|first|next|best|tests?|"
    r"advice|problems?|possibilit\w+)\b)(?-i:[A-Z])[\w-]+(?:\s+(?!(?:who|which|that|you|they|we)\b)[\w-]+){0,3}?(?:\s+\([^()]+\))?)\s+(?P<verb>is\s+(?:also\s+)?an?|are))(?:\s+[\w-]+){0,4}\s*$"
)
"""A thing of which it was to be said what it is: "Syrup Lorem is an older"."""
_OF_IT = pattern(
    r"^(?:(?P<this>this|it)|they)\s+(?=(?:(?:also|usually|mainly|often|only|mostly)\s+)?(?:(?(this)(?!is|was|has|does|means|seems|happens|occurs|depends|"
    r"appears|suggests|looks|shows|indicates|implies|explains|takes|makes\s+sense|makes\s+it|hurts|helps\s+(?:to|if|when)|goes|says|comes|always|"
    r"besides|perhaps)[a-z]{3,}(?<![siu])s(?!\s+(?:is|are|was|were|can|may|has|have|will|should|must)\b)|(?!are|were|have|do|did|say|all|both|too|seem|look|appear|\w+ly\b)[a-z]{4,})\b|(?:is|are|can\s+be|may\s+be|should\s+be)\s+(?:(?:also|usually|best|only)\s+)?(?:taken|given|used|applied|absorbed|available|contraindicated)\b|"
    r"(?:can|may|will)\s+(?!be\b|take\b|happen|seem|help\s+(?:to|if))[a-z]+))"
)
_FINDING = pattern(
    r"^(?P<condition>(?:if|when|whenever|once|in\s+case)\b[^,;:]{4,120}),\s+(?:then\s+)?(?:that|this|it)\s+(?:(?:may|might|can|could|would|will|usually|"
    r"often|mostly)\s+)*(?:points?\s+to(?:wards)?|suggests?|indicates?|means?|shows?|impl(?:y|ies)|signals?|is|be)\b[^,;:]*$|"
    r"(?P<then>(?:if|when|whenever|once|in\s+case)\b[^,;:]{4,120}),\s+(?:then\s+)?(?:he|she|you|they|there)\s+(?:(?:may|might|could|must|probably|likely)\s+)+"
    r"(?:have|be)\b[^,;:]*$"
)
"""What a condition is a sign of, when the sign was lost: "When it oozes, that points to some"."""
_TREATS = pattern(
    r"^(?:please\s+|kindly\s+)?(?:you\s+(?:should|must|need\s+to|have\s+to|can|may)|begin|start|take|use|apply|give|put|stop|see|visit|consult|call|go|get|clean|wash|soak|cut|remove|add|move|change)\s+"
)


def before_example(broken: str, *, commands: bool) -> Iterator[str]:
    """Advice before the example that was lost. `commands` says that the sentence is a command."""
    found = _EXAMPLE.search(broken) if has_any(broken[-16:], EXAMPLE_SIGNS) else None
    if found and (commands or _ADVISES.match(broken)) and not _NO_NOUN.search(broken, 0, found.start()):
        yield broken[: found.start()]


def before_member(broken: str) -> Iterator[str]:
    """A list of examples without its last member."""
    if has_any(broken, (" and ", " or ")) and (last := _MEMBER.search(broken)):
        yield broken[: last.start("last")]


def before_added(broken: str) -> Iterator[str]:
    """A statement without what was added to it: "and in his haste to"."""
    added = _ADDED.search(broken) if " and " in broken else None
    if added and not _ADVISES.match(broken) and not _BOUND.search(broken[: added.start()]):
        yield broken[: added.start()]
    other = _OTHER.match(broken) if "and " in broken and " other" in broken else None
    if other and not _BOUND.search(broken[: other.start("other")]):
        yield broken[: other.start("other")]
    clause = _CLAUSE.search(broken) if has_any(broken, (", and ", ", while ", "whereas", "though")) else None
    if clause and not _CONDITION.search(broken[: clause.start()]):
        yield broken[: clause.start()]


def joined(lost: str, sentence: str) -> str:
    """A sentence behind one that went, with what it needs of that: its subject in the place of "this", or the condition under
    which its advice holds."""
    if (of := _OF_IT.match(sentence)) and (subject := _SUBJECT.match(lost.strip())):
        if (subject["verb"] == "are") != (of["this"] is None):
            return sentence
        return f"{subject['one']} {sentence[of.end() :]}"
    if _TREATS.match(sentence) and (finding := _FINDING.match(lost.strip())):
        return capital(f"{finding['condition'] or finding['then']}, {sentence[:1].lower()}{sentence[1:]}")
    return sentence
