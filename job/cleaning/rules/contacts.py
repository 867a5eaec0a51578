"""Contact data: e-mail addresses, links, phone numbers, signatures and people's own names. Counted, never quoted.

A short sentence that gives a contact and little else is removed whole; from a longer one only the contact is cut.
"""

from __future__ import annotations

import re

from job.cleaning.rules.rule import Field
from job.cleaning.rules.text import has_any, sentences, words

LONGEST_CONTACT_SENTENCE = 15
"""Words; a longer sentence says more than how to reach someone."""

_MAIL = r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+|\b[\w.]{2,}\s*[(\[]\s*at\s*[)\]]\s*[\w-]+\s*(?:\.|[(\[]?\s*dot\s*[)\]]?)\s*\w{2,}|\b[\w.]{3,}\s+at\s+(?:gmail|yahoo|hotmail|outlook)\b(?:\s*(?:\.|dot)\s*com)?"
_LINK = (
    r"\bhttps?:/{0,2}[^\s)\]>]*|\bwww\.[^\s)\]>]+|\b(?:bit\.ly|goo\.gl|tinyurl\.com|t\.me|wa\.me)(?:/[^\s)\]>]*)?|"
    r"\b[a-z][\w-]+\.(?:com|org|net|info|gov|edu)\b(?:\.[a-z]{2}\b)?(?:/[^\s)\]>]*)?|-*>?\s*<(?:link|url)>"
)
_PHONE = (
    r"(?<![\w/.-])(?:"
    r"\+\d{1,3}[\s().-]{0,2}(?:\d[\s().-]{0,2}){7,12}\d"
    r"|(?:1[\s.-])?\(\d{3}\)[\s.-]?\d{3}[\s.-]\d{4}"
    r"|(?:1[\s.-])?\d{3}[.-]\d{3}[.-]\d{4}"
    r"|1[\s-]?8(?:00|88|77|66)[\s-]?\d{3}[\s-]?\d{4}"
    r"|0\d{2,4}[\s-]\d{3,4}[\s-]?\d{3,4}"
    r"|[6-9]\d{4}[\s-]?\d{5}"
    r"|(?<=phone )\d[\d\s-]{5,13}\d|(?<=phone: )\d[\d\s-]{5,13}\d|(?<=call )\d[\d\s-]{5,13}\d|(?<=tel )\d[\d\s-]{5,13}\d"
    r"|(?<=tel: )\d[\d\s-]{5,13}\d|(?<=mobile )\d[\d\s-]{5,13}\d|(?<=whatsapp )\d[\d\s-]{5,13}\d|(?<=number is )\d[\d\s-]{5,13}\d"
    r")(?![\w/]|[.-]\d)"
)
PATTERNS: dict[str, re.Pattern[str]] = {
    "email": re.compile(_MAIL, re.IGNORECASE),
    "link": re.compile(_LINK, re.IGNORECASE),
    "phone": re.compile(_PHONE, re.IGNORECASE),
}
_LEAD = r"(?:\s*\b(?:at|on|to|via|through|from|see|visit|here|is|e-?mail|phone|tel|mobile|contact)\b\s*[:.]?|\s*:|\s*-+>)?\s*"
_WITH_LEAD = {
    rule: re.compile(rf"\s*[(\[](?:{_LEAD})(?:{pattern.pattern})\s*[)\]]|{_LEAD}(?:{pattern.pattern})", re.IGNORECASE)
    for rule, pattern in PATTERNS.items()
}
# Without one of these in the lower-cased text no match is possible; the patterns themselves cost 75 to 175 us a row.
_SIGNS: dict[str, tuple[str, ...]] = {
    "email": ("@", "at)", "at]", "gmail", "yahoo", "hotmail", "outlook"),
    "link": (
        "http",
        "www.",
        ".com",
        ".org",
        ".net",
        ".info",
        ".gov",
        ".edu",
        ".ly",
        ".gl",
        "tinyurl",
        ".me",
        "link>",
        "url>",
    ),
}
FEWEST_DIGITS = 7
"""Digits of a phone number."""

