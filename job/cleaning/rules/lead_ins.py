"""Announcements of a list that the source lost: "You can try the following: Hope this helps."."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from job.cleaning.rules import signs
from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.scrubbed import standing_clause, stands
from job.cleaning.rules.text import capital, full_stop, words_of

_FOLLOWED = re.compile(r"ollow(?:ing|s?)(?:\s+\w+){0,4}\s*[.:]")
_COLON = re.compile(
    ": (?:"
    + "|".join(
        f"(?<={end}: )" for end in (" as", " are", "ude", "udes", " by", " be", "ions", "tests", "causes", " you")
    )
    + ")"
)
"""Both begin with fixed letters, for which the search is fast."""
LONGEST = 500
"""Characters of such a sentence."""
_FOLLOWS = (
    r"(?:the\s+following(?:\s+\w+){0,3}|as\s+follows?|(?:take|try|do|need|get|with)\s+following(?:\s+\w+){1,2}|"
    r"following\s+\w+\s+can\s+be\s+\w+)"
)
LEAD_IN = pattern(
    rf"^(?P<lead>[^.!?:\n]{{0,240}}?\b(?:{_FOLLOWS}|such\s+as|are|includes?|by|would\s+be|options|tests|causes|you))\s*:\s+"
    r"(?P<next>\S[^\n]*?)\s*$"
)
FOLLOWS = pattern(rf"\b{_FOLLOWS}$")
QUESTION = pattern(
    r"^(?:do|does|did|are|is|was|were|have|has|had|can|could|may|how|what|when|where|which|who|why|any)\b[^.!?:;]{2,160}\?$"
)
ASKS = pattern(
    r"\b(?:check|verify|consider|see|look|find|try|do|know|answers?|questions?|ask|tell|information|details|clarify|mention|help|share|provide|send|queries)\b"
)
"""A list of questions is what such an announcement means."""
GOES_ON = pattern(
    r"^(?:in\s+the\s+meantime|meanwhile|besides,|moreover|however|otherwise|hence|therefore|well|apart\s+from\s+(?:this|these|that)|"
    r"(?:try|do|take|follow)\s+all\s+(?:these|of\s+these|the\s+above)|all\s+(?:of\s+)?(?:these|the\s+above)|as\s+per\s+(?:these|this|the)|"
    r"(?:based|depending)\s+on\s+(?:these|this|that|the)|after\s+(?:doing\s+)?(?:these|this|that)|(?:please\s+|kindly\s+)?(?:consult|share\s+(?:my|this))\s|"
    r"it\s+is\s+(?:advisable|better\s+to\s+consult)|for\s+both\s|once\s+(?:you|these|this|the)\s|these\s+(?:things|tests|measures|medicines|steps)\s|"
    r"also,?\s+(?:you|i|it|please)\s|i\s+(?:would|will)\s+(?:also\s+)?(?:advise|suggest|recommend)\s|you\s+should\s+(?:discuss|consult|consider)\s|"
    r"you\s+are\s+having\s|(?:since|as)\s+(?:it|you|these)\s)"
)
"""How no list begins: what stands there comes behind one."""
ANNOUNCING = frozenset(
    """so also and now then meanwhile hence well please kindly better for this that these i we would will can could may should
    must suggest advise recommend suggestion suggestions advice opinion like you to need have it be any of one try take do use
    follow consider start get go undergo with doing taking using the following treatment treatments medicine medicines
    medication medications prescription thing things step steps measure measures test tests investigation investigations as
    follows below above plan mentioned few some my is are other reason reasons cause causes possibilities options""".split()
)
_ARE = pattern(r",?\s+(?:and\s+)?(?:these|they|those|which)\s+(?:are|may\s+be|include)$")
"""What goes with "as follows": "other moulds look alike, these are as follows"."""
_TOPIC = pattern(
    r"^(?:(?:and|but|so|also)\s+)?(?:for|regarding|in\s+case\s+of|as\s+for)\s+(?!(?:this|that|it|these)\b)[^,.!?:\n]{3,60},\s"
)
_OF_IT = pattern(r"^(?:(?:since|as|because|if)\s+)?(?:it|they)\s")
"""What the lead names and the next words are about: "For the spots on the stem, my suspects are: Since they are wet, ..."."""
_ITSELF = pattern(r"\bi\s+(?:can|will|would|could|shall)\b")
IN_CASE = pattern(
    r"^(?:(?:please|kindly|also|so|but|and|you\s+(?:should|must|need\s+to))\s+)*(?:see|call|consult|contact|visit|go|return|come|stop|seek|"
    r"get|tell|ask|inform|watch|look)\s[^.!?:;]*\b(?:if|when|once)\b[^.!?:;]*\b(?:any|some|other|new|worrying|serious|severe|warning|unusual|"
    r"alarming)\s(?:[\w-]+\s)*(?:symptoms?|signs?|problems?|complications?|effects?|changes|features)$"
)
"""Advice in case of signs, of which only the examples were lost; "Avoid foods" would be another advice."""
_MANY = (
    r"(?:(?:some|a|an|few|several|certain|the|my|our|of|list\s+of|simple|general|basic|important|useful|other|more|helpful|quick|home|self|health|"
    r"care|safety|two|three|four|five|\d)[\s-]+)+"
)
_LISTED = (
    r"(?:tips?|suggestions?|points|recommendations?|measures|remedies|steps|precautions|instructions|guidelines|ideas|options|things|questions|"
    r"opinions?|advi[cs]es?|answers?|thoughts|comments)"
)
_TO_DO = (
    r"(?:\s+(?:which|that|for|to|of|you|u|can|may|should|will|might|help|with|this|it|do|follow|try|take|consider|remember|keep|in|mind|your|my|side|"
    r"below|here|the|problem|concern|condition|case|me|manage|deal|about|on|questions?|query|queries|ask|answer))*"
)
_GIVES = (
    r"(?:i\s+am\s+(?:giving|listing|sharing|writing)|let\s+me\s+(?:give|share|list)|i\s+(?:will|can|want\s+to|would\s+like\s+to)\s+(?:give|share|list))"
    r"(?:\s+you)?"
)
_ANNOUNCES = pattern(
    rf"\W*(?:(?:so|also|and|then|now|but),?\s+|(?:based\s+on|as\s+per|according\s+to|after\s+reading)\s+[^.!?:;,\n]{{3,50}},\s+)?(?:"
    rf"(?:(?:here|following|below)\s+(?:is|are)|(?:please\s+)?find\s+below)\s+(?:{_MANY})?{_LISTED}{_TO_DO}[\s.:]*|{_GIVES}\s+{_MANY}{_LISTED}{_TO_DO}[\s.:]*|"
    rf"(?:(?:please|kindly|(?:can|could)\s+you|you\s+(?:can|should))\s+)*(?:(?:try|follow|note|consider|answer|remember)\s+)?(?:these\s+)?(?:{_MANY})?{_LISTED}{_TO_DO}\s*:\s*|"
    rf"here\s+(?:is|are)\s+[^.!?:;\n]{{2,80}}:\s*|[^.!?:;,\n]{{2,60}}\s(?:is|are)\s+(?:as\s+|given\s+|listed\s+|mentioned\s+|described\s+|written\s+)+below[\s.:]*"
    r")$"
)
"""At the end of a text: "Here are some tips.", "Home remedies to try:", "The causes are listed below."."""
ANNOUNCES_WORDS = frozenset(
    "so also and then now but based as according after here following below please find i let".split()
)
"""First words of those that end with no colon and not with "below"."""
MOST_OTHERS = 2
"""An announcement of such words, with few others ("For the roots I suggest the following"), says nothing itself."""


def announces_nothing(last: str) -> bool:
    """Whether the last sentence of a text announces a list, which was lost."""
    may = last.endswith(":") or "below" in last[-8:] or signs.first_word(last) in ANNOUNCES_WORDS
    return may and bool(_ANNOUNCES.match(last))


def may_announce(text: str) -> bool:
    """Whether an announcement may be there: a sign of it."""
    return bool((": " in text and _COLON.search(text)) or ("ollow" in text and _FOLLOWED.search(text)))


def without_lead_in(sentence: str, is_polite: Callable[[str], bool]) -> str:
    """The sentence without an announcement behind which something else stands instead of a list (a courtesy, a question, what
    goes on from the list), and without the courtesy; of the announcement its clauses stay that stand by themselves."""
    found = LEAD_IN.match(sentence) if len(sentence) <= LONGEST and ": " in sentence else None
    if not found:
        return sentence
    behind = capital(found["next"])
    if _TOPIC.match(found["lead"]) and _OF_IT.match(behind):
        return sentence
    polite = is_polite(behind)
    follows = bool(FOLLOWS.search(found["lead"]))
    asks = follows and QUESTION.match(behind) and not ASKS.search(found["lead"])
    if not (polite or signs.goodbye(behind) or asks or GOES_ON.match(behind) or LEAD_IN.match(behind)):
        return sentence
    return " ".join(filter(None, (_standing(found["lead"]), "" if polite else behind)))


def without_lost(pieces: Sequence[str]) -> list[str]:
    """The sentences without those that announce a list with a full stop, where none comes: what follows goes on from it, or
    nothing follows."""
    kept = []
    for piece, behind in zip(pieces, [*pieces[1:], ""], strict=True):
        lead = piece.strip()
        if (
            len(lead) <= LONGEST
            and lead.endswith((".", ":"))
            and may_announce(lead)
            and _is_lost(lead[:-1].rstrip(), behind)
        ):
            rest = _standing(lead[:-1])
            kept += [rest + piece[len(piece.rstrip()) :]] if rest else []
        else:
            kept.append(piece)
    return kept


def _is_lost(lead: str, behind: str) -> bool:
    return bool(FOLLOWS.search(lead)) and (not behind.strip() or bool(GOES_ON.match(behind)))


def _standing(lead: str) -> str:
    """What stands by itself of an announcement, as a sentence; may be empty."""
    if lead.endswith("such as"):
        whole = lead.removesuffix("such as").rstrip(" ,")
        return full_stop(whole) if IN_CASE.match(whole) and stands(whole) else ""
    if sum(word not in ANNOUNCING for word in words_of(lead.lower())) <= MOST_OTHERS:
        return ""
    before = _ARE.sub("", lead.removesuffix("as follow").removesuffix("as follows").rstrip(" ,"))
    return (
        full_stop(before) if before != lead and stands(before) and not _ITSELF.search(before) else standing_clause(lead)
    )
