"""People's names, where the text itself says that it is one: a signature at the end, a greeting at the beginning, "my name
is ...", "I am ..." before an age or at the beginning. Knows no list of names; a capital alone is no evidence.
Knows the words around a name in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from job.cleaning.rules.text import capital, has_any

TAIL = 120
"""Characters at the end in which a signature is looked for."""
SIGNED_WITHIN = 400
"""The same where a line of its own says goodbye, with a position, a firm and an address below the name."""
GOODBYES = ("thank", "regard", "sincerely", "cheers", "wishes", "yours", "love")

PLACEHOLDER = "[name]"

_CAP = r"(?:[A-ZÀ-ÖØ-Þ]['’])?[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+(?:['’-][A-Za-zÀ-ÖØ-öø-ÿ]+)*"
_NAME = rf"{_CAP}(?: (?:{_CAP}|(?![IA]\b)[A-Z](?:\.|\b)(?!['’]))){{0,2}}"
_TITLE = r"(?:(?:Dr|DR|Mr|Mrs|Ms|Miss|Prof|Professor|Doctor)\b\.? ?)"
_DEGREE = r"(?:M\.?D|MBBS|MS|MRCP|FRCS|DNB|Ph\.?D|RN|DO|BSc|MSc)\b\.?"
_LAST_SMALL = frozenset("md mbbs ms mrcp frcs dnb phd rn do bsc msc and of in".split())
"""Degrees without dots, and what may end the line of a doctor's name, in small letters."""
_SIGNED = re.compile(
    r"(?:^|[.!?\n,;:)]\s?|(?P<inside>\s))(?P<goodbye>(?:(?:many|with|best|kind|kindest|warm|warmest)\s){0,2}"
    r"(?:thanks(?:\s(?:and|in|a)\s\w+)?|thank\s?you|regards|sincerely|cheers|wishes|yours(?:\s\w+)?|love))"
    rf"(?P<gap>\s?[,.!–—-]+\s*|\n+|\s|(?<=regards))(?-i:(?P<name>{_TITLE}?{_NAME}))(?:[,. ]+{_DEGREE})*+(?:\s?\(\w+\))?\s?[.!]?$",
    re.IGNORECASE,
)
_SIGN_OFF = re.compile(
    r"(?im)(?:^[ \t]*|(?<=[.!?] ))(?:(?:many|with|best|kind|kindest|warm|warmest)\s){0,2}(?:thanks(?:\sand\sregards|\sin\sadvance|\sagain)?|thank\s?you|"
    r"regards|sincerely(?:\syours)?|cheers|(?:best\s)?wishes|yours\s(?:sincerely|truly|faithfully)|love)[ \t]*[,.!–—-]*[ \t]*\n\s*"
)
_WORD_OF_A_NAME = r"[A-ZÀ-ÖØ-Þ][\w'’-]*\.?"
_NAME_ALONE = re.compile(
    rf"{_TITLE}?(?P<name>{_WORD_OF_A_NAME}(?: (?:de|van|von|der|da|di|bin|al|{_WORD_OF_A_NAME})){{0,3}}|[a-zß-öø-ÿ]{{3,12}})"
    rf"(?:,? {_DEGREE})*[ \t]*[,.]?[ \t]*(?=\n|$)"
)
"""A name on a line of its own, below a line that says goodbye: there initials, capitals and one lower-case word do too."""
_DOCTOR_SIGNED = re.compile(
    rf"(?:^|(?<=[.!?\n]))\s*[–—-]*\s?(?:Dr|DR|dr|Doctor)\b\.? ?{_NAME}"
    rf"(?:[,.\s]+{_DEGREE}|[,\s]+(?:[A-Z][\w&()-]*|and\b|of\b|in\b))*+\s?[.!]?$"
)
_DASH_SIGNED = re.compile(rf"(?<=[.!?\n])\s*[–—~-]+ ?(?P<name>{_NAME})\s?[.!]?$")
DOCTORS = ("Dr", "DR", "dr.", "dr ", "Doctor")
DASHES = "–—~-"
_DASH_BEFORE_NAME = re.compile(r"[–—~-] ?[A-ZÀ-ÖØ-Þ]")
"""What these two patterns find holds this; it takes a tenth of their time."""
_ITEM = re.compile(r"\s*[–—~*•-]")
_MY_NAME = re.compile(
    r"(?:\b(?P<and>and|so)\s)?(?:(?P<told>\bmy name)(?: is|['’]s)(?: called)?:?|\bmyself|\bi am called) (?P<title>(?:mr|mrs|ms|miss|dr)\b\.? ?)?",
    re.IGNORECASE,
)
_TOLD = ("my name", "myself", "i am called")
_CAPITALIZED = re.compile(_NAME)
_LOWER = re.compile(r"[a-zß-öø-ÿ]{2,20}(?: [a-zß-öø-ÿ]{2,20})?(?=\s?[,.!;]|\n|$| and\b| i\b| from\b| \d)")
_BEHIND = re.compile(r"\s?(?P<stop>[,.!;]|\n|$|and\b)\s?")
_AM, _THIS_IS = ("I am ", "I'm ", "I’m "), "This is "
_NAME_FOLLOWS = re.compile(r"(?:I am|I['’]m|This is) [A-ZÀ-ÖØ-Þ]")
"""What the two patterns behind it find holds this; it takes a tenth of their time."""
_AGED = re.compile(
    rf"\b(?P<am>I am|I['’]m|This is) (?P<title>{_TITLE})?(?P<name>{_NAME})(?:\s?,\s?|\s)(?=(?:an?\s)?\d{{1,3}}\s?-?\s?(?:years?|yrs?|y/?o|[MmFf]\b))"
)
_GREETING = r"(?:hi|hello|hey|dear|good (?:morning|evening|afternoon|day))"
_I_AM = re.compile(
    rf"^(?P<hi>(?:(?i:{_GREETING}|doctor|doc|sir|madam|dr)\b[.]?[ ,!.]{{0,3}}){{0,3}})(?P<am>I am|I['’]m) (?P<title>{_TITLE})?(?P<name>{_NAME})"
    r"(?P<behind>[.!](?:\s|$)|, (?=I\b|my\b|and I\b)| (?=from\b)| and (?=I\b)|(?= ?[,(]))"
)
_GREETED = re.compile(
    rf"(?P<hi>(?i:{_GREETING}(?: dear)?)) (?P<title>{_TITLE})?(?P<name>{_NAME})(?P<behind>\s?[,!:;–—-]|\.(?:\s|$)|$)?"
)
_NAMED = re.compile(
    rf"(?P<before>\b(?:(?P<title>(?:Dr|DR|dr|Mr|Mrs|Ms|Prof)\b\.?\s?)|(?i:my\s+name\s+is|i\s+am|this\s+is|dear|hi|hello|regards|thanks|sincerely|wishes)[,\s-]{{1,3}}))"
    rf"(?P<own_title>{_TITLE})?(?P<name>{_NAME})\b"
)
"""Who is named in a text: behind a title anybody, behind other words one of whose words is no common one."""
_GREETING_LETTERS = frozenset("hHdDgG")
"""Each greeting begins with one of them."""
_COMFORTS = "t worry"
_COMFORTED = re.compile(
    r"(?P<worry>worry(?<=t worry)),?\s+(?P<name>(?!about|because|just|much|over|yes|well|yet|even|then|sir|dear|\w+ly\b)[A-Za-z][a-z]{2,11})"
    r",?\s+(?=(?:everything|all|you|it|this|things|he|she)\s+(?:will|is|are|shall|should|can|may)\b)"
)
_STARTERS = frozenset("hi hello hey doctor dr sir madam morning evening afternoon day dear".split())
"""A clause may begin behind them without a comma."""

