"""Words of which a forum's scrubbed name ate the end, from "dr" on: completed where what stands before leaves no doubt."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

from job.cleaning.rules import named
from job.cleaning.rules.boilerplate import BRAND, pattern
from job.cleaning.rules.scrubbed import REACH, goes_on, stands
from job.cleaning.rules.text import sentences

_DRUGS = (
    r"(?:anti-?\s?(?:inflammatory|hypertensive|tubercular|anxiety|thyroid|epileptic|psychotic|depressant|platelet|malarial|cancer|rheumatic|"
    r"spasmodic|viral|retroviral|TB|HIV|fungal|parasit(?:e|ic)|bacterial|thrombotic|arrhythmic|coagulant|convulsant|emetic|helminth?ic|histaminic)|"
    r"prokinetic|fibrinolytic|antifibrinolytic|hypoglyca?emic|analgesic|vasodilator|generic|contraceptive|hypnotic|cytotoxic|ototoxic|nephrotoxic|hepatotoxic|preventive|anxiolytic|SSRI|SNRI|NSAID|recreational|habit-forming|psychotropic|psychoactive|illicit|illegal|immunosuppress(?:ant|ive)|chemotherapy)"
)
_DRINKS = r"(?:caffeinated|carbonated|(?:non-?)?alcoholic|soft|energy|fizzy|aerated|cool|sugary|sweetened)"
_ONE = r"(?:an?|one|this|another)\s+(?:[\w-]+\s+){0,2}"
_IN_A_SENTENCE = r"(?:[^.]|\.\d)*"
_TREATS = (
    r"(?:use|using|start|restart|try|instil+|apply|take|put|continue|treat(?:ed|ment)|antibiotic|steroid|drops)\b"
    + _IN_A_SENTENCE
)

_HURTS = r"(?:(?:ruptur|perforat|punctur|injur|damag)\w*|beyond|behind|see)"
_WITHDRAWS = (
    r"(?:the|a|of|from|for|social|alcohol|opioid|nicotine|caffeine|hormon(?:e|al)|sudden|abrupt|progesterone|"
    r"dependence\s+(?:and|or))"
)
_PILLS = r"(?:bleed\w*|pills?|one|she|you|there|it)\b(?:(?!interact|effect|problem|trouble)[^.])*?\s"
_DRIED = (
    r"(?:(?:of|from|by|with|and|or|no|any|for|cause|causes|causing|prevent|prevents|preventing|avoid|avoids|have|has|had|oral|the|like|such\s+as|is|"
    r"severe|mild|moderate|some|fever|treat|correct|(?:lead|leads|leading|due|secondary|prone|progress)\s+to|also)\s+|\w+,\s+)"
)
_NO_ORGAN = "".join(rf"(?<!\b{words}\s)" for words in ("an", "of", r"of\sthe", "in", r"in\sthe", r"to\sthe", "your"))
"""Drops are used for an ear; of an ear, or in it, is the drum."""
_NO_DROPS = r"\A(?![\s\S]*\b(?:drops|dressings?)\b)"
_KIDNEY = r"(?i)\A(?![\s\S]*\b(?:testi|scrot|fallop|tubes?\b))[\s\S]*\b(?:kidneys?|ureter\w*|renal)\b"
_DRUG_NAME = r"(?-i:(?!(?:The|That|This|These|It|What|Which|Here|There|He|She|Your|My)\b)[A-Z][a-z]+)"
_PIGMENT = r"\b(?:pigment\w*|melasma|dark|triple|lighten\w*)\b"
_DOCTOR, _DROP = " doctor", " drop in vision"
"""What alone can stand behind "your treating" or "a sudden", so that the end of a text may have lost it too."""
_MEDICAL = r"\b(?:medicines?|medications?|drugs?|tablets?|mg|dos(?:e|age|es)|antibiotics?|symptoms?|therapy)\b"
_NOT_PUT_ON = r"\A(?![\s\S]*\b(?:drops|dressings?|eyes?|eyelids?|ears?|nasal|nostrils?|nose|wounds?|burns?)\b)"
"""Nothing that drops are put into, or a dressing on."""
_MEDICINE = rf"{_NOT_PUT_ON}(?=[\s\S]*{_MEDICAL})"
_TAKES = (
    r"(?<!not\s)(?<!n['’]t\s)(?<!never\s)(?<!avoid\s)"  # without what was lost it would forbid more
    r"(?:tak(?:e|en|ing)|stop(?:ping|ped)?|start(?:ing|ed)?|continu(?:e|ed|ing)|us(?:e|ed|ing)|giv(?:e|en|ing)|prescribed|of|off)\s+"
)
_SIGHT = r"\b(?:vision|visual|eyesight|retinal?|ophthalm\w+)\b"

_KEPT_DRY = "(?:ears?|wound|feet|face|hair|scalp|groin|region|parts?|tablets|pills)"

COMPLETIONS: tuple[tuple[str, str, str, str], ...] = (
    # What stands before; the word right before the name; the lost letters; what the answer must hold besides. A blank that
    # belongs between is one of the letters.
    ("", "syn", "drome", ""),
    (r"(?<!with\s)(?:low|high)\s+(?:\w+\s+(?:and|or)\s+)?", "carbohy", "drate diet", ""),
    ("", "carbohy", "drates", ""),
    (r"(?:\w+ate|[\w-]+ic\s+acid|alcohol|aldehyde|hydroxysteroid|steroid)\s+", "dehy", "drogenase", ""),
    (r"DHEAS?\s*\(\s*", "dehy", "droepiandrosterone", ""),
    (
        r"(?:are|were|gets?|getting|becomes?|feel|him|her|you|them|\w{3,}ly|to\s+be|(?:he|she|who|child|baby|patient)\s+(?:is|was))\s+",
        "dehy",
        "drated",
        "",
    ),
    (_DRIED, "[dr]ehy", "dration", ""),
    (r"(?<!\bbadly\s)(?<!\bvery\s)(?<!\bseverely\s)(?<!\bwell\s)(?<!\bslightly\s)", "chil", "dren", ""),
    ("", "hyperan", "drogenism", ""),
    (r"(?:consult|see|visit|by|from|to|with|contact|meet|ask)\s+an\s+", "an", "drologist", ""),
    (
        r"(?:excess(?:ive)?|increased|elevated|raised|high|low)\s+",
        "an",
        "drogen",
        r"\b(?:PCO[SD]|hirsut\w+|hormon\w+|testosterone)\b",
    ),
    (r"(?:complete|strict|absolute|take|on)\s+", "be", "drest", ""),
    (r"(?<!\bthe\s)", "costochon", "dritis", ""),
    (r"converted\s+to\s+", "dihy", "drotestosterone", ""),
    (r"(?:well|stay|staying|remain|keep|self|yourself|him|her)\s+(?:\w+ly\s+)?", "hy", "drated", ""),
    (r"\b(?:is|are|was|were|be|being)\s+(?:\w+ly\s+|well\s+)?", "hy", "drated", r"\bhydrated\b"),
    (r"maintain(?:s|ing)?\s+(?:\w+\s+){0,2}", "hy", "dration", ""),
    ("", "(?:pseudo)?ephe", "drine", ""),
    (r"(?:upper|lower|inner|outer)\s+", "qua", "drant", ""),
    (
        r"(?:continue|do|start|practi[sc]e|perform)\s+(?:your\s+)?",
        "qua",
        "driceps exercises",
        r"\b(?:knees?|patell\w+|OA)\b",
    ),
    (r"static\s+", "qua", "driceps", ""),
    (rf"{_HURTS}\s+(?:of\s+)?(?:(?:the|your)\s+(?:\w+ing\s+)?)?", "ear", "drum", ""),
    (rf"{_WITHDRAWS}\s+", "with", "drawal", ""),
    (rf"{_PILLS}(?:have|had|has|gets?|her|gives?|be)\s+", "with", "drawal bleeding", r"\b(?:pills?|periods?|menses)\b"),
    ("", "dan", "druff", ""),
    ("", "zole", "dronic acid", ""),
    ("", "(?:alen|iban|pami)", "dronate", ""),
    ("", "exce", "drin", ""),
    ("", "intercostal", " drainage", ""),
    (r"incision\s+", "and", " drainage", ""),
    (r"glucosamine\b[^.]*\s", "chon", "droitin", ""),
    ("", "chon", "dromalacia", r"\b(?:patell\w*|knee\s?cap)\b"),
    ("", "diphenhy", "dramine", ""),
    ("", "(?:poly|oligo)hy", "dramnios", ""),
    ("", "hyperhi", "drosis", ""),
    (r"(?:right|left)\s+", "hypochon", "drium", ""),
    (r"tablets?\s+", "me", "droxyprogesterone", ""),
    ("", "norethin", "drone", ""),
    (r"(?:HIV|HBsAg|HCV|syphilis)\b[^.]*", "[ (]v", "DRL", ""),
    (r"by\s+(?:the\s+)?FDA\s*\(\s*", "food and", " drug administration", ""),
    (r"\bfor\s+(?:an?\s+|the\s+)?", "qua", "druple test", r"\b(?:chromosom\w+|trisomy|down['’]?s)\b"),
    (r"(?:mild|moderate|severe|gross|minimal|bilateral|left|right)\s+", "hy", "dronephrosis", _KIDNEY),
    (
        r"(?:try|tried|take|start|on|with)\s+(?:on\s+)?",
        "hy",
        "droxyurea",
        r"\b(?:thrombocyth?\w+|polycyth\w+|sickle)\b",
    ),
    (r"(?:known\s+as|called)\s+", "hy", "drocephalus", r"(?i)\b(?:enlarged|dilated)\s+(?:\w+\s+)?ventric"),
    (
        r"(?:for|of|with|have|has|developed|this|called)\s+",
        "foot",
        " drop",
        r"\b(?:nerves?|numb\w*|weakness|neurolog\w+)\b",
    ),
    (r"\bbe\s+(?:\w+ly\s+)?", "ad", "dressed", ""),
    (rf"{_DRUG_NAME}\s+is\s+", "the", " drug of choice", r"(?i)\b(?:infections?|worms?|parasites?|treatment)\b"),
    ("", "bena", "dryl", ""),
    (r"(?:1\s?%\s+|steroid\s+(?:cream|lotion|ointment)\s+(?:\(|like\s+|such\s+as\s+))", "hy", "drocortisone", ""),
    (r"rabies\b[^.]*\s", "hy", "drophobia", ""),
    (r"(?:orchitis|testic\w+|scrot\w+)\b(?:(?!kidney|ureter|renal|water)[^.])*[\s(]", "hy", "drocele", ""),
    (r"tretinoin\b[^.]*\s", "hy", "droquinone", _PIGMENT),
    (r"hair\s+(?:fall|loss)\b[^.]*\b(?:like|be|is|called)\s+", "an", "drogenetic alopecia", ""),
    (r"\ba\s+", "fixed", " drug eruption", r"\b(?:lesions?|rash\w*|skin|patch\w*|blisters?|plan(?:us|o))\b"),
    (r"(?:get|getting|come|coming|wean\w*|taper\w*|going)\s+off\s+(?:from\s+|of\s+)?", "the", " drug", _MEDICAL),
    (r"(?:along|together|combined|mixed)\s+with\s+", "other", " drugs", _MEDICAL),
    (r"is\s+(?:an?\s+)?(?:pregnancy\s+)?", "category [abcdx]", " drug", _MEDICAL),
    (r"(?:pills?|tablets?|globules?)\s+or\s+", "(?:two|three|four|five)", " drops", ""),
    (r"(?:causes?|for|have|has|of|with|from|to|and|or|be)\s+", "vaginal", " dryness", ""),
    (_ONE, _DRUGS, " drug", _NO_DROPS),
    ("", _DRUGS, " drugs", _NO_DROPS),
    (r"(?:groups?|combination|class|types|kinds)\s+", "of", " drugs", r"\btreatment\b|" + _MEDICAL),
    (r"is\s+(?:the\s+)?", "first[- ]line", " drug", _MEDICAL),
    (rf"{_DRUG_NAME}(?:\s+[\w-]+)?\s+is\s+the\s+", "best", " drug", r"\btaken\b|" + _MEDICAL),
    (r"is\s+(?:an?\s+)?[\w-]+\s+", "group", " drug", _MEDICAL),
    (r"name\s+of\s+", "the", " drug", _MEDICAL),
    (r"(?:the|your|his|her)\s+", "(?:treating|attending|operating)", _DOCTOR, ""),
    (r"brand\s+name\s+of\s+", "the", " drug", ""),
    (r"there\s+are\s+(?:\w+\s+)?", "(?:effective|different)", " drugs", _MEDICAL),
    (r"(?:anti-?)?(?:histamin\w+|allerg\w+)\b[^.]*\s", "ben", "adryl", ""),
    (r"spherical\b[^.]*\s", "cylin", "drical error", ""),
    (r"side\s+effects?\s+of\s+", "(?:the|these)", " drugs", _NOT_PUT_ON),
    (_TAKES, "this", " drug", _MEDICINE),
    (_TAKES, "these", " drugs", _MEDICINE),
    (r"(?:before|without|after)\s+(?:start|tak|us)ing\s+", "any", " drugs", _MEDICINE),
    (r"(?:before|without|after)\s+(?:start|tak|us)ing\s+any\s+", "new", " drug", _MEDICINE),
    (r"(?:discuss|consider|try|use|take|start|give)\s+the\s+", "following", " drugs", _MEDICINE),
    (r"between\s+(?:the|these)\s+", "two", " drugs", _MEDICAL),
    (r"(?<!\bin\s)" + _ONE, _DRINKS, " drink", ""),
    (r"(?<!\ba\s)(?<!\ban\s)", _DRINKS, " drinks", ""),
    (r"(?:take|avoid|drink|have|no)\s+", "(?:hot|cold|warm)", " drinks", ""),
    ("", "binge", " drinking", ""),
    (r"(?:any|no|(?:use|abuse|effects?|influence)\s+of)\s+alcohol\s+", "(?:or|and)", " drugs", ""),
    (r"straws?\s+", "for", " drinking", ""),
    ("", "sex(?:ual)?", " drive", ""),
    (r"lethargy\s+", "(?:or|and)", " drowsiness", ""),
    (r"lethargic\s+", "(?:or|and)", " drowsy", ""),
    # What is avoided or forbidden is so at a time or with something, which was lost.
    (r"(?<!avoid\s)(?<!stop\s)(?<!from\s)(?<!without\s)eating\s+", "(?:or|and)", " drinking", ""),
    (r"(?<!not\s)(?<!n['’]t\s)eat\s+", "(?:or|and)", " drink", ""),
    (r"(?:have|give|take|drink|get|offer)\s+(?:\w+\s+){0,3}water\s+", "to", " drink", ""),
    (r"(?:ensure|remember|try|need)\s+", "to", " drink", r"\b(?:dilut\w+|hydrat\w+|thirst\w*)\b"),
    ("", r"post-?\s?nasal", " drip", ""),
    (r"(?:keep(?:ing)?|pat|wipe)\s+", "(?:it|them)", " dry", ""),
    (r"and\s+", "pat", " dry", ""),
    (r"keep(?:ing)?\s+(?:the|your)\s+(?:\w+\s+)?", _KEPT_DRY, " dry", ""),
    (rf"{_TREATS}\b{_NO_ORGAN}", "(?:ear|eye|nasal|nose)", " drops", ""),
    (rf"{_TREATS}\b", "lubrica(?:ting|nt)", " drops", r"\beyes?\b"),
    (rf"{_TREATS}\b", "saline", " drops", r"\b(?:nose|nasal)\b"),
    (rf"{_TREATS}\b", "softening", " drops", r"\b(?:ears?|wax)\b"),
    (
        r"(?:do|needs?|get|with|and)\s+",
        "(?:regular|daily|sterile)",
        " dressing",
        r"\b(?:wounds?|ulcers?|incision|abscess)\b",
    ),
    (
        r"(?:use|start|with|apply|instil+)\b[^.]*\s",
        "containing",
        " drops",
        r"(?i)\b(?:eyes?|eye\s?lids?|ophthalm\w+)\b",
    ),
    (r"keep\s+(?:\w+\s+){1,3}", "(?:area|skin)", " dry", ""),
    (r"keep\s+(?:\w+\s+){1,3}clean\s+", "and", " dry", ""),
    (r"makes?\s+(?:the\s+|your\s+)?", "skin", " dry", ""),
    (r"makes?\s+(?:the|your)\s+skin\s+", "(?:over|too|very)", " dry", ""),
    (r"nystatin\s+", "oral", " drops", ""),
    (r"(?:needs?|give|given|start)\s+", "intravenous", " drugs", ""),
    (r"(?:have|has|had|notice|pain|of|or)[\s,]+an?\s+", "sudden", _DROP, _SIGHT),
    (r"incised?\s+", "and", " drain", ""),
    (r"(?:abscess|boil|cyst|pus)\b[^.]*\b(?:needs?\s+to|ha(?:s|ve)\s+to|should|must|can|may)\s+", "be", " drained", ""),
    (r"get\s+(?:the|your|this)\s+(?:\w+\s+)?", "(?:abscess|boil|cyst|pus)", " drained", ""),
)
ENDINGS: dict[str, tuple[str, ...]] = {
    "[dr]ehy": ("dehy", "rehy"),
    "(?:pseudo)?ephe": ("ephe",),
    "(?:the|these)": ("the", "these"),
    "sex(?:ual)?": ("sex", "sexual"),
    "(?:or|and)": ("or", "and"),
    "(?:ear|eye|nasal|nose)": ("ear", "eye", "nasal", "nose"),
    "(?:area|skin)": ("area", "skin"),
    "(?:alen|iban|pami)": ("alen", "iban", "pami"),
    "category [abcdx]": ("category a", "category b", "category c", "category d", "category x"),
    "(?:hot|cold|warm)": ("hot", "cold", "warm"),
    r"post-?\s?nasal": ("nasal",),
    "(?:it|them)": ("it", "them"),
    _KEPT_DRY: (
        *("ear", "ears", "wound", "feet", "face", "hair", "scalp", "groin", "region", "part", "parts", "tablets"),
        "pills",
    ),
    "(?:poly|oligo)hy": ("polyhy", "oligohy"),
    "lubrica(?:ting|nt)": ("lubricating", "lubricant"),
    "(?:regular|daily|sterile)": ("regular", "daily", "sterile"),
    "first[- ]line": ("line",),
    "(?:over|too|very)": ("over", "too", "very"),
    "(?:abscess|boil|cyst|pus)": ("abscess", "boil", "cyst", "pus"),
    "[ (]v": (" v", "(v"),
    "(?:effective|different)": ("effective", "different"),
    "(?:treating|attending|operating)": ("treating", "attending", "operating"),
    "(?:two|three|four|five)": ("two", "three", "four", "five"),
    _DRINKS: (
        *("caffeinated", "carbonated", "alcoholic", "soft", "energy", "fizzy", "aerated", "cool", "sugary"),
        "sweetened",
    ),
    _DRUGS: (
        *("inflammatory", "hypertensive", "tubercular", "anxiety", "thyroid", "epileptic", "psychotic", "depressant"),
        *("platelet", "malarial", "cancer", "prokinetic", "anxiolytic", "ssri", "snri", "nsaid", "recreational"),
        *(
            "forming",
            "psychotropic",
            "psychoactive",
            "illicit",
            "illegal",
            "immunosuppressant",
            "immunosuppressive",
            "hypnotic",
            "contraceptive",
            "tb",
            "hiv",
            "toxic",
            "chemotherapy",
            "rheumatic",
        ),
        *(
            "preventive",
            "spasmodic",
            "viral",
            "fungal",
            "parasite",
            "parasitic",
            "vasodilator",
            "generic",
            "bacterial",
            "thrombotic",
            "arrhythmic",
            "coagulant",
            "convulsant",
        ),
        *(
            "emetic",
            "helminthic",
            "helmintic",
            "histaminic",
            "analgesic",
            "fibrinolytic",
            "hypoglycemic",
            "hypoglycaemic",
        ),
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
_BY_LETTER = {
    letter: [entry for entry in _COMPLETIONS if any(ending[-1] == letter for ending in entry[0])]
    for letter in {ending[-1] for endings, *_ in _COMPLETIONS for ending in endings}
}
"""By the last letters of the words, so that a tenth of them is tried."""
_EATEN = tuple(dict.fromkeys(ending for endings, *_ in _COMPLETIONS for ending in endings))
LONGEST_EATEN = 26
"""Characters of the end of such a word and of the blanks behind it."""
_NUMBER = re.compile(r"(?:^|(?<=[a-z)][.!?])|(?<=\s))\s*\d{1,2}\s*[.)]\s*(?=$|[A-Z])")
"""Of an item; it may stand at the end of the sentence before."""
_DIGIT = re.compile(r"\d")
_SUBORDINATE = pattern(
    r"(?:if|when|while|as|since|because|although|though|unless|until|after|before|once|in\s+case|whether|the|some|your)\b"
)
_CLASS_ALONE = pattern(r"(?!(?:the|an?|this|these|your|some|other)\b)(?:[\w-]+\s+)?[\w-]+\s+drugs$")
_IF_THEN = pattern(
    r"(?:if\b[^;:]*?,?\s+then|in\s+(?:the\s+)?case\s+of\b[^,;:]*,|to\s+(?!be\b)[^,;:]*,|addition\s+of\s[^,;:]*\sas)\s+"
    r"(?!(?:the|your|his|her|its|most|other)\b|some\s+\w+$)(?:an?\s+|some\s+)?[\w-]+(?:\s+[\w-]+){1,4}$"
)
_ONE_ALONE = pattern(r"(?:(?:and|also|or)\s+)?(?:an?|some)\s+(?:[\w-]+\s+){0,2}[\w-]+\s+drugs?$")
_RECOMMENDS = pattern(r"\bi\s+(?:would\s+|will\s+)?(?:suggest|recommend|advise|prefer)\b")
"""A class of drugs without a verb, of which one is named behind it."""
_IS_DRUG = re.compile(
    r"\((?:[^()]*[ ,+/&])?[A-Z][a-z]+(?: and| or| with| plus|,| ?[+&/]) ?(?:Syn|Chil|Carbohy|Dehy|Rehy|Costochon|Dan)$"
)
"""The beginning of another drug in a list of them in a bracket, not of syndrome or the like."""
_CAPITALS = re.compile(r"\b[A-Z]{2,}$")
_AT_THE_END = re.compile(rf"\s*{BRAND}(?P<stop>\s*\)?\s*[.!?]?[\s)]*)$")


def completed(text: str) -> str:
    """The text with the words that the name ate, where a sentence can stand with nothing but that word."""
    if not any(_ate(text, at) for at in _places(text)):
        return text
    holds = functools.cache(lambda word: word.search(text) is not None)  # once, however many sentences ask
    found = sentences(text)
    return "".join(
        _completed(
            sentence, holds, listed=bool((_DIGIT.search(before) and _NUMBER.search(before)) or _NUMBER.match(sentence))
        )
        if BRAND in sentence
        else sentence
        for before, sentence in zip(("", *found), found, strict=False)
    )


def _places(text: str) -> Iterator[int]:
    """Where the name stands."""
    at = text.find(BRAND)
    while at >= 0:
        yield at
        at = text.find(BRAND, at + 1)


def _ate(text: str, at: int) -> bool:
    """Whether the name may have eaten a word there; after most it did not: "Welcome to <name> forum"."""
    behind = text[at + len(BRAND) : at + len(BRAND) + 2].lstrip()[:1]
    return behind in ("", *".!?)") and text[max(0, at - LONGEST_EATEN) : at].rstrip().lower().endswith(_EATEN)


def completed_end(text: str, begin: int) -> str:
    """The text with the last word of its last sentence completed, where it broke off in the middle of that word; else ""."""
    holds = functools.cache(lambda word: word.search(text) is not None)
    whole = _whole(text[begin:], ".", holds, in_mid_word=True)
    return text[:begin] + whole if whole else ""


def _completed(sentence: str, holds: Callable[[re.Pattern[str]], bool], *, listed: bool) -> str:
    found = _AT_THE_END.search(sentence)
    if not found or sentence.count(BRAND) > 1:
        return sentence
    return _whole(sentence[: found.start()], found["stop"], holds, listed=listed) or sentence


def _whole(
    before: str, stop: str, holds: Callable[[re.Pattern[str]], bool], *, in_mid_word: bool = False, listed: bool = False
) -> str:
    """The sentence whose last word was lost or, with `in_mid_word`, broke off; empty where it is in doubt or does not stand. An
    item of a list, and what follows "If ..., then", stands without a verb."""
    last = before[-LONGEST_EATEN:].lower()
    for endings, word, letters, beside in _BY_LETTER.get(last[-1:], ()):
        if not last.endswith(endings) or (in_mid_word and letters[0] == " " and letters not in (_DOCTOR, _DROP)):
            continue
        if _IS_DRUG.search(before):
            continue
        if word.search(before, max(0, len(before) - REACH)) and (beside is None or holds(beside)):
            if letters[0] != " ":
                before = _CAPITALS.sub(lambda found: found[0].lower(), before)  # "HY" of HYDRATION
            whole = before + letters
            if whole.count("(") == whole.count(")") + 1 and ")" not in stop:
                stop = ")" + stop
            bare = (
                _CLASS_ALONE.match(whole)
                or _IF_THEN.match(whole)
                or named.DIAGNOSIS.match(whole)
                or (listed and not _SUBORDINATE.match(_NUMBER.sub("", whole)))
                or (_ONE_ALONE.match(whole) and holds(_RECOMMENDS))
            )
            return whole + stop if (bare or stands(whole + stop)) and not goes_on(whole) else ""
    return ""
