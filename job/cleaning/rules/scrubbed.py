"""Sentences that a forum spoilt by scrubbing its own name: from a word that began with "dr" to the end of the sentence, all
became the name. The word is completed where what stands before it leaves no doubt; otherwise the clauses before it stay if they
can stand by themselves. Works on texts in which the name is one word, whatever it is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

from job.cleaning.rules.boilerplate import BRAND, pattern
from job.cleaning.rules.signs import referral
from job.cleaning.rules.text import full_stop, sentences

_DRUGS = (
    r"(?:anti-?\s?(?:inflammatory|hypertensive|tubercular|anxiety|thyroid|epileptic|psychotic|depressant|platelet|malarial|cancer|rheumatic|"
    r"spasmodic|viral|retroviral|fungal|bacterial|thrombotic|arrhythmic|coagulant|convulsant|emetic)|"
    r"prokinetic|preventive|anxiolytic|SSRI|SNRI|NSAID|recreational|habit-forming|psychotropic|psychoactive|illicit|immunosuppressant|chemotherapy)"
)
_DRINKS = r"(?:caffeinated|carbonated|(?:non-?)?alcoholic|soft|energy|fizzy|aerated|cool|sugary|sweetened)"
_ONE = r"(?:an?|one|this|another)\s+(?:[\w-]+\s+){0,2}"
_TREATS = r"(?:use|using|start|restart|instil+|apply|take|put|continue|treatment|antibiotic|steroid|drops)\b[^.]*"

_HURTS = r"(?:(?:ruptur|perforat|punctur|injur|damag)\w*|beyond|behind|see)"
_WITHDRAWS = (
    r"(?:the|a|for|social|alcohol|opioid|nicotine|caffeine|hormon(?:e|al)|sudden|abrupt|progesterone|"
    r"dependence\s+(?:and|or))"
)
_PILLS = r"(?:bleed\w*|pills?|one|she|you)\b(?:(?!interact|effect|problem|trouble)[^.])*?\s"
_MEDICAL = r"\b(?:medicines?|medications?|drugs?|tablets?|mg|dos(?:e|age|es)|antibiotics?|symptoms?|therapy)\b"

COMPLETIONS: tuple[tuple[str, str, str, str], ...] = (
    # What stands before; the word right before the name; the lost letters; what the answer must hold besides. A blank that
    # belongs between is one of the letters.
    ("", "syn", "drome", ""),
    ("", "carbohy", "drates", ""),
    (r"(?:phosphate|succinate|lactate|pyruvate|alcohol)\s+", "dehy", "drogenase", ""),
    (r"(?:be|is|are|was|were|gets?|getting|becomes?|feel|him|her|you|them|\w{3,}ly)\s+", "dehy", "drated", ""),
    ("", "[dr]ehy", "dration", ""),
    ("", "chil", "dren", ""),
    ("", "hyperan", "drogenism", ""),
    (r"an\s+", "an", "drologist", ""),
    ("", "costochon", "dritis", ""),
    (r"converted\s+to\s+", "dihy", "drotestosterone", ""),
    (r"(?:well|stay|staying|remain|keep|self|yourself|him|her)\s+(?:\w+ly\s+)?", "hy", "drated", ""),
    (r"maintain(?:s|ing)?\s+(?:\w+\s+){0,2}", "hy", "dration", ""),
    ("", "(?:pseudo)?ephe", "drine", ""),
    (r"(?:upper|lower|inner|outer)\s+", "qua", "drant", ""),
    (r"static\s+", "qua", "driceps", ""),
    (rf"{_HURTS}\s+(?:of\s+)?(?:(?:the|your)\s+(?:\w+ing\s+)?)?", "ear", "drum", ""),
    (rf"{_WITHDRAWS}\s+", "with", "drawal", ""),
    (rf"{_PILLS}(?:have|had|has|gets?|her|gives?|be)\s+", "with", "drawal bleeding", r"\b(?:pills?|periods?|menses)\b"),
    (r"(?:of|on|for|have|treat|if)\s+", "dan", "druff", ""),
    (r"rabies\b[^.]*\s", "hy", "drophobia", ""),
    (r"(?:orchitis|testic\w+|scrot\w+)\b[^.]*[\s(]", "hy", "drocele", ""),
    (r"(?:tretinoin|mometasone)\b[^.]*\s", "hy", "droquinone", ""),
    (r"hair\s+(?:fall|loss)\b[^.]*\b(?:like|be|is|called)\s+", "an", "drogenetic alopecia", ""),
    (r"\ba\s+", "fixed", " drug eruption", r"\b(?:lesions?|rash\w*|skin|patch\w*|blisters?|plan(?:us|o))\b"),
    (r"\boff\s+(?:from\s+|of\s+)?", "the", " drug", _MEDICAL),
    (r"(?:along|together|combined|mixed)\s+with\s+", "other", " drugs", _MEDICAL),
    (r"is\s+(?:an?\s+)?(?:pregnancy\s+)?", "category [abcdx]", " drug", _MEDICAL),
    (r"(?:pills?|tablets?|globules?)\s+or\s+", "(?:two|three|four|five)", " drops", ""),
    (r"(?:causes?|for|have|has|of|with|from)\s+", "vaginal", " dryness", ""),
    (_ONE, _DRUGS, " drug", ""),
    ("", _DRUGS, " drugs", ""),
    (r"(?:group|combination|class)\s+", "of", " drugs", _MEDICAL),
    (r"is\s+(?:an?\s+)?[\w-]+\s+", "group", " drug", _MEDICAL),
    (r"name\s+of\s+", "the", " drug", _MEDICAL),
    (r"brand\s+name\s+of\s+", "the", " drug", ""),
    (r"there\s+are\s+(?:\w+\s+)?", "(?:effective|different)", " drugs", _MEDICAL),
    (r"(?:anti-?)?(?:histamin\w+|allerg\w+)\b[^.]*\s", "ben", "adryl", ""),
    (r"spherical\b[^.]*\s", "cylin", "drical error", ""),
    (r"side\s+effects\s+of\s+", "(?:the|these)", " drugs", ""),
    (r"between\s+(?:the|these)\s+", "two", " drugs", _MEDICAL),
    (_ONE, _DRINKS, " drink", ""),
    ("", _DRINKS, " drinks", ""),
    (r"(?:take|avoid|drink|have|no)\s+", "(?:hot|cold|warm)", " drinks", ""),
    ("", "binge", " drinking", ""),
    ("", "sex(?:ual)?", " drive", ""),
    (r"eating\s+", "(?:or|and)", " drinking", ""),
    (r"eat\s+", "(?:or|and)", " drink", ""),
    (r"water\s+", "to", " drink", ""),
    (r"(?:ensure|remember|try|need)\s+", "to", " drink", r"\b(?:dilute|hydrat\w+|urine|thirst\w*)\b"),
    ("", r"post-?\s?nasal", " drip", ""),
    (r"keep(?:ing)?\s+", "(?:it|them)", " dry", ""),
    (r"keep(?:ing)?\s+(?:the|your)\s+(?:\w+\s+)?", "(?:ears?|wound|feet)", " dry", ""),
    (rf"{_TREATS}\b(?<!\ban\s)", "(?:ear|eye|nasal|nose)", " drops", ""),
    (r"keep\s+(?:\w+\s+){1,3}", "(?:area|skin)", " dry", ""),
    (r"keep\s+(?:\w+\s+){1,3}clean\s+", "and", " dry", ""),
    (r"makes?\s+(?:the\s+|your\s+)?", "skin", " dry", ""),
    (r"incised?\s+", "and", " drain", ""),
    (r"pus\b[^.]*\b(?:needs?|ha(?:s|ve))\s+to\s+", "be", " drained", ""),
)
ENDINGS: dict[str, tuple[str, ...]] = {
    "[dr]ehy": ("dehy", "rehy"),
    "(?:pseudo)?ephe": ("ephe",),
    "(?:the|these)": ("the", "these"),
    "sex(?:ual)?": ("sex", "sexual"),
    "(?:or|and)": ("or", "and"),
    "(?:ear|eye|nasal|nose)": ("ear", "eye", "nasal", "nose"),
    "(?:area|skin)": ("area", "skin"),
    "category [abcdx]": ("category a", "category b", "category c", "category d", "category x"),
    "(?:hot|cold|warm)": ("hot", "cold", "warm"),
    r"post-?\s?nasal": ("nasal",),
    "(?:it|them)": ("it", "them"),
    "(?:ears?|wound|feet)": ("ear", "ears", "wound", "feet"),
    "(?:effective|different)": ("effective", "different"),
    "(?:two|three|four|five)": ("two", "three", "four", "five"),
    _DRINKS: (
        *("caffeinated", "carbonated", "alcoholic", "soft", "energy", "fizzy", "aerated", "cool", "sugary"),
        "sweetened",
    ),
    _DRUGS: (
        *("inflammatory", "hypertensive", "tubercular", "anxiety", "thyroid", "epileptic", "psychotic", "depressant"),
        *("platelet", "malarial", "cancer", "prokinetic", "anxiolytic", "ssri", "snri", "nsaid", "recreational"),
        *("forming", "psychotropic", "psychoactive", "illicit", "immunosuppressant", "chemotherapy", "rheumatic"),
        *(
            "preventive",
            "spasmodic",
            "viral",
            "fungal",
            "bacterial",
            "thrombotic",
            "arrhythmic",
            "coagulant",
            "convulsant",
        ),
        "emetic",
    ),
}
"""How the words end that are more than one. Looking there first takes a tenth of the time of trying the table's patterns."""
_COMPLETIONS = tuple(
    (
        ENDINGS.get(word, (word,)),
        re.compile(rf"\b(?i:{context}{word})$"),
        letters,
        pattern(beside) if beside else None,
    )
    for context, word, letters, beside in COMPLETIONS
)
_EATEN = tuple(dict.fromkeys(ending for endings, *_ in _COMPLETIONS for ending in endings))
LONGEST_EATEN = 26
"""Characters of the end of such a word and of the blanks behind it."""
_CAPITALS = re.compile(r"\b[A-Z]{2,}$")
_AT_THE_END = re.compile(rf"\s*{BRAND}(?P<stop>\s*\)?\s*[.!?]?[\s)]*)$")
REST = re.compile(r"[\s\-–—,.;:)]*(?:[a-z]|\d+(?:\.\d+)?\s*(?:mg|ml|mcg|g|%)\b|(?![AI]\s)[A-Z]\b(?!['’]))")
"""How the rest of a sentence begins after its middle is lost."""
_CAPITAL_BEGINS = re.compile(r"[.!?]\s+[A-Z]")