_NO_NAMES = frozenset(
    (
        # Whom one writes to, and thanks.
        "doctor doctors doc dr sir sirs madam maam mam all everyone everybody team folks friend friends customer customers user users patient patients "
        "there support staff member members colleague colleagues manager committee editor parents students guys reader readers god jesus lord santa "
        "department service services ltd inc gmbh llc office desk hotline sent "
        "thanks thank regards hello hi hey dear please welcome cheers best yours advance again very much help "
        "greetings respects respectfully salutations farewell goodbye congratulations sincerely faithfully truly warmly love wishes cordially gratitude "
        # Words that no sentence can do without.
        "myself the a an this that these those my your his her our their i you he she it we they in on at of for to from by with and or but so as if not no yes any some "
        "is are was were be been do does did have has had can could will would should may must what why how when where who which also just still too now only "
        "being called given used spelled spelt written listed mentioned wrong correct misspelled missing important unknown withheld secret confidential changed "
        "one two first last next here there since after before during while because yesterday today tomorrow world diary bye "
        # What one is.
        "male female man woman boy girl mother father mom mum dad wife husband son daughter brother sister single married divorced widow widowed adult teen teenager "
        "student teacher nurse engineer driver farmer manager lawyer worker housewife retired unemployed smoker vegetarian vegan virgin veteran "
        "sick ill well fine ok okay good bad better worse weak sad happy tired sorry sure able afraid scared glad young old fat thin slim obese overweight underweight healthy "
        "new due late free safe normal positive negative pregnant hiv aids asthma asthmatic copd pcos pcod ibs hypothyroid hyperthyroid thyroid cancer autism adhd ocd "
        "depression anxiety migraine epilepsy diabetes hypertension anemia hernia stroke "
        "hindu muslim sikh jewish catholic african asian greek black white gay bisexual trans transgender english dutch french german czech welsh "
        "blood type group vitamin stage grade day week month year age height weight "
        "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december"
    ).split()
)
_LIKE_AN_ADJECTIVE = re.compile(
    r"(?:(?<!hm|mm|fr)ed|ing|ic|ful|ous|ive|[ai]ble|less|ish|ese|(?<![bmv])ian|ican|ant|ent|oid|ical|ual|[a-z]{4}ly|ional|ory|proof|free|phobic|itis|osis|iasis|emia|oma)$"
)
"""States, diagnoses and nations: Pregnant, Diabetic, Worried, Indian. Names such as Vincent or Dominic stay in for it."""


