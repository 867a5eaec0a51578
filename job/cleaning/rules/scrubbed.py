"""Sentences that a forum spoilt by scrubbing its own name: from a word that began with "dr" to the end of the sentence, all
became the name. Where eaten.py cannot complete the word, the clauses before it stay if they can stand by themselves. Works on
texts in which the name is one word, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from job.cleaning.rules import additions, heads, named, unbroken
from job.cleaning.rules.additions import DETERMINER, STUMP
from job.cleaning.rules.boilerplate import BRAND, pattern
from job.cleaning.rules.signs import referral
from job.cleaning.rules.text import capital, full_stop, has_any, remembered, sentences

REST = re.compile(r"[\s\-–—,.;:)]*(?:[a-z]|\d+(?:\.\d+)?\s*(?:mg|ml|mcg|g|%)\b|(?![AI]\s)[A-Z]\b(?!['’]))")
"""How the rest of a sentence begins after its middle is lost."""
_NUMBER_BEFORE = re.compile(r"(?<=[a-z)][.!?])\s?\d{1,2}[.)](?=\s*$)")
"""The number of the item that goes, where a sentence before it ends without a blank: "in spring.2. ourforum. 3."."""
_SPOILT_INSIDE = re.compile(rf"\s*\([^()]{{0,60}}{BRAND}[\s.]*\)(?=\s*[a-z,;])|,\s*{BRAND}[\s.]*(?=,\s*[a-z])")
"""A bracket, or a member of a list, behind which the sentence goes on: "Moss (hy ourforum. ) keeps wet"."""
_INSIDE_SIGNS = tuple(f"{BRAND}{behind}" for behind in (".)", ". )", ")", " )", ".,", ". ,", ",", " ,"))
_ORPHAN = re.compile(r"(?:So that|Which|Otherwise|Or else)\b")
"""How a sentence begins that says nothing without the one before it."""
_CAPITAL_BEGINS = re.compile(r"[.!?]\s+[A-Z]")

_THIRD_PERSON = (
    r"(?:dies|occurs|leads|makes|gives|becomes|gets|reduces|increases|decreases|prevents|improves|comes|goes|affects|develops|keeps|allows|"
    r"requires|depends)"
)
_IMPERATIVES = (
    r"(?:take|use|avoid|do|keep|start|stop|continue|apply|drink|eat|consult|get|have|try|wash|clean|discuss|visit|see|go|reduce|check|"
    r"maintain|add|consume|give|make|put|exercise|follow|insert|let|send|please|kindly|never|don['’]?t|ensure|treat|quit|limit|rinse|"
    r"water|feed|turn|press|remove|replace|repeat|wait|consider|choose|increase|restrict|stay|ask|call|contact|cover)"
)
_WATCHES = (
    r"(?:watch|monitor|arrange|begin|schedule|prefer|look\s+(?:out|for)|observe|encourage|inform|elevate|wear|provide|offer|remind|"
    r"drain)(?!['’]s)|(?:lie|dab|gargle|swish|chew|inhale|rub|stretch|raise|lift|wrap|pour|measure|seek)(?!['’]s|\s+(?:of|is|are|and|for|may|can|helps?|with|in)\b)"
)
"""Commands of which most are nouns too: only at the beginning of a sentence."""
_COMMANDS = (
    rf"(?:{_IMPERATIVES}|{_WATCHES}|cut|be|minimi[sz]e|restart|decrease|perform|mix|soak|boil|rest|sleep|walk|sit|"
    r"undergo)"
)
_PERSONS = r"(?:you|I|it|this|these|they|we|he|she|there)"
_AUXILIARIES = (
    r"(?:is|are|was|were|has|have|had|can|could|may|might|must|shall|should|will|would|needs?|do|does|did|cannot|isn['’]t|"
    r"aren['’]t|don['’]t|doesn['’]t)"
)
_VERB = pattern(
    r"(?<!\bto )(?<![a-z] that )(?<![a-z] which )(?<![a-z] who )\b(?:"
    rf"{_AUXILIARIES}|suggest|advise|recommend|think|seems?|looks?|means|indicates?|shows?|helps?|contains?|"
    r"includes?|leads?|occurs?|depends?|affects?|becomes?|gets?|makes?|takes|gives?|starts|develops?|claims|says|appears|remains|begins?|arises?|hurts?|grows|matters(?=\s+(?:here|too|most|more|much|a\s+lot|because|since|for|as)\b)|"
    r"(?<=[a-rt-z]s )(?:start|appear|develop|persist|disappear|improve|worsen)|"
    r"involves(?=\s)|reduces|prevents|improves|requires|allows|keeps|produces|provides|relieves|maintains|protects|suffers|"
    r"spreads|heals|consists|responds|resolves|subsides|disappears|persists|worsens|happens|suggests|tends|lasts|increases|decreases|"
    r"started|showed|revealed|gave|began|said)\b|\b(?:please|kindly)\s+[a-z]{2,}|"
    r"\b(?:it|that|there|he|she)['’]s\b|\b(?:you|we|they)['’](?:re|ve|ll)\b|\bI['’](?:m|ve|ll)\b|"
    r"\b(?:you|I|we|they|he|she|it|people|patients|(?:your|the)\s+body)\s+(?!(?:to|who|with|and|or|of|in|as|like|that|than)\b)[a-z]{2,}"
)
_ITEM = re.compile(r"^\s*(?:\d+\s*[.)]|[*•-])\s*")
_COMMAND = pattern(
    rf"^(?:[\w\s-]{{1,24}},\s+|for\s+(?:that|this|it)\s+)?(?:(?:also|so|then|and|first|firstly|lastly|just|always|however|better|urgently|immediately|regularly|gently|or|otherwise)\b[\s,]*){{0,2}}{_COMMANDS}\b"
)
MAIN_CLAUSE = pattern(rf"^(?:(?:then|please|kindly|also)\s+)*(?:{_PERSONS}|{_IMPERATIVES})\b")
_HANGS = pattern(
    r"^(?:(?:but|and|so|also|first(?:ly)?|secondly|lastly|however|moreover|yes|no|well|for|even|only|just)\b,?\s+)*(?:if|when|while|as|since|because|"
    r"although|though|unless|until|after|before|once|in\s+case|whether|which|who|besides|despite|to)\b"
)
_MAIN_BEGINS = re.compile(r", (?!as )|(?<!and)(?<!or) then (?=[a-z])| (?=(?:please|kindly) )")
"""Behind a subordinate clause."""
_OPEN_END = pattern(
    r"\b(?:the|an?|of|to|and|or|with|for|by|in|on|at|from|as|is|are|was|were|than|your|their|its|his|her|be|that|which|who|if|when|"
    r"not|no|very|any|some|these|those|this|such|like|including|between|about|into|over|more|most|following|may|can|should|will|would|must|"
    r"has|have|due|because|but)$"
)
# Where a clause may end so that what goes with the rest neither limits nor reverses what stays: no "if", "until" or "but".
_CLAUSE_ENDS = re.compile(
    rf";\s+|(?<!following)(?<!follows)(?<!below):\s+(?=(?i:this|it|that|they|you)\b)|\s+(?=so\s+{_PERSONS}\s)|,\s+(?=(?:and|so|which|who|because|as|since)\s+{_PERSONS}\b)|,\s+(?=(?:which|because|so|hence|therefore|thus)\s)|"
    r",\s+(?=as\s+(?!(?:well|if|long|soon|much|many|far|per|though|directed|needed|required)\b))|"
    r",?\s+(?=(?:because(?!\s+of\b)|so\s+that|(?<!ever )since|"
    rf"(?<!such )as\s+(?:{_PERSONS}|that\s+is|most\s+of\s+the\s+time))\b)|"
    r",?\s+(?=and\s+\w+ly,)|"
    rf",?\s+(?=and\s+(?:(?:then|also|so|please|always|now)\s+)?(?:{_PERSONS}|{_AUXILIARIES}|{_IMPERATIVES}|{_THIRD_PERSON}|helps?|that\s+(?:is|can|may|might|will|would))\b)|"
    r",?\s+(?=(?:such\s+as|including|for\s+example|causing|leading\s+to|resulting\s+in|thereby)\b)"
)
_CLAUSE_SIGNS = re.compile(
    r"[,;:]|\s(?:so|because|since|as|and|such|including|for|causing|leading|resulting|thereby)\b"
)
"""One of these is where such an end is; looking for it takes a tenth of the time."""
_SPLICE = re.compile(rf",\s+(?=(?:{_PERSONS}|that)\s)", re.IGNORECASE)
_SECOND_COMMAND = re.compile(rf",\s+(?:(?:so|please|kindly|also|then)\s+)?{_IMPERATIVES}\s", re.IGNORECASE)
_SUBJECT_BEGINS = pattern(
    rf"^(?:(?:and|but|so|also|yes|no|well|however|then|besides)\b,?\s+)*(?:{_PERSONS}|{_IMPERATIVES}|the|your|my|an?|most|all)\b"
)
"""How a sentence begins that may end before a comma and another subject; "depending on how old it is, you" may not."""
_HALF = pattern(
    rf"^(?P<half>[^:;]+);\s+(?:(?:and|but|so|also|then|however|therefore|otherwise|hence|in\s+[\w-]+|at\s+[\w-]+)\b,?\s+)*"
    rf"(?:{_PERSONS}|{_IMPERATIVES}|the|your|if|when|most|some|these|those)\b"
)
"""Two sentences with a semicolon between them; members of a list do not begin so."""
_NO_HALF = pattern(
    r"^(?:\w+ing|given|provided|after|in|with|at|on|during|regarding|depending|based|according|due|apart|like|other|such|symptoms)\b"
)
_LAST_MEMBER = pattern(
    r",?\s+(?:and|or)(?:\s+(?:also|even|other|then|better)){0,2}(?:\s+(?:from|in|on|by|with|for|of|at|to|through|via))?"
    rf"(?:\s+{DETERMINER})?(?:\s+{STUMP})?$|\s+/$"
)
_DEGREE = r"(?:sudden|severe|excess(?:ive)?|frequent|chronic|acute|increased|decreased|reduced|high|low|more|less)"
_LAST_COMMA = pattern(
    rf",(?:\s+{DETERMINER}(?:\s+[a-z-]+)?|\s+(?:{_DEGREE}|cold|hot|soft)|(?:\s+[a-z-]+){{0,3}}\s+{STUMP})?$"
)
_ADJECTIVE = pattern(r"(?:al|ic|ive|ous|ary|\b(?:cold|hot|hard|soft|sudden|severe|healthy|balanced|fresh|acute|mild))$")
"""Behind a comma the noun of these was lost."""
_BRACKET = re.compile(r"\s*\((?P<inside>[^()]*)$")
_ACRONYM = re.compile(r"\b[A-Z]{2,}$")
"""The full form of it stood in the bracket, and what it is part of behind."""
_WHOLE = pattern(
    r"\b(?:caffeine|alcohol|smoking|tea|coffee|juice|soda|an(?:a)?esthesia|decongestants?|anti-?histamines?|steroids?|antibiotics?|pain\s?killers?|"
    r"vasodilators?|supplements?|(?:multi)?vitamins?(?:\s+[A-EK]\d{0,2})?|iron|zinc|paracetamol|acetaminophen|ibuprofen|relaxants?|inhibitors?|blockers?|thinners?|antacids?|insulin|(?<=take\s)rest|(?<=bed\s)rest)$"
)
"""Nouns that say what is meant without the noun that was lost: "decongestant drops"."""
_LONGEST_WHOLE = 40
"""Characters of such a noun and of what is before it."""
_LISTED_ITEM = pattern(rf"^\s*\d+\s*[.)]\s*(?!{_PERSONS}\b|if\b|when\b)[^,;:]+,[^;:]+$")
"""An item that is a list itself, such as "1. Allergens like pollen, dust"."""
_LIMITS = pattern(r"\b(?:if|when|unless|until)\b[^,]*$")
_LAST_PHRASE = pattern(
    rf"(?<!\bgo)(?<!going)(?<!\bopt)(?<!look)(?<!ask)\s+for(?:\s+\w+ing(?:\s+(?!(?:and|but|so|if|when|that|which)\b)[\w-]+){{0,4}})?"
    rf"(?:\s+{DETERMINER})?(?:\s+(?:{STUMP}|\w+(?:al|ic|ar)))?$|\s+as\s+an?(?:\s+[\w-]+)?$|\s+containing$|"
    r"(?P<by>(?:(?<=daily)|(?<=easily)|(?<=quickly)|(?<=regularly)|(?<=effectively)|(?<=time)|(?<=days)|(?<=weeks)|(?<=months))"
    rf"\s+(?:with|by|in|on|from|after)(?:\s+{DETERMINER})?$|"
    r"(?:(?<=examined)|(?<=evaluated)|(?<=confirmed)|(?<=\bdone)|(?<=checked)|(?<=tested))"
    rf"\s+(?:by(?:\s+{DETERMINER})?$|and$))"
)
_WHY = pattern(
    r"(?:increase|decrease|occur|happen|worsen|improve|recur|persist|develop|vary)s?(?P<why>\s+(?:as|because|since)(?:\s+[\w-]+){1,4})$|"
    r"\b(?:use|avoid|eat|drink|do|perform)\s+(?:[\w-]+\s+){0,2}(?!(?:exposure|contact|access|allergy)\b)[\w-]{3,}(?P<to>\s+to)$"
)
_WHY_SIGNS = (" as ", " because ", " since ", " to")  # why something happens or is done: its first words are left
_MEANWHILE = pattern(
    r"(?:(?<=daily)|(?<=regularly)|(?<=days)|(?<=weeks)|(?<=months)|(?<=a day)|(?<=night))"
    r"\s+(?:when|while)(?:\s+you\s+(?:are\s+(?:taking|using|on)|take|use)(?:\s+[\w-]+){0,4})?$"
)
"""When something is done of which it stands already how often or how long."""
PHRASE_ENDS = frozenset(("for", "by", "and", "as", "with", "in", "on", "from", "after", "containing"))
"""One of these is among the last six words where such a phrase ends a text."""
_ADVISES = pattern(
    rf"^(?:[^,]{{1,40}},\s+)?(?:(?:also|so|then|and|please|kindly)\s+)*(?:{_IMPERATIVES}|"
    r"it\s+is\s+(?:essential|important|necessary|better|best)\s+to|you\s+(?:can|may|should|must|need|have\s+to)|i\s+(?:recommend|suggest|advise))\b"
)
_DENIES = pattern(r"\b(?:not|no|never|avoid|stop|without|only|less|nor|neither)\b|n['’]t\b")
_MORE = pattern(r"^\W*for\s+(?:more|further|any)\b")
_UNJOINED = r"(?:(?!\b(?:and|or)\b)[^,])*"
_LISTS = pattern(
    r":|\b(?:(?:two|three|four)(?!\s+(?:to\s+\w+\s+)?(?:days|weeks|hours|months|years|times|drops|tablets|pills))|"
    r"both|between|either|neither|combin\w+|mix\w*(?!\s+with\s+(?:\w+\s+)?\w+\s+and$)|reasons?|not|no|never|together)\b|n['’]t\b|"
    r"\b(?:avoid|stop|without|from)\s+eating\s|"
    rf"\bsuch\s+as\s+{_UNJOINED}(?:and|or)\b{_UNJOINED}$"
)
"""What counts or joins the members of a list, so that it would be wrong without the last."""
_REFERS_ON = pattern(rf"(?:\s+(?:and|or|for|in|at|who))?(?:\s+{DETERMINER})?$|\s+(?:if|when)(?:\s+[\w-]+){{0,6}}$")
_CLAUSE_BEGINS = pattern(
    r"(?:(?:[,;]|\b(?:but|so))\s*the|\b(?:(?<!^for\s)that|because(?!\s+of)|as(?=\s+(?:all|most|the|every|these|those|some|many|\w+$))(?<!such\sas)(?<!known\sas)|when|if|while))\s+"
)
REACH = 100
"""Characters before the name in which its word is recognized."""
LONGEST_SUBJECT = 5
"""Words without a verb behind "because" or the like, which wait for the verb that was lost."""
LONGEST_SENTENCE = 1000
"""Characters before the name; of text without stops nothing is looked for, which would take minutes."""
FEWEST_WORDS = 4
"""Words of a clause that can stand by itself."""
_ASKS = pattern(
    r"(?:(?:so|and|also|or)\s+)?(?:do|does|did|is|are|was|were|have|has|had|can|could|should|would|will|may)\s+"
    r"(?:you|i|we|he|she|it|they|there|the|your|this|these|any)\b|(?:what|how|why|where|which)\b[^,]*\s(?:do|does|did|is|are|have|has|can|should)\s+"
    r"(?:you|he|she|it|they|the|your)\b"
)
_SHORT = pattern(
    rf"^(?!{_IMPERATIVES}\s+{_IMPERATIVES}\b){_COMMANDS}\s+(?!(?:also|then|so)\b)(?:an?\s+)?[a-z]{{2,}}(?:\s+\w+)?$"
)
"""An instruction that stands with fewer: "Quit smoking"."""


def without_scrubbed(text: str) -> str:
    """The text without what the name spoilt: of each sentence with the name its clauses stay that stand by themselves, and
    what follows goes where it is the rest of the same sentence."""
    kept: list[str] = []
    scrubbed, lost = False, ""
    lower_case = not _CAPITAL_BEGINS.search(text)
    if has_any(text, _INSIDE_SIGNS):
        text = _SPOILT_INSIDE.sub("", text)
    for sentence in sentences(text):
        sentence = unbroken.question(sentence) if scrubbed else sentence
        if BRAND in sentence:
            clauses = _clauses_before(sentence) or unbroken.any_of(sentence, kept)
            if kept and not clauses:
                kept[-1] = _NUMBER_BEFORE.sub("", kept[-1])
            kept.append(clauses)
            scrubbed, lost = True, "" if clauses else sentence[: sentence.index(BRAND)]
        elif not scrubbed or not REST.match(sentence) or (lower_case and sentence[:1].islower()):
            if not (scrubbed and kept and not kept[-1] and _ORPHAN.match(sentence)):
                sentence = heads.joined(lost, sentence) if lost else sentence
                kept.append(sentence if any(kept) or not scrubbed else capital(sentence.removeprefix("But ")))
            scrubbed, lost = False, ""
    return "".join(kept).strip()


def stands(sentence: str) -> bool:
    """Whether a sentence has a verb outside its subordinate clauses and no open end; its full stop may be missing."""
    body = _ITEM.sub("", sentence).strip(" .!?\n")
    if body.count("(") != body.count(")") or _OPEN_END.search(body):
        return False
    if hangs := _HANGS.match(body):
        _, *main = _MAIN_BEGINS.split(body[hangs.end() :], maxsplit=1)
        if not main or len(main[0].split()) < 2:
            return False
        body = main[0]
    return bool(_COMMAND.match(body) or _VERB.search(body))


def only_names(sentence: str) -> bool:
    """Whether a short sentence says nothing before the name: "Regards <name>"; but "Quit smoking and <name>" does."""
    return len(sentence.split()) <= 5 and not _clauses_before(sentence)


def _clauses_before(sentence: str) -> str:
    """What stands by itself before the name, as a sentence with the blanks behind it; may be empty."""
    blanks = sentence[len(sentence.rstrip()) :]
    return f"{clause}{blanks}" if (clause := standing_clause(sentence[: sentence.index(BRAND)])) else ""


@remembered  # the beginnings of goodbyes, again and again
def standing_clause(broken: str) -> str:
    """What stands by itself of a sentence that breaks off, as a sentence; may be empty."""
    before = broken.rstrip()
    if len(before) > LONGEST_SENTENCE:
        return ""
    if refers := _referral_of(before):
        return full_stop(refers)
    for clause in sorted(_clauses(before), key=len, reverse=True):
        body = _ITEM.sub("", clause)
        if named.stands(body):
            return _closed(clause)
        if (len(body.split()) >= FEWEST_WORDS or _SHORT.match(body)) and (
            stands(clause) or unbroken.DOSE.match(clause) or _LISTED_ITEM.match(clause)
        ):
            return _closed(clause)
    half = _HALF.match(before)
    return full_stop(half["half"]) if half and _stands_before(half["half"]) else ""


def _closed(clause: str) -> str:
    """A clause as a sentence."""
    asks = _ASKS.match(_ITEM.sub("", clause))
    whole = clause.rstrip(" ,;")
    return f"{whole}?" if asks else f"{whole}." if whole.endswith(")") else full_stop(clause)


def _stands_before(half: str) -> bool:
    """Whether what stands before a semicolon is a sentence, whose verb no list may hold."""
    body = _ITEM.sub("", half)
    bare = _HANGS.match(body) or _NO_HALF.match(body) or _OPEN_END.search(body)
    return not bare and len(body.split()) >= FEWEST_WORDS and body.count("(") == body.count(")")


def _clauses(before: str) -> Iterator[str]:
    """What may stand by itself of a sentence that breaks off."""
    lists, denies = _LISTS.search(before), _DENIES.search(before)
    body = _ITEM.sub("", before)
    if (
        _WHOLE.search(before, max(0, len(before) - _LONGEST_WHOLE))
        and not _LIMITS.search(before)
        and not goes_on(before)
    ):
        yield before
    if head := named.before_which(before):
        yield head
    if head := named.before_with(before):
        yield head
    for found in _CLAUSE_ENDS.finditer(before) if _CLAUSE_SIGNS.search(before) else ():
        if found[0][0] != ";" or ":" not in before[: found.start()]:  # "three kinds: one; two; "
            yield before[: found.start()].rstrip(" ,;")
    for found in _SECOND_COMMAND.finditer(before):
        if _COMMAND.match(body) or _stands_before(before[: found.start()]):
            yield before[: found.start()]
    if _SUBJECT_BEGINS.match(body):
        yield from (unbroken.without_hanging(before[: found.start()]) for found in _SPLICE.finditer(before))
    last = _LAST_MEMBER.search(before)
    if last and not lists and not _ADJECTIVE.search(before, 0, last.start()):
        yield before[: last.start()]
    for head in additions.before_addition(before):
        if not lists and not goes_on(head):
            yield head
    if has_any(before, (" to ", " which ", " that ")) and not denies:
        for head, is_test in additions.before_purpose(before):
            if not goes_on(head) and (is_test or _ADVISES.search(head)):
                yield head
    comma = _LAST_COMMA.search(before)
    if comma and not any(map(_ADJECTIVE.search, before[: comma.start()].rsplit(",", 2)[-2:])):
        yield before[: comma.start()]
    phrase = _LAST_PHRASE.search(before) if PHRASE_ENDS.intersection(before.lower().rsplit(None, 6)[-6:]) else None
    if phrase and not denies and (phrase["by"] or _ADVISES.search(before)):
        yield before[: phrase.start()]
    tail = before[-additions.REACH :]
    why = _WHY.search(before, max(0, len(before) - REACH)) if has_any(tail, _WHY_SIGNS) else None
    if why and not (why["to"] and additions.NO_GAIN.search(before[: why.start("to")])):
        yield before[: why.start(why.lastindex or 0)]
    when = _MEANWHILE.search(before) if has_any(tail, (" when", " while")) else None
    if when and not denies and _ADVISES.search(before):
        yield before[: when.start()]
    yield from unbroken.before(before)
    yield from heads.before_member(before)
    if not lists:
        yield from (head for head in heads.before_added(before) if not goes_on(head) and not heads.WAITS.search(head))
        if not denies:
            yield from heads.before_example(before, commands=bool(_COMMAND.match(body)))
    bracket = _BRACKET.search(before)
    if bracket:
        whole, _, stump = bracket["inside"].rpartition(" ")
        acronym = _ACRONYM.search(before, 0, bracket.start())
        if members := named.members(bracket["inside"]):
            whole = "" if acronym or _LISTS.search(members) or _LIMITS.search(members) else members
        elif not re.fullmatch(STUMP, stump, re.IGNORECASE):
            whole = ""
        if whole:
            yield f"{before[: bracket.start()]} ({whole})."
        elif not acronym:
            yield before[: bracket.start()]


def goes_on(whole: str) -> bool:
    """Whether the last words are the subject of what is lost: "because some children"."""
    last = ""
    for found in _CLAUSE_BEGINS.finditer(whole):
        last = whole[found.end() :]
    return bool(last) and not _VERB.search(last) and len(last.split()) <= LONGEST_SUBJECT


def _referral_of(sentence: str) -> str:
    """The sentence as far as it sends the reader to somebody, if only more about him, or when, can be lost; or ""."""
    found = referral(sentence, max(0, len(sentence) - REACH))
    if not found or _MORE.match(sentence) or not _REFERS_ON.fullmatch(sentence, found.end()):
        return ""
    return whole if stands(whole := sentence[: found.end()]) else ""