_THIRD_PERSON = (
    r"(?:dies|occurs|leads|makes|gives|becomes|gets|reduces|prevents|improves|comes|goes|affects|develops|keeps|allows|"
    r"requires|depends)"
)
_IMPERATIVES = (
    r"(?:take|use|avoid|do|keep|start|stop|continue|apply|drink|eat|consult|get|have|try|wash|clean|discuss|visit|see|go|reduce|check|"
    r"maintain|add|consume|give|make|put|exercise|follow|insert|let|send|please|kindly|never|don['’]?t|ensure|treat|quit|limit|rinse|"
    r"water|feed|turn|press|remove|replace|repeat|wait|rest|consider|choose|increase|restrict|stay|ask|call|contact|cover|cut|be|restart|"
    r"decrease|perform|mix|soak|boil|place|sleep|walk|sit|undergo)"
)
_PERSONS = r"(?:you|I|it|this|these|they|we|he|she|there)"
_AUXILIARIES = (
    r"(?:is|are|was|were|has|have|had|can|could|may|might|must|shall|should|will|would|needs?|do|does|did|cannot|isn['’]t|"
    r"aren['’]t|don['’]t|doesn['’]t)"
)
_VERB = pattern(
    rf"(?<!\bto )\b(?:{_AUXILIARIES}|suggest|advise|recommend|think|seems?|looks?|means|indicates?|shows?|helps?|contains?|"
    r"includes?|leads?|occurs?|depends?|affects?|becomes?|gets?|makes?|takes|gives|starts|develops?|claims|says|appears|remains|involves(?=\s))\b|"
    r"\b(?:you|I|we|they|he|she|it|people|patients|(?:your|the)\s+body)\s+(?!(?:to|who|with|and|or|of|in|as|like|that|than)\b)[a-z]{2,}"
)
_ITEM = re.compile(r"^\s*(?:\d+\s*[.)]|[*•-])\s*")
_COMMAND = pattern(
    rf"^(?:[\w\s-]{{1,24}},\s+)?(?:(?:also|so|then|and|first|firstly|lastly|just|always|or|otherwise)\b[\s,]*){{0,2}}{_IMPERATIVES}\b"
)
MAIN_CLAUSE = pattern(rf"^(?:(?:then|please|kindly|also)\s+)*(?:{_PERSONS}|{_IMPERATIVES})\b")
_HANGS = pattern(
    r"^(?:(?:but|and|so|also|first(?:ly)?|secondly|lastly|however|moreover|yes|no|well|for)\b,?\s+)*(?:if|when|while|as|since|because|"
    r"although|though|unless|until|after|before|once|in\s+case|whether|which|who|besides|despite|to)\b"
)
_MAIN_BEGINS = re.compile(r", |(?<!and)(?<!or) then (?=[a-z])")
"""Behind a subordinate clause."""
_OPEN_END = pattern(
    r"\b(?:the|an?|of|to|and|or|with|for|by|in|on|at|from|as|is|are|was|were|than|your|their|its|his|her|be|that|which|who|if|when|"
    r"not|no|very|any|some|these|those|this|such|like|including|between|about|into|over|more|most|following|may|can|should|will|would|must|"
    r"has|have|due|because|but)$"
)
# Where a clause may end so that what goes with the rest neither limits nor reverses what stays: no "if", "until" or "but".
_CLAUSE_ENDS = re.compile(
    rf";\s+|,\s+(?=(?:and|so|which|who|because|as|since)\s+{_PERSONS}\b)|,\s+(?=(?:which|because|so)\s)|"
    r",\s+(?=as\s+(?!(?:well|if|long|soon|much|many|far|per|though|directed|needed|required)\b))|"
    rf",?\s+(?=(?:because(?!\s+of\b)|so\s+that|since|(?<!such )as\s+{_PERSONS})\b)|"
    rf",?\s+(?=and\s+(?:(?:then|also|so|please|always|now)\s+)?(?:{_PERSONS}|{_AUXILIARIES}|{_IMPERATIVES}|{_THIRD_PERSON}|that\s+is)\b)|"
    r",?\s+(?=(?:such\s+as|including|for\s+example|causing|leading\s+to|resulting\s+in|thereby)\b)"
)
_SPLICE = re.compile(rf",\s+(?=(?:{_PERSONS}|that)\s)", re.IGNORECASE)
_SUBJECT_BEGINS = pattern(
    rf"^(?:(?:and|but|so|also|yes|no|well|however|then|besides)\b,?\s+)*(?:{_PERSONS}|{_IMPERATIVES}|the|your|my|an?|most|all)\b"
)
"""How a sentence begins that may end before a comma and another subject; "depending on how old it is, you" may not."""
_STUMP = r"(?:hy|ad|an|syn|chil|dan|qua|ephe|cylin|carbohy|dehy|rehy|costochon|hyperan)"
"""The beginnings of words that the name ate, where they are no words themselves."""
_DETERMINER = r"(?:the|your|an?|some|any|other|their|its|his|her|this|these)"
_LAST_MEMBER = pattern(
    rf",?\s+(?:and|or)(?:\s+(?:also|even|other|then|better)){{0,2}}(?:\s+{_DETERMINER})?(?:\s+{_STUMP})?$|\s+/$"
)
_DEGREE = r"(?:sudden|severe|excess(?:ive)?|frequent|chronic|acute|increased|decreased|reduced|high|low|more|less)"
_LAST_COMMA = pattern(rf",(?:\s+{_DETERMINER}(?:\s+[a-z-]+)?|\s+{_DEGREE}|(?:\s+[a-z-]+){{0,3}}\s+{_STUMP})?$")
_ADJECTIVE = pattern(r"(?:al|ic|ive|ous|ary|food|cold|hot)$")
"""Behind a comma the noun of these was lost."""
_BRACKET = re.compile(r"\s*\((?P<inside>[^()]*)$")
_WHOLE = pattern(
    r"\b(?:caffeine|alcohol|smoking|tea|coffee|juice|an(?:a)?esthesia|decongestants?|antihistamines?|steroids?|antibiotics?|painkillers?|"
    r"vasodilators?|supplements?|vitamins?|inhibitors?|blockers?|thinners?)$"
)
"""Nouns that say what is meant without the noun that was lost: "decongestant drops"."""
_LAST_PHRASE = pattern(
    rf"(?<!\bgo)(?<!going)(?<!\bopt)(?<!look)(?<!ask)\s+for(?:\s+\w+ing(?:\s+or\s+\w+ing)?)?(?:\s+{_DETERMINER})?(?:\s+(?:{_STUMP}|\w+(?:al|ic|ar)))?$|\s+as\s+an?(?:\s+[\w-]+)?$|"
    r"(?P<by>(?:(?<=daily)|(?<=easily)|(?<=quickly)|(?<=regularly)|(?<=effectively)|(?<=time)|(?<=days)|(?<=weeks)|(?<=months))"
    rf"\s+(?:with|by|in|on|from|after)(?:\s+{_DETERMINER})?$|"
    r"(?:(?<=examined)|(?<=evaluated)|(?<=confirmed)|(?<=\bdone)|(?<=checked)|(?<=tested))"
    rf"\s+(?:by(?:\s+{_DETERMINER})?$|and$))"
)
PHRASE_ENDS = frozenset(("for", "by", "and", "as", "with", "in", "on", "from", "after"))
"""One of these is among the last three words where such a phrase ends a text."""
_ADVISES = pattern(
    rf"^(?:[^,]{{1,40}},\s+)?(?:(?:also|so|then|and|please|kindly)\s+)*(?:{_IMPERATIVES}|you\s+(?:can|may|should|must|need)|i\s+(?:recommend|suggest|advise))\b"
)
_DENIES = pattern(r"\b(?:not|no|never|avoid|stop|without|only|less|nor|neither)\b|n['’]t\b")
_MORE = pattern(r"^\W*for\s+(?:more|further|any)\b")
_LISTS = pattern(
    r":|\b(?:(?:two|three|four)(?!\s+(?:to\s+\w+\s+)?(?:days|weeks|hours|months|years|times|drops|tablets|pills))|both|between|either|neither|combin\w+|mix\w*|reasons?|not|no|never|together)\b|n['’]t\b"
)
"""What counts or joins the members of a list, so that it would be wrong without the last."""
_REFERS_ON = pattern(rf"(?:\s+(?:and|or|for|in|at|if|when|who))?(?:\s+{_DETERMINER})?$")
_CLAUSE_BEGINS = pattern(
    r"(?:[,;]\s*the|\b(?:that|because(?!\s+of)|as(?=\s+(?:all|most|the|every|these|those|some|many|\w+$))(?<!such\sas)|when|if|while))\s+"
)
REACH = 100
"""Characters before the name in which its word is recognized."""
LONGEST_SUBJECT = 5
FEWEST_WORDS = 4
"""Words of a clause that can stand by itself."""
_DOSE = pattern(r"^\s*\d+\s*[.)][^.]*\b\d+\s*(?:mg|mcg|ml|g|iu|drops|pills|tablets)\b[^.]*$")
"""An item of a list that says how much of something to take."""
_SHORT = pattern(
    rf"^(?!{_IMPERATIVES}\s+{_IMPERATIVES}\b){_IMPERATIVES}\s+(?!(?:also|then|so)\b)[a-z]{{2,}}(?:\s+\w+)?$"
)
"""An instruction that stands with fewer: "Quit smoking"."""


