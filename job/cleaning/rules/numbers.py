"""Where phone numbers, payment cards and bank accounts stand in a text.

A number is one of these by evidence alone. A card has an issuer's prefix, its length, a right check digit, which one number in
ten has by chance, and groups or a word such as "visa" beside it; an IBAN its country's length and a right remainder; a US social
security number its form, or a word for it. A phone number begins with + and a country's code, or follows a word such as "call", or
is written as phone numbers are: (020) 7946 0018, 555-123-4567. Digits of no such form are a quantity, a date or an identifier.
A number that callers do not pay for, or pay for more, is a hotline's and nobody's: it stays.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import islice

import phonenumbers
from phonenumbers import PhoneNumberType

from job.cleaning.rules.text import has_any, rare_in

Span = tuple[int, int]
"""Begin and end in the text."""

FEWEST_DIGITS, FEWEST_LABELLED, MOST_DIGITS = 7, 6, 15
"""Of a phone number, and of one behind a label such as "Tel."; the upper end is E.164's."""
LONGEST_RUN = 30
"""Characters; what goes on longer in digits and blanks is a table of numbers."""
MOST_BY_FORM = 100
"""More numbers in a text that have nothing but their form to show are a table too."""
REGIONS = ("GB", "IN", "DE", "FR")
"""Where a number with a 0 in front of it may come from that has neither a country's code nor a word before it. North
America's are known by their form alone."""
PUBLIC = frozenset(
    (PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.UAN)
)
"""Kinds of numbers that no person has."""

_RUN = re.compile(r"(?<![\w.,/+#$€£¥=^*-])(?<!\d:)(?:\+|(?<!\d ))\(?\d(?:[ ().–-]{0,3}\d)*+(?![\w/%])(?![.,:-]\d)")
"""Digits with blanks, brackets, dots and hyphens between them, all of them: possessive, so the pattern is linear."""
_LONG_ENOUGH = re.compile(rf"\d(?:[ ().–-]{{0,3}}\d){{{FEWEST_DIGITS - 1}}}")
"""A text without it has no run that is long enough, nor a card or a social security number; likewise for cards and accounts
below. These signs take 10 us, the patterns 20."""
_LONG_ENOUGH_LABELLED = re.compile(rf"\d(?:[ ()./–-]{{0,3}}\d){{{FEWEST_LABELLED - 1}}}")
_LABELS = (
    r"(?:(?<![^\W_])(?:tel(?:efon[oe]?|éfono)?|tél(?:éphone)?|fon|handy(?:nr|nummer)?|mobil(?:e|nr|nummer)?|m[óo]vil|cel(?:ular)?|cellulare|"
    r"fax|тел(?:ефон)?|моб)|(?:电话|電話|手机|手機|फ़ोन|फ\u093cोन|फोन|मोबाइल|전화|هاتف)(?:号码|號碼|番号| नंबर)?)"
    r"(?:\.|\s?[:：]|\.\s?[:：])?"
)
"""What stands before a phone number on cards and below letters, in the languages that data sets have most of."""
_LABEL_SIGNS = (
    *("tel", "tél", "fon", "handy", "mobil", "vil", "cel", "fax", "тел", "моб", "电话", "電話", "手机", "手機"),
    *("फ़ोन", "फ\u093cोन", "फोन", "मोबाइल", "전화", "هاتف"),
)
_LABELLED_PHONE = re.compile(
    rf"{_LABELS}\s{{0,2}}(?P<number>\+?\(?\d(?:[ ()./–-]{{0,3}}\d){{{FEWEST_LABELLED - 1},{MOST_DIGITS - 1}}}+)(?![A-Za-z\d/%]|[.,:-]\d)",
    re.IGNORECASE,
)
LABEL_AT_THE_END = re.compile(rf"[\s,;(|–-]{{0,4}}{_LABELS}\s*$|\s?\b(?:ph|phone)[.:]\s*$", re.IGNORECASE)
_WITH_SLASH = re.compile(r"(?<![\w.,/+#$€£¥=^*-])0[1-9]\d{1,4}\s?/\s?\d{2,8}(?:[ -]\d{1,5}){0,3}(?![\w/%]|[.,:-]\d)")
"""How Germany, Austria and Switzerland set the area's code apart."""
_PREFIXED = re.compile(r"0\d{3}[^\d)]")
_SLASH_REGIONS = ("DE", "AT", "CH")
_ARTICLE = re.compile(r"\b(?:the|an?|this|that|these|those|each|every|another)\s$", re.IGNORECASE)
"""Before a number with a noun behind it: "the 212-555-1234 bracket" is a thing."""
_LINES = frozenset("number numbers line phone hotline helpline mobile cell fax extension contact".split())
_EXTENSION = re.compile(r"[ ,]{0,2}(?:ext\.?|extension|x)\s?\d{1,5}\b", re.IGNORECASE)
_PAIRS = re.compile(r"\d\d(?:[ .]\d\d){4}")
_FIVES = re.compile(r"[6-9]\d{4}[ -]\d{5}")
"""How India writes its mobile numbers."""
_ONE_DIGIT = re.compile(r"(?<!\d)\d(?!\d)")
"""A group of an ISBN, or a number in a list."""
_NORTH_AMERICAN = re.compile(
    r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)[ .-]?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}|1[ -]?8\d\d[ -]\d{3}[ -]?\d{4}"
)
_OTHER = re.compile(
    r"\d{4}[-–./ ]\d{1,2}[-–./ ]\d{1,2}|\d{1,2}[-–./ ]\d{1,2}[-–./ ]\d{2,4}|(?:1[5-9]|20)\d\d\s?[-–]\s?(?:1[5-9]|20)\d\d|\d{1,3}(?:\.\d{1,3}){3}|"
    r"\d{1,3}(?: \d{3})* 000(?: \d{3})*"
)
"""Dates, ranges of years, IPv4 addresses and thousands, as a whole."""

