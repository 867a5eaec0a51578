"""Contact data of people: e-mail addresses, phone numbers, cards, bank accounts, links to a person, names. Counted, never
quoted.

In the middle of a sentence a placeholder such as [phone] takes their place; a sentence or line that says nothing else goes
whole. A link is content ("Go to https://... and enter your address") and stays, unless it reaches one person: a messenger, a
profile, an address in it, or "my page" before it. What stands in backticks is code and stays as it is.

Read by hand, on 7,931 forum and encyclopaedia rows and 2,599 rows of web text, instructions, code and tool calls: all 39 changes
that were no arrow with a link's stump, and 100 of the 135 that were. Each took what its rule names; in three rows that was what
the row is about (code for a phone number). Of what else has an @ or seven digits in groups, up to 14 a source, handles of media
aside, none was a contact; of 95 other greetings, endings and "I am ...", one held a name ("Hallow Dear ...").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from job.cleaning.rules import names, numbers
from job.cleaning.rules.numbers import Span
from job.cleaning.rules.rule import Field
from job.cleaning.rules.signs import Signs
from job.cleaning.rules.text import has_any, sentences, words_asked

PLACEHOLDERS = {kind: f"[{kind}]" for kind in ("email", "link", "card", "iban", "ssn", "phone")}
_MARK, _CODE_MARK = "\0", "\1"
"""Stand for a placeholder and for code while a rule works; repair leaves no such characters in a text."""
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)

# What must be there -> the pattern. Looking behind makes each run of letters one attempt.
_ADDRESSES = (
    (
        ("@",),
        re.compile(
            r"(?<![\w.+%/-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}(?![\w@(-])(?!(?:\.[\w-]{1,63}){0,4}:[\w/~.$])"
        ),
    ),
    (
        ("(at", "[at"),
        re.compile(
            r"(?<![\w.+-])[\w.+-]{2,64} ?[(\[]at[)\]] ?[\w-]{1,63} ?(?:\.|[(\[]dot[)\]]|\bdot\b) ?[^\W\d_]{2,24}\b",
            re.IGNORECASE,
        ),
    ),
    (
        (" dot ",),
        re.compile(
            r"(?<![\w.+-])[\w+-]{1,64}(?: dot [\w+-]{1,64}){0,2} at [\w-]{1,63} dot (?:com|net|org|edu|info|co|in|de|uk)\b",
            re.IGNORECASE,
        ),
    ),
    (
        ("at gmail", "at yahoo", "at hotmail", "at outlook"),
        re.compile(
            r"(?<![\w.+-])(?:(?=[\w+-]{0,40}[\d._])|(?<=mail )|(?<=mail: )|(?<=mail me )|(?<=mail is )|(?<=address is )|(?<=write to ))"
            r"[\w.+-]{2,64} at (?:gmail|yahoo|hotmail|outlook)(?:\.com)?\b",
            re.IGNORECASE,
        ),
    ),
)
_IN_CODE = re.compile(
    r"""(?:^|[\s$>(])(?:ssh|scp|sftp|rsync|ssh-copy-id)(?:\s+(?:-\S+(?:\s\S+)?|\S*[/.]\S*)){0,6}\s+$|"""  # user@host
    r"""\buser\.email\s*=?\s*["']?$|"""  # git config
    r"""[\w\])]\s?=\s?["'][^"'\n]*$|"""  # a variable, an attribute
    r"""\w\((?:[^()\n]*[,=]\s*)?["']$|"""  # a call
    r""";\s?[\w ]{1,20}=$"""  # a connection string, also by what follows
)
_SETTING = re.compile(r";\s?[\w ]{1,20}=")
"""What says, up to an address outside of fences and backticks, that it is part of code, which keeps every character."""
_NOBODYS = re.compile(
    r"@(?:[\w-]+\.){0,4}(?:example\.(?:com|org|net|edu)|example|test|invalid|(?:your|my)?(?:domain|email|company)\.com)$",
    re.IGNORECASE,
)
"""Addresses in examples: RFC 2606 keeps some domains for them."""

_LINK = re.compile(
    r"(?<![\w@.-])(?:https?://|www\.|mailto:|skype:|(?:[\w-]{1,63}\.){1,4}(?:com|org|me)(?:\.[a-z]{2})?(?![\w@.-]\w))[^\s<>\"'`)\]}]*(?<![.,;:!?])",
    re.IGNORECASE,
)
_LINK_PARTS = ("http:", "https:", "www.", ".com", ".org", ".me/", ".ly", "mailto:", "skype:", "link>")
_LINK_SIGNS = Signs(*_LINK_PARTS)
_REACH_SIGNS = Signs(
    *_LINK_PARTS,
    *(f" {sign}" if sign.startswith("at ") else sign for signs, _ in _ADDRESSES for sign in signs),
    shared=(" at ",),
)
"""One of these is in each link, in each stump of one, and in each address; " at " goes before a provider's name."""
_PERSONAL = re.compile(
    r"(?:mailto|skype):.|(?:https?://)?(?:www\.|m\.|web\.|[a-z]{2}\.)?(?:wa\.me|(?:api|chat)\.whatsapp\.com|t\.me|telegram\.me|m\.me|signal\.me|"
    r"fb\.me|fb\.com|facebook\.com|instagram\.com|twitter\.com|x\.com|linkedin\.com/in|tiktok\.com/@|snapchat\.com/add|calendly\.com)/[\w@+.]",
    re.IGNORECASE,
)
_ADDRESS_IN_LINK = re.compile(r"://[^/?#\s]*:[^/?#\s]*@|[\w.+-](?:@|%40)(?:[\w-]{1,63}\.){1,4}[a-z]{2}", re.IGNORECASE)
_MINE = re.compile(
    r"\bmy (?:\w+ ){0,2}(?:page|site|website|blog|profile|channel|link|clinic|practice|shop|portfolio)\b[^.!?\n]*$|"
    r"\b(?:contact|reach|consult|message|email|visit|follow) me\b[^.!?\n]*$",
    re.IGNORECASE,
)
BEFORE = 80
"""Characters in which these words are looked for."""
_STUMP = re.compile(r" ?-+> ?<link>|\b(?:https?:/{0,2}|bit\.ly/?) ?$", re.IGNORECASE)
"""What a publisher left of a link: an arrow, a scheme alone at the end. It says nothing, so nothing takes its place."""
STUMP_AT_THE_END = len("https:// \n")

_WORD = re.compile(r"[^\W_]+")
_STRUCTURE = re.compile(r"[{}|<>\"=\1]")
_CONTACT_WORDS = frozenset(
    (
        "call phone telephone ring dial text sms fax mail email e write message contact reach whatsapp skype mobile cell tel ph mob no nr number numbers card iban "
        "link name address id visit see page website site web me us my our i am is are at on in to via through by under or and also either directly anytime any "
        "time now today here please pls kindly just feel free the this following you can may could your for more information info details further questions "
        "question queries if have "
        "fon telefon telefono teléfono telefone tél téléphone handy mobil móvil celular cellulare тел телефон моб unter email-adresse adresse 电话 電話 手机 手機 "
        "फ़ोन फोन मोबाइल 전화 هاتف"
    ).split()
)
"""A sentence of these and a contact says how to reach someone, and nothing else."""
_HANDLES = frozenset(
    """extract format reformat parse normalize normalise standardize standardise redact mask anonymize anonymise identify
    validate tag recognize recognise convert complete fill""".split()
)
_SUBJECT = re.compile(
    r"(?:^|[.!?:;\n]\s*)(?:please |kindly |(?:can|could|would) you (?:please )?|your task is to |to )?"
    r"(?:extract|(?:re)?format|parse|(?:normali|standardi)[sz]e|redact|mask|anonymi[sz]e|identify|validate|tag|recogni[sz]e|convert|complete|fill in)\b"
    r"(?:(?!\.\s)[^!?\n]){0,80}?\b(?:e-?mails?|(?:phone|telephone|mobile|contact|card|account|security) (?:numbers?|data|details|info\w*)|phones|persons?|"
    r"people|(?:full |all |the |person |personal |first |last )names|addresses|named entit\w+|entities|contacts|pii|personal (?:data|info\w*|details)|"
    r"ibans?|signatures?)\b|"
    r"(?:^|[.!?:;\n]\s*)(?:please )?(?:extract|parse|redact|anonymi[sz]e)\b[^.!?\n]{0,60}?\b(?:names?|phones?|address(?:es)?)\b",
    re.IGNORECASE,
)
_ASKED_FOR = frozenset(
    """email emails mail mails phone phones telephone mobile contact contacts card account security person persons people name
    names named address addresses entity entities pii personal iban ibans signature signatures""".split()
)
"""One of these words is in each such question: to look for them takes 1 us, for the pattern 30."""
_HEADING = re.compile(r"(?::|\b(?:tel|ph|mob|no|nr)\.)\s*$", re.IGNORECASE)
_CUT = re.compile(
    r" ?[(\[](?:(?:at|on|to|via|through|from|e-?mail|phone|tel)[.:]? )?\0[)\]]|"
    r" ?\b(?:at|on|to|via|through|from|under|by)\b:? \0(?:(?: or | and | ?, ?)(?:at |on |to |via )?\0)*"
    r"(?=\s?[.,;:!?)]|\s?$|\n| (?:and|or|if|for|when|so|but|then)\b)",
    re.IGNORECASE,
)
"""What `cut` takes without leaving a hole: a contact with its preposition, where the sentence ends or a clause begins."""


def may_hold_an_address(text: str) -> bool:
    """Whether an e-mail address or a link may be there: both are looked for at once, since nearly no text has either."""
    return _REACH_SIGNS.found_in(text.lower(), text)


def email(field: Field) -> str:
    return _without("email", field, emails)


def link(field: Field) -> str:
    if not _LINK_SIGNS.found_in(field.lowered, field.text):
        return field.text  # what is there is an address
    text = _without("link", field, personal_links)
    return _outside_code(text, _without_stump)


def _without_stump(text: str) -> str:
    lowered = text.lower()
    if "<link>" in lowered or has_any(lowered[-STUMP_AT_THE_END:], ("http", "bit.ly")):  # the pattern takes 50 us
        return _STUMP.sub("", text).rstrip() if _STUMP.search(text) else text
    return text


def card(field: Field) -> str:
    return _without("card", field, numbers.cards)


def iban(field: Field) -> str:
    return _without("iban", field, numbers.ibans)


def ssn(field: Field) -> str:
    return _without("ssn", field, numbers.social_security)


def phone(field: Field) -> str:
    return _without("phone", field, numbers.phones)


def signature(field: Field) -> str:
    text = field.text
    return _outside_code(text, names.unsigned) if "`" in text or names.may_be_signed(text) else text


def own_name(field: Field) -> str:
    return _outside_code(field.text, names.without_own_name)


def greeted_name(field: Field) -> str:
    text = field.text
    if not names.may_greet(text):
        return text
    cut = field.options.contacts == "cut"
    return _outside_code(text, lambda text: names.ungreeted(text, cut=cut))


def is_subject(question: str) -> bool:
    """Whether a question asks to extract, format or complete contact data: these are what the row is about."""
    found = words_asked(question)
    return not (_HANDLES.isdisjoint(found) or _ASKED_FOR.isdisjoint(found)) and bool(_SUBJECT.search(question))


def emails(text: str) -> Iterator[Span]:
    """Addresses, also written as "jane (at) plants (dot) org"; not those of example.com, in code, and user@host in a link."""
    for begin, end in _all_emails(text):
        if not (_IN_CODE.search(_before(text, begin)) or _SETTING.match(text, end)):
            yield begin, end


def _all_emails(text: str) -> Iterator[Span]:
    lowered = text.lower()
    for signs, pattern in _ADDRESSES:
        if not has_any(lowered, signs):
            continue
        for match in pattern.finditer(text):
            token = _before(text, match.start()).rpartition(" ")[2]
            if "://" not in token and not _NOBODYS.search(match[0]):
                yield match.span()


def _before(text: str, at: int) -> str:
    """What stands before this place on its line, and near it."""
    return text[max(0, at - BEFORE) : at].rpartition("\n")[2]


def personal_links(text: str) -> Iterator[Span]:
    for match in _LINK.finditer(text):
        found = match[0]
        if (
            _PERSONAL.match(found)
            or (("@" in found or "%40" in found) and _ADDRESS_IN_LINK.search(found))
            or _MINE.search(text, max(0, match.start() - BEFORE), match.start())
        ):
            yield match.span()


def masked(text: str, known: Iterable[str] = ()) -> str:
    """The text as an example may show it: contact data, in code too, and names after a title or a greeting become […], or that
    are `known`. Other links and numbers are what an example is about."""
    for find in (_all_emails, personal_links, numbers.cards, numbers.ibans, numbers.social_security, numbers.phones):
        text = _marked(text, find(text)).replace(_MARK, "[…]")
    return names.unnamed(text, "[…]", known)


def _marked(text: str, spans: Iterable[Span]) -> str:
    pieces, at = [], 0
    for begin, end in sorted(spans):
        if begin >= at:
            pieces += [text[at:begin], _MARK]
            at = end
    return "".join((*pieces, text[at:]))


def _without(kind: str, field: Field, find: Callable[[str], Iterable[Span]]) -> str:
    return _outside_code(field.text, lambda text: _replaced(kind, text, find, field.options.contacts == "cut"))


def _replaced(kind: str, text: str, find: Callable[[str], Iterable[Span]], cut: bool) -> str:
    marked = _marked(text, find(text))
    if marked == text:
        return text
    kept: list[str] = []
    for piece in sentences(marked):
        if _MARK not in piece:
            kept.append(piece)
        elif not _says_how_to_reach(piece):
            kept.append(_CUT.sub("", piece) if cut else piece)
        elif kept and _HEADING.search(kept[-1]) and _says_how_to_reach(kept[-1]):
            kept.pop()  # the heading of what went
        elif kept and (label := numbers.LABEL_AT_THE_END.search(kept[-1])):
            kept[-1] = kept[-1][: label.start()] + piece[len(piece.rstrip()) :]
        elif kept and "\n" in piece[-2:]:
            kept[-1] = kept[-1].rstrip() + piece[len(piece.rstrip()) :]
    left = "".join(kept).strip()
    return (left or marked).replace(_MARK, PLACEHOLDERS[kind])


def _says_how_to_reach(piece: str) -> bool:
    """Whether a sentence has no word but those that come with a contact. Tables and data in braces are none."""
    return not _STRUCTURE.search(piece) and _CONTACT_WORDS.issuperset(_WORD.findall(piece.lower()))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with a change that sees no code: each part in backticks is one character for it."""
    code = _CODE.findall(text) if "`" in text else []
    if not code:
        return change(text)
    parts = change(_CODE.sub(_CODE_MARK, text)).split(_CODE_MARK)
    if len(parts) != len(code) + 1:
        return text
    return "".join(part + within for part, within in zip(parts, [*code, ""], strict=True))