def completed(text: str) -> str:
    """The text with the words that the name ate, where a sentence can stand with nothing but that word."""
    if not any(text[max(0, at - LONGEST_EATEN) : at].rstrip().lower().endswith(_EATEN) for at in _places(text)):
        return text
    holds = functools.cache(lambda word: word.search(text) is not None)  # once, however many sentences ask
    return "".join(_completed(sentence, holds) if BRAND in sentence else sentence for sentence in sentences(text))


def _places(text: str) -> Iterator[int]:
    """Where the name stands."""
    at = text.find(BRAND)
    while at >= 0:
        yield at
        at = text.find(BRAND, at + 1)


def without_scrubbed(text: str) -> str:
    """The text without what the name spoilt: of each sentence with the name its clauses stay that stand by themselves, and
    what follows goes where it is the rest of the same sentence."""
    kept, scrubbed = [], False
    lower_case = not _CAPITAL_BEGINS.search(text)
    for sentence in sentences(text):
        if BRAND in sentence:
            kept.append(_clauses_before(sentence))
            scrubbed = True
        elif not scrubbed or not REST.match(sentence) or (lower_case and sentence[:1].islower()):
            kept.append(sentence)
            scrubbed = False
    return "".join(kept).strip()


def stands(sentence: str) -> bool:
    """Whether a sentence has a verb outside its subordinate clauses and no open end; its full stop may be missing."""
    body = _ITEM.sub("", sentence).strip(" .!?\n")
    if body.count("(") != body.count(")") or _OPEN_END.search(body):
        return False
    if _HANGS.match(body):
        _, *main = _MAIN_BEGINS.split(body, maxsplit=1)
        if not main or len(main[0].split()) < 2:
            return False
        body = main[0]
    return bool(_COMMAND.match(body) or _VERB.search(body))