_REACH = r"(?:call(?:ing|ed)?|phone|telephone|ring|dial|text|sms|fax|tel|ph|mob|mobile|cell(?:phone)?|whats\s?app|hotline|helpline|toll[ -]free)"
_SAID = re.compile(
    rf"\b{_REACH}\b\.?(?:\W{{1,3}}(?:me|us|him|her|them|it|is|are|at|on|to|no|nr|number|numbers|via|under|the|this|our|my|now|today|office|line|free|or|and))"
    rf"{{0,5}}\W{{0,3}}$|\b(?:{_REACH}|contact|reach|message)\b(?:\W{{1,3}}[\w'’-]{{1,20}}){{1,4}}?(?:\s(?:at|on|under|via)|:)\s?$|"
    r"\b(?:my|our|his|her|their|contact)\s(?:number|no|nr)\b\.?(?:\s(?:is|was)|:)?\s?$|"
    r"\[email\](?:,| or| and)? $",
    re.IGNORECASE,
)
"""What says that a phone number follows, up to the number. Addresses have their placeholder by then."""
_BESIDE = re.compile(r"(?:,| or| and)? \[email\]")
BEFORE = 60
"""Characters in which these words are looked for."""
_OTHER_NUMBER = re.compile(
    r"(?:\b(?:order|invoice|ticket|isbn|issn|doi|pmid|id|ids|identifier|ref|reference|serial|version|account|tracking|case|sku|part|model|lot|batch|"
    r"policy|registration|licen[cs]e|passport|mrn|npi|upc|ean|barcode|lottery|numbers|sequence|series|digits|scores?|gene|cas|patent|grant|from|between|coordinates)"
    r"\b|#|№)(?:[^.!?\n]|(?<=\bno)\.){0,12}$",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"\b(?:order|invoice|ticket|tracking|reference|ref|serial|case|policy|claim|booking|confirmation|customer|member|account|model|part|batch|lot|sku|isbn|po|rma)"
    r"(?:\s(?:number|no|nr|id|code))?\b\.?(?:\sis|\swas)?[\s:#]{0,3}$",
    re.IGNORECASE,
)
"""What the number behind it is, whatever else the sentence says: "call us with your order number: 12345678"."""
_COUNTED = re.compile(r"\s?(?:%|°|(?P<word>[A-Za-zÀ-ÿ]+))")
"""A word behind a number in blanks is what it counts, unless it goes on a sentence."""
_GOES_ON = frozenset(
    "or and for if when to at any anytime between from ext x is during on today now please thanks thank before after but so in with i we my the as this".split()
)
_UNITS = frozenset(
    "% mg ml mcg g kg iu units unit cm mm m km hz mhz bytes usd eur dollars rupees steps votes people years days hours".split()
)

_CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|(?:6011|64[4-9]\d|65\d\d)\d{12}|35\d{14}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14,17}"
)
"""Visa, Mastercard, American Express, Discover, JCB, Diners Club, UnionPay: prefixes with lengths, ISO/IEC 7812."""
_CARD_SIGN = re.compile(r"\d{4}[ -]?\d{4}")
_CARD_RUN = re.compile(r"(?<![\w.,/-])(?:\d{13,19}|\d{4}(?:[ -]\d{4}){3}|\d{4}[ -]\d{6}[ -]\d{4,5})(?![\w/]|[.,-]\d)")
_CARD_WORD = re.compile(
    r"\b(?:cards?|visa|master\s?card|maestro|amex|american express|discover|diners|credit|debit|payments?|pay|paid|charged?|cvv2?|cvc|expir\w+)\b",
    re.IGNORECASE,
)
_SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}")
_SSN_RUN = re.compile(r"(?<![\w.,/+#$-])\d{3}[ -]?\d\d[ -]?\d{4}(?![\w/-]|[.,]\d)")
_SSN_WORD = re.compile(r"\b(?:ssn|social security|soc\. sec)\b[^.!?\n\d]{0,30}$", re.IGNORECASE)
_IBAN_SIGN = re.compile(r"\d(?<=[A-Z]{2}\d)\d")
_IBAN = re.compile(r"\b([A-Z]{2})\d\d(?: ?[A-Z0-9]{1,4}){3,9}")
IBAN_LENGTHS = {
    country[:2]: int(country[2:])
    for country in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 "
        "GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 "
        "MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 "
        "VA22 VG24 XK20 YE30"
    ).split()
}
"""Country -> characters; the registry of ISO 13616."""


_NO_DIGITS = bytes(set(range(256)).difference(b"0123456789"))


def may_hold_a_number(text: str) -> bool:
    """Whether the text has the digits of a phone number; all other costs begin there."""
    rare = rare_in(text)
    return len(rare) >= FEWEST_LABELLED and len(rare.translate(None, _NO_DIGITS)) >= FEWEST_LABELLED


@functools.lru_cache(maxsize=1)  # three rules ask in a row
def _has_a_long_run(text: str) -> bool:
    return _LONG_ENOUGH.search(text) is not None


def phones(text: str) -> Iterator[Span]:
    """Numbers with a country's code, numbers that a word announces, and numbers written as in one of REGIONS; not hotlines."""
    last = 0
    for begin, end in sorted({*_labelled(text), *_in_runs(text)}):
        if begin >= last and not _is_public(text[begin:end]):
            last = _end(text, end)
            yield begin, last


def _labelled(text: str) -> Iterator[Span]:
    """Behind a label in any language; and with a slash, as three countries write them."""
    labelled = _LONG_ENOUGH_LABELLED.search(text) and has_any(text.lower(), _LABEL_SIGNS)
    for match in _LABELLED_PHONE.finditer(text) if labelled else ():
        found = match["number"]
        counts = _word_behind(text[match.end() : match.end() + 24]) in _UNITS
        if not (counts or _OTHER.fullmatch(found) or _SSN.fullmatch(found)) and re.search(r"\d\d", found):
            yield match.span("number")
    slashes = [*islice(_WITH_SLASH.finditer(text), MOST_BY_FORM + 1)] if "/" in text else []
    for match in slashes if len(slashes) <= MOST_BY_FORM else ():
        before = _before(text, match.start())
        if not (_LABELLED.search(before) or _OTHER_NUMBER.search(before)) and any(
            _is_number(match[0], region) for region in _SLASH_REGIONS
        ):
            yield match.span()


@functools.lru_cache(maxsize=64)
def _is_public(number: str) -> bool:
    """Whether it is a hotline's in one region and no person's in another. India writes no mobile number as "0800 1234567"."""
    kinds = set()
    for region in ("US", *(region for region in REGIONS if region != "IN" or not _PREFIXED.match(number))):
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            kinds.add(phonenumbers.number_type(parsed))
    return bool(kinds) and kinds <= PUBLIC


def _in_runs(text: str) -> Iterator[Span]:
    by_form: list[re.Match[str]] = []
    for run in _RUN.finditer(text) if _has_a_long_run(text) else ():
        found = run[0]
        if len(found) > LONGEST_RUN or _digits(found) < FEWEST_DIGITS or _OTHER.fullmatch(found):
            continue
        if found[0] == "+":
            if _is_number(found, None):
                yield run.span()
            continue
        before = _before(text, run.start())
        if _LABELLED.search(before) or _SSN.fullmatch(found):
            continue
        behind = text[run.end() : run.end() + 24]
        if _word_behind(behind) in _UNITS:
            continue
        if _digits(found) <= MOST_DIGITS and (_SAID.search(before) or _BESIDE.match(text, run.end())):
            yield run.span()
        elif _ARTICLE.search(before) and _is_noun(_word_behind(behind)):
            continue
        elif len(by_form) <= MOST_BY_FORM and not _OTHER_NUMBER.search(before):
            by_form.append(run)
    if len(by_form) <= MOST_BY_FORM:
        for run in by_form:
            for begin, end in _written_as_phones(run[0], text[run.end() : run.end() + 24]):
                yield run.start() + begin, run.start() + end