def unsigned(text: str) -> str:
    """The text without the name that signs it, alone on a line, behind a dash or "Dr.", or in "Thanks, Anna"."""
    if _may_end_with_a_name(text):
        text = _unsigned_end(text)
    return _without_signed_line(text) if _may_sign_a_line(text) else text


def may_be_signed(text: str) -> bool:
    """Whether a signature may be there."""
    return _may_end_with_a_name(text) or _may_sign_a_line(text)


def _may_sign_a_line(text: str) -> bool:
    return "\n" in text and has_any(text[-SIGNED_WITHIN:].lower(), GOODBYES)


def _may_end_with_a_name(text: str) -> bool:
    """Whether the last word may be a name's or a degree: it has a capital or a sign, or is of the list. So few texts end."""
    said = text[-TAIL:].rstrip(" .!\n")
    if said.endswith("?"):
        return False  # no pattern of a signature lets one stand behind the name; so most questions end
    last = said.rsplit(None, 1)[-1:]
    return not last or not (last[0].islower() and last[0].isalpha() and last[0].isascii()) or last[0] in _LAST_SMALL


def _unsigned_end(text: str) -> str:
    """The same where the name is the last of the text."""
    tail = text[-TAIL:].lower()
    at = max(0, len(text) - TAIL)
    if ("dr" in tail or "doctor" in tail) and has_any(text[at:], DOCTORS):
        match = _DOCTOR_SIGNED.search(text, at)
        if match and match.start():
            text = text[: match.start()].rstrip()
    if has_any(tail, DASHES) and _DASH_BEFORE_NAME.search(text, at):
        match = _DASH_SIGNED.search(text, at)
        if match and match.start() and is_name(match["name"]) and _is_signed(text[: match.start()].rstrip()):
            text = text[: match.start()].rstrip()
    if has_any(tail, GOODBYES):
        match = _SIGNED.search(text, at)
        if match and _says_goodbye(match):
            text = text[: match.start("gap")] + "."
    return text