def completed_end(text: str, begin: int) -> str:
    """The text with the last word of its last sentence completed, where it broke off in the middle of that word; else ""."""
    holds = functools.cache(lambda word: word.search(text) is not None)
    whole = _whole(text[begin:], ".", holds, in_mid_word=True)
    return text[:begin] + whole if whole else ""


def _completed(sentence: str, holds: Callable[[re.Pattern[str]], bool]) -> str:
    found = _AT_THE_END.search(sentence)
    if not found or sentence.count(BRAND) > 1:
        return sentence
    return _whole(sentence[: found.start()], found["stop"], holds) or sentence


def _whole(before: str, stop: str, holds: Callable[[re.Pattern[str]], bool], *, in_mid_word: bool = False) -> str:
    """The sentence whose last word was lost or, with `in_mid_word`, broke off; empty where it is in doubt or does not stand."""
    last = before[-LONGEST_EATEN:].lower()
    for endings, word, letters, beside in _COMPLETIONS:
        if not last.endswith(endings) or (in_mid_word and letters[0] == " "):
            continue
        if word.search(before, max(0, len(before) - REACH)) and (beside is None or holds(beside)):
            if letters[0] != " ":
                before = _CAPITALS.sub(lambda found: found[0].lower(), before)  # "HY" of HYDRATION
            whole = before + letters
            if whole.count("(") == whole.count(")") + 1 and ")" not in stop:
                stop = ")" + stop
            return whole + stop if stands(whole + stop) and not _goes_on(whole) else ""
    return ""