def _before(text: str, at: int) -> str:
    """What stands before this place on its line, and near it."""
    return text[max(0, at - BEFORE) : at].rpartition("\n")[2]


def _word_behind(behind: str) -> str:
    counted = _COUNTED.match(behind)
    return (counted["word"] or "%").lower() if counted else ""


def _is_noun(word: str) -> bool:
    return word.isalpha() and word not in _GOES_ON and word not in _LINES


def _end(text: str, end: int) -> int:
    extension = _EXTENSION.match(text, end)
    return extension.end() if extension else end


def _written_as_phones(run: str, behind: str) -> list[Span]:
    """The phone numbers of a run of digits, known by their form, given what follows on the line."""
    word = _word_behind(behind)
    is_counted = bool(word) and word not in _GOES_ON
    found = [match.span() for match in _NORTH_AMERICAN.finditer(run) if not _part_of_more(run, match)]
    if found:
        in_blanks = all(letter.isdigit() or letter == " " for letter in run)
        return [] if in_blanks and (is_counted or _is_round(run)) else found
    if _FIVES.fullmatch(run):
        regions: tuple[str, ...] = () if is_counted or _is_round(run) else ("IN",)
    else:
        regions = ("IN", "FR") if _PAIRS.fullmatch(run) else REGIONS if run.startswith(("0", "(0")) else ()
    whole = _digits(run) <= MOST_DIGITS and not run.isdigit() and not _ONE_DIGIT.search(run)
    return [(0, len(run))] if whole and any(_is_number(run, region) for region in regions) else []


def _is_number(run: str, region: str | None) -> bool:
    """Whether a number is valid in the region, or, with a country's code, has a length that numbers there have."""
    try:
        number = phonenumbers.parse(run, region)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_valid_number_for_region(number, region) if region else phonenumbers.is_possible_number(number)
    )


def _part_of_more(run: str, match: re.Match[str]) -> bool:
    return run[match.start() - 1 : match.start()].isdigit() or run[match.end() : match.end() + 1].isdigit()


def _is_round(run: str) -> bool:
    """Whether it ends with hundreds, as "250 300 4000" does."""
    return run.endswith("00")


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def cards(text: str) -> Iterator[Span]:
    for match in _CARD_RUN.finditer(text) if _has_a_long_run(text) and _CARD_SIGN.search(text) else ():
        digits = match[0].replace(" ", "").replace("-", "")
        if not (_CARD.fullmatch(digits) and _luhn(digits) and len(set(digits)) > 1):
            continue
        begin = max(0, match.start() - BEFORE)
        labelled = _LABELLED.search(text[begin : match.start()])
        beside = digits != match[0] or _CARD_WORD.search(text, match.end(), match.end() + BEFORE)
        if _CARD_WORD.search(text, begin, match.start()) or (beside and not labelled):
            yield match.span()


def social_security(text: str) -> Iterator[Span]:
    """US social security numbers: by their exact form, or as nine digits behind a word for them."""
    for match in _SSN_RUN.finditer(text) if _has_a_long_run(text) else ():
        before = text[max(0, match.start() - BEFORE) : match.start()]
        if _SSN_WORD.search(before) or (_SSN.fullmatch(match[0]) and not _LABELLED.search(before)):
            yield match.span()


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812's check: every second digit from the right doubled, its digits added up, divisible by 10."""
    doubled = (sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def ibans(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text) if _IBAN_SIGN.search(text) else ():
        if match[1] not in IBAN_LENGTHS:
            continue
        places = [at for at in range(match.start(), match.end()) if text[at] != " "][: IBAN_LENGTHS[match[1]]]
        account = "".join(text[at] for at in places)
        end = places[-1] + 1
        if len(account) < IBAN_LENGTHS[match[1]] or text[end : end + 1].isalnum():
            continue
        if int("".join(str(int(letter, 36)) for letter in account[4:] + account[:4])) % 97 == 1:
            yield match.start(), end