def _without_signed_line(text: str) -> str:
    """The text without the name below a line that says goodbye, whatever stands below that: a position, a firm."""
    for sign_off in _SIGN_OFF.finditer(text, max(0, len(text) - SIGNED_WITHIN)):
        name = _NAME_ALONE.match(text, sign_off.end())
        words = [word for word in name["name"].split() if len(word.strip(".")) > 1] if name else []
        if name and is_name(" ".join(words)):
            rest = text[name.end() :].lstrip()
            said = sign_off[0].strip().rstrip(",–—-").rstrip()
            said += "" if said.endswith((".", "!")) else "," if rest else "."
            return f"{text[: sign_off.start()]}{said}" + (f"\n{rest}" if rest else "")
    return text


def _is_signed(before: str) -> bool:
    """A dash before the last item of a list, or before whom a quotation is from, signs nothing."""
    line = before.rpartition("\n")[2]
    return before[-1:] not in (*":,;\"”'’",) and not _ITEM.match(line) and line[:1] not in ('"', "“", "'", "‘")


def may_hold_a_name(text: str) -> bool:
    return _may_say_who(text) or has_any(text.lower(), _TOLD)


def _may_say_who(text: str) -> bool:
    return _THIS_IS in text or ("I" in text and has_any(text, _AM))  # one letter takes a tenth of the time of a word


def may_greet(text: str) -> bool:
    """Whether a line may begin with a greeting, or somebody be comforted by name."""
    return text[:1] in _GREETING_LETTERS or "\n" in text or _COMFORTS in text


def without_own_name(text: str) -> str:
    """The text without the name that a person gives as hers: "my name is Anna", "I am Anna, 35 years old".

    A clause that says nothing but the name goes whole. Where the sentence goes on, a placeholder takes the name's place.
    """
    if has_any(text.lower(), _TOLD):
        text = _without_told(text)
    if _may_say_who(text) and _NAME_FOLLOWS.search(text):
        text = _AGED.sub(
            lambda match: f"{match['am']} " if match["title"] or is_name(match["name"]) else match[0], text
        )
        match = _I_AM.match(text)
        if match and (match["title"] or is_name(match["name"])):
            text = _without_introduction(text, match)
    return text


def unnamed(text: str, mark: str, known: Iterable[str] = ()) -> str:
    """The text with a mark in place of names, as an example may show it; also of those that are `known` from elsewhere."""
    for name in known:
        text = text.replace(name, mark)
    return _NAMED.sub(lambda match: match["before"] + mark if _is_named(match) else match[0], text)


def named(text: str) -> list[str]:
    """The names in a text that `unnamed` would mark."""
    return [match["name"] for match in _NAMED.finditer(text) if _is_named(match)]


def _is_named(match: re.Match[str]) -> bool:
    return bool(match["title"] or match["own_title"] or any(map(is_name, match["name"].split())))


def ungreeted(text: str, cut: bool) -> str:
    """The text without the name in "Dear Mr. Moss," or "Hi Anna,", which a placeholder replaces; with `cut`, where it must; and
    without that in "don't worry anna everything will be fine"."""
    if _COMFORTS in text:
        text = _COMFORTED.sub(_uncomforted, text)
    if "\n" not in text:
        return _greeted(text, cut)
    return "\n".join([_greeted(line, cut) for line in text.split("\n")])


def _uncomforted(match: re.Match[str]) -> str:
    return f"{match['worry']}, " if is_name(match["name"]) else match[0]


def is_name(name: str) -> bool:
    """Whether capitalized words can be a name: none of them is a common word, a state, a diagnosis or a nation."""
    found = [word.strip(".") for word in name.lower().split()]
    return bool(found) and not _NO_NAMES.intersection(found) and not _LIKE_AN_ADJECTIVE.search(found[0])