def _clauses_before(sentence: str) -> str:
    """What stands by itself before the name, as a sentence with the blanks behind it; may be empty."""
    clause = standing_clause(sentence[: sentence.index(BRAND)])
    return clause + sentence[len(sentence.rstrip()) :] if clause else ""


def standing_clause(broken: str) -> str:
    """What stands by itself of a sentence that breaks off, as a sentence; may be empty."""
    before = broken.rstrip()
    if refers := _referral_of(before):
        return full_stop(refers)
    for clause in sorted(_clauses(before), key=len, reverse=True):
        body = _ITEM.sub("", clause)
        if (len(body.split()) >= FEWEST_WORDS or _SHORT.match(body)) and (stands(clause) or _DOSE.match(clause)):
            return full_stop(clause)
    return ""


def _clauses(before: str) -> Iterator[str]:
    """What may stand by itself of a sentence that breaks off."""
    if _WHOLE.search(before) and not _goes_on(before):
        yield before
    for found in _CLAUSE_ENDS.finditer(before):
        yield before[: found.start()].rstrip(" ,;")
    if _SUBJECT_BEGINS.match(_ITEM.sub("", before)):
        for found in _SPLICE.finditer(before):
            yield before[: found.start()]
    last = _LAST_MEMBER.search(before)
    if last and not _LISTS.search(before) and not _ADJECTIVE.search(before, 0, last.start()):
        yield before[: last.start()]
    comma = _LAST_COMMA.search(before)
    if comma and not any(map(_ADJECTIVE.search, before[: comma.start()].rsplit(",", 2)[-2:])):
        yield before[: comma.start()]
    phrase = _LAST_PHRASE.search(before) if PHRASE_ENDS.intersection(before.lower().rsplit(None, 3)[-3:]) else None
    if phrase and not _DENIES.search(before) and (phrase["by"] or _ADVISES.search(before)):
        yield before[: phrase.start()]
    bracket = _BRACKET.search(before)
    if bracket:
        whole, _, stump = bracket["inside"].rpartition(" ")
        if whole and re.fullmatch(_STUMP, stump, re.IGNORECASE):
            yield f"{before[: bracket.start()]} ({whole})."
        elif not before[: bracket.start()].rsplit(None, 1)[-1].isupper():
            yield before[: bracket.start()]


def _goes_on(whole: str) -> bool:
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
    whole = sentence[: found.end()]
    return whole if stands(whole) else ""