TAIL = 120
"""Characters at the end in which a signature is looked for."""
_GOODBYES = ("thank", "regard", "sincerely", "cheers", "wishes", "yours", "love")
_NAME = r"[A-Z][a-z'’-]+(?:\s+(?:[A-Z][a-z'’-]+|[A-Z](?:\.|\b))){0,2}"
_SIGNED = re.compile(
    rf"(?P<goodbye>\b(?i:thanks(?:\s+(?:and|in|a)\s+\w+)?|thank\s+you|regards|sincerely|cheers|best\s+wishes|yours(?:\s+\w+)?|love))"
    rf"(?P<gap>\s*[,.!\n-]+\s*|\s+)(?:[-–—]\s*)?(?P<name>(?:(?:Dr|DR|Mr|Mrs|Ms|Prof)\b\.?\s*)?{_NAME}(?:[,\s]+(?:MD|MBBS|PhD|RN|DO))*(?:\s*\(\w+\))?)\s*[.!]?\s*$"
)
_DOCTOR_SIGNED = re.compile(
    rf"(?:^|(?<=[.!?\n]))\s*[-–—]*\s*(?:Dr|DR|dr|Doctor)\b\.?\s*{_NAME}(?:[,.\s]+(?:[A-Z][\w.&()-]*|and|of|in))*\s*[.!]?$"
)
_DASH_SIGNED = re.compile(rf"(?<=[.!?\n])\s*[-–—~]+\s*{_NAME}\s*[.!]?$")
_MY_NAME = re.compile(
    rf"(?P<before>^|[.!?,;\n]\s*|\s)(?i:(?:and\s+)?my\s+name\s+is|myself|i\s+am\s+called)\s+(?:(?i:mr|mrs|ms|miss|dr)\.?\s+)?{_NAME}(?P<behind>\s*(?:,|\.|!|\band\b)?\s*)"
)
_I_AM = re.compile(
    rf"\b(?P<am>I\s+am|I['’]m|This\s+is)\s+(?:(?:Mr|Mrs|Ms|Miss)\.?\s+)?{_NAME}(?:\s*,\s*|\s+)(?=(?:an?\s+)?\d{{1,2}}\s*-?\s*(?:years?|yrs?|y/?o|[MmFf]\b))"
)
_NOT_NAMES = frozenset(
    "Thanks Thank You Regards Hello Hi Dear Doctor Please Any Help God Best The This My In And For Sir Madam Again Advance Much Very So".split()
)


def email(field: Field) -> str:
    return _cut("email", field.text) if has_any(field.lowered, _SIGNS["email"]) else field.text


def link(field: Field) -> str:
    return _cut("link", field.text) if has_any(field.lowered, _SIGNS["link"]) else field.text


def phone(field: Field) -> str:
    enough = sum(map(field.text.count, "0123456789")) >= FEWEST_DIGITS
    return _cut("phone", field.text) if enough else field.text


def signature(field: Field) -> str:
    text, tail = field.text, field.lowered[-TAIL:]
    if "dr" in tail or "doctor" in tail:
        text = _unsigned(text, _DOCTOR_SIGNED)
    if "-" in tail or "–" in tail or "—" in tail or "~" in tail:
        text = _unsigned(text, _DASH_SIGNED)
    return text


def own_name(field: Field) -> str:
    """ "Thanks, Anna", "my name is Anna", "I am Anna, 35 years old": the name is removed, the rest stays."""
    text, lowered = field.text, field.lowered
    if has_any(lowered[-TAIL:], _GOODBYES):
        match = _SIGNED.search(text, max(0, len(text) - TAIL))
        if match and match["name"].split()[0] not in _NOT_NAMES:
            text = text[: match.start("gap")] + "."
    if "my name is" in lowered or "myself" in lowered or "i am called" in lowered:
        text = _MY_NAME.sub(_without_name, text)
    if has_any(text, ("I am", "I'm", "I’m", "This is")):
        text = _I_AM.sub(lambda found: found["am"] + " ", text)
    return text


_NAMED = re.compile(
    rf"(?P<before>\b(?:(?:Dr|DR|dr|Mr|Mrs|Ms|Prof)\b\.?\s*|(?i:my\s+name\s+is|i\s+am|this\s+is|dear|hi|hello|regards|thanks|sincerely|wishes)[,\s-]+))"
    rf"(?:(?:Dr|Mr|Mrs|Ms)\b\.?\s*)?{_NAME}\b"
)


def masked(text: str) -> str:
    """The text as an example may show it: contact data, and names after a title or a greeting, become […]."""
    for pattern in PATTERNS.values():
        text = pattern.sub("[…]", text)
    return _NAMED.sub(lambda match: match["before"] + "[…]", text)


def _unsigned(text: str, signed: re.Pattern[str]) -> str:
    match = signed.search(text, max(0, len(text) - TAIL))
    return text[: match.start()].rstrip() if match and match.start() else text


def _without_name(match: re.Match[str]) -> str:
    """Keeps what stood around it: "Hi, my name is Anna. I ..." becomes "Hi. I ..."."""
    before, behind = match["before"], match["behind"].strip()
    if not before:
        return ""
    stop = before.rstrip()
    if behind in (".", "!"):
        return f"{stop} " if stop and stop[-1] in ".!?;\n" else ". "
    return before if before.isspace() or stop != "," else ", "


def _cut(rule: str, text: str) -> str:
    pattern = PATTERNS[rule]
    if not pattern.search(text):
        return text
    pieces = sentences(text)
    kept = []
    for piece in pieces:
        if not pattern.search(piece):
            kept.append(piece)
        elif words(piece) > LONGEST_CONTACT_SENTENCE or len(pieces) == 1:
            blank = piece[len(piece.rstrip()) :]
            kept.append(re.sub(r"\s+([.,;!?])", r"\1", _WITH_LEAD[rule].sub(" ", piece)).rstrip() + blank)
    return "".join(kept).strip()