def _says_goodbye(match: re.Match[str]) -> bool:
    """ "I love Paris" and "He thanks Anna" say no goodbye."""
    last = match["goodbye"].split()[-1].lower()
    if match["gap"] in ("", " ") and (last in ("love", "cheers", "yours") or (match["inside"] and last != "regards")):
        return False
    return is_name(re.sub(rf"^{_TITLE}", "", match["name"]))


def _without_told(text: str) -> str:
    """Without "my name is Anna" where it is a clause of its own: "Hi, my name is Anna. I ..." becomes "Hi. I ..."."""
    at = 0
    while match := _MY_NAME.search(text, at):
        at = match.end()
        end = _end_of_name(text, match)
        if not end:
            continue
        before = text[max(0, match.start() - 24) : match.start()].rstrip(" ")
        begins = match["and"] or before[-1:] in ("", *".!?,;:\n") or before.split(" ")[-1].lower() in _STARTERS
        behind = _BEHIND.match(text, end) if begins else None
        if not (behind or match["told"]) or _is_quoted(text, match.start()):
            continue
        if behind and (before or text[behind.end() :].strip()):
            before = text[: match.start()].rstrip(" ")
            at, text = len(before), _joined(before, behind["stop"], text[behind.end() :])
        elif match["told"]:
            begin = match.start("title") if match["title"] else match.end()
            text = text[:begin] + PLACEHOLDER + text[end:]
    return text


def _is_quoted(text: str, at: int) -> bool:
    """Whether somebody in a story says it: a quotation that began on this line is open."""
    line = text.rfind("\n", 0, at) + 1
    return text.count('"', line, at) % 2 == 1 or text.count("“", line, at) > text.count("”", line, at)


def _end_of_name(text: str, match: re.Match[str]) -> int:
    """Where the name behind "my name is" ends; 0 if no name follows."""
    name = _CAPITALIZED.match(text, match.end()) or (_LOWER.match(text, match.end()) if match["told"] else None)
    end = match.end()
    for word in name[0].split(" ") if name else ():
        if word.lower().strip(".") in _NO_NAMES:
            break
        end += len(word) + (end > match.end())
    return end if end > match.end() else 0


def _joined(before: str, stop: str, rest: str) -> str:
    """What stood before a clause and what follows it, without the clause."""
    last = before[-1:]
    begun = capital(rest.removeprefix("and "))
    if not before:
        return begun
    if last in ".!?\n;:":
        return before + ("" if last == "\n" else "\n" if stop == "\n" else " " if rest else "") + begun
    before = before.rstrip(",")
    if stop in (",", ";", "and"):
        return f"{before}, {rest}"
    return f"{before}." + ("\n" if stop == "\n" else " " if rest else "") + rest


def _without_introduction(text: str, match: re.Match[str]) -> str:
    behind, rest = match["behind"], text[match.end() :]
    if behind == " " and rest:  # "I am Anna from Delhi"
        return f"{match['hi']}{match['am']} {rest}"
    if not behind or not (rest or match["hi"]):
        begin = match.start("title") if match["title"] else match.start("name")
        return text[:begin] + PLACEHOLDER + text[match.end("name") :]
    return _joined(match["hi"].rstrip(), behind.strip() or ".", rest)


def _greeted(line: str, cut: bool) -> str:
    match = _GREETED.match(line) if line[:1] in _GREETING_LETTERS else None
    if not match or not is_name(match["name"]):
        return line
    behind = match["behind"]
    if behind is None and not (match["title"] or "").startswith("M"):
        return line  # "Dear Dr. Since last week": Dr. alone is whom one writes to
    if cut and behind and not match["hi"].lower().endswith("dear"):
        return match["hi"] + behind.lstrip() + line[match.end() :]
    return f"{match['hi']} {PLACEHOLDER}{behind or ''}{line[match.end() :]}"
