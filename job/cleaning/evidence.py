"""Which packs of rules a source needs (FINETUNE_DATA_CLEANING=auto): how much of a sample shows the damage that each mends.

A pack is on where enough rows show its sign. The signs are narrower than the rules: a greeting at the beginning, a goodbye at
the end, markup, escapes outside of code. Deterministic: the same first rows give the same packs on every start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from job.cleaning.batch import Raw
from job.cleaning.rules import kinds, languages, registry, works
from job.cleaning.rules.contacts import is_subject, masked
from job.cleaning.rules.rule import BOTH, Field, FieldName, Rules
from job.cleaning.rules.text import about_code, unescaped
from job.results import Evidence

SAMPLE = 1000
"""Rows at the beginning of a source that are looked at; half of the questions and answers of 10,000 would say the same."""
LONGEST_COURTESY = 40
"""Characters of a turn that only greets or thanks: "Hi, I'm Anna!", "Thanks, that helped a lot."."""
EXAMPLE = 80
"""Characters of an example."""
Sign = Callable[[Field], str]
"""What of a field shows the damage; empty if nothing does."""

_GREETING = re.compile(
    r"\W{0,3}(?:h(?:i+|ello+|ey)|dear|thanks?|thank\s+you|welcome|greetings|good\s+(?:morning|evening|afternoon|day)|namaste)\b[^.!?\n]{0,60}",
    re.IGNORECASE,
)
_WITHIN = r"[^.!?\n]{0,60}"
_GOODBYE = re.compile(
    rf"(?:\b(?:regards|best\s+wishes|take\s+care|good\s+luck|thanks?|thank\s+you|all\s+the\s+best|hope\s+(?:this|i|that|it)\b{_WITHIN}|"
    rf"let\s+me\s+know\b{_WITHIN}|feel\s+free\b{_WITHIN}|wish(?:ing)?\s+(?:you|u)\b{_WITHIN}|get\s+back\b{_WITHIN}|"
    rf"happy\s+to\s+help\b{_WITHIN}|any\s+(?:more|further|other)\b{_WITHIN})|--+>\s*(?:<link>)?|<link>)\W*(?:[A-Z][\w.]*\W*){{0,4}}$",
    re.IGNORECASE,
)
GOODBYE_WITHIN = 220
_MARKUP = re.compile(
    r"(?<![\w\])\[])\[\[[A-Z][\w ,()–-]{2,80}(?:[#|][^\[\]\n]{1,80})?\]\]|\bTemplate:\w[\w ]{0,40}|"
    r"\bCategory::?\w[\w ]{0,40}|\d{4} \(UTC\)|(?<![\w'])'{2,3}[A-Z][\w ,-]{1,80}'{2,3}(?!\w)|^==+ ?[A-Z][^=\n]{1,80}==+\s*$",
    re.MULTILINE,
)
"""Links, templates, categories, signatures, bold names and headings of a wiki. Brackets and braces alone are code as often."""
_ESCAPES = re.compile(
    r"(?<![\w\"'`\[(\\-])\w+\\u[0-9a-fA-F]{4}(?![0-9a-zA-Z]*\{)\w*|\b[A-Za-z]{2,40}\\(?:s|t|m|d|re|ve|ll)\b(?![\\+*?{(\[])|"
    r"[.!?]\\n(?:\\n)?(?=[A-Z0-9*-])"
)
"""In the middle of words of prose, and only where the rule would mend it."""


def _courtesy(field: Field) -> str:
    if field.name == "question":
        return ""
    found = _GREETING.match(field.text) or _GOODBYE.search(field.text, max(0, len(field.text) - GOODBYE_WITHIN))
    return found[0] if found else ""


def _markup(field: Field) -> str:
    return "" if field.name == "question" or about_code(field.text) else _first(_MARKUP, field)


def _escapes(field: Field) -> str:
    if "\\" not in field.text or (mended := unescaped(field.text)) == field.text:
        return ""
    return next((found[0] for found in _ESCAPES.finditer(field.text) if found[0] not in mended), "")


def _first(pattern: re.Pattern[str], field: Field) -> str:
    found = pattern.search(field.text)
    return found[0] if found else ""


def _personal(field: Field) -> str:
    """The rule for contact data that would take something, links aside, which are sources more often than contacts."""
    rules = (rule for rule in registry.RULES if rule.pack == "contacts" and rule.name != "link")
    return next((rule.name for rule in rules if rule.cut and rule.cut(field) != field.text), "")


@dataclass(frozen=True)
class Pack:
    name: str
    sign: Sign
    least: float
    """Share of rows with the sign from which the pack is on."""


PACKS: tuple[Pack, ...] = (
    # Measured: answers of four forums 53 to 100 %; instructions, code, chats with an assistant and web text 0 to 8 %.
    Pack("qa-forum", _courtesy, 0.2),
    # An encyclopaedia with remains of markup 2.7 %, others 0 to 0.2 %.
    Pack("wiki", _markup, 0.01),
    # Forums 1.7 and 8.6 %, others 0.
    Pack("escapes", _escapes, 0.005),
    # Also on where qa-forum is: people write there about themselves.
    Pack("contacts", _personal, 0.005),
)


def exchanges_of(raw: Raw, system: str = "") -> list[tuple[str, str, str]]:
    """Each question, its answer in words, and the system prompt, `system` if all rows have that; of a plain text no
    question and the text."""
    if raw.fault:
        return []
    prompt = system or raw.system
    if raw.conversation:
        exchanges = raw.conversation.exchanges()
        return [
            (turns[0]["content"], turns[-1]["content"], prompt)
            for turns in exchanges
            if turns[-1]["role"] == "assistant"
        ]
    return [("", raw.text, "")] if raw.text else [(raw.question, raw.answer, prompt)]


def evidence(rows: Sequence[tuple[str, str] | tuple[str, str, str]]) -> list[Evidence]:
    """What the rows (question, answer, and the system prompt if there is one) show for each pack. A text without a question,
    such as a web page, counts for all packs but contacts: what was published is no one's private data. Nor do rows count there
    that are about contact data."""
    counts = dict.fromkeys((pack.name for pack in PACKS), 0)
    examples = dict.fromkeys(counts, "")
    for question, answer, *system in rows:
        fields = _fields(question, answer, "".join(system))
        mirrors = _mirrors(question, answer)
        for pack in PACKS:
            if pack.name == "contacts" and (not question or is_subject(question)):
                continue
            if pack.name == "qa-forum" and mirrors:
                continue
            sign = next(filter(None, map(pack.sign, fields)), "")
            counts[pack.name] += bool(sign)
            if sign and not examples[pack.name] and pack.name != "contacts":
                examples[pack.name] = masked(sign.strip())[:EXAMPLE]
    found: list[Evidence] = []
    questions = sum(1 for question, *_ in rows if question)
    for pack in PACKS:
        seen = questions if pack.name == "contacts" else len(rows)
        share = counts[pack.name] / max(1, seen)
        on = share >= pack.least or (pack.name == "contacts" and found[0].on)
        found.append(
            Evidence(
                pack=pack.name,
                rows=counts[pack.name],
                seen=seen,
                least=pack.least,
                on=on,
                example=examples[pack.name],
            )
        )
    return found


def said(found: Evidence) -> str:
    """The evidence in words, for the log and the plan."""
    share = found.rows / max(1, found.seen)
    words = f"{100 * share:.1f} % of {found.seen:,} exchanges show its sign, and {100 * found.least:g} % switch it on"
    if not found.seen:
        words = "no row with a question to look at"
    return f"{words}, as qa-forum does here" if found.on and share < found.least else words


def _fields(question: str, answer: str, system: str) -> list[Field]:
    """The fields with code and the like hidden; of an answer that was asked for as a letter nothing counts."""
    texts: dict[FieldName, str] = {"question": question, "answer": answer}
    fields = []
    for name in BOTH:
        if name == "answer" and (kinds.is_work(question, answer, system) or works.is_letter(question, answer)):
            continue
        field = Field(name, texts[name], Rules())
        field.hide(kinds.kept(field.text))
        fields.append(field)
    return fields


def _mirrors(question: str, answer: str) -> bool:
    """Whether the question is a greeting or thanks and no more, or in another language than the answer."""
    if len(question) <= LONGEST_COURTESY and _GREETING.match(question):
        return True
    return languages.is_foreign(question) and not languages.is_foreign(answer)


def rules_for(found: Sequence[Evidence], options: Rules) -> Rules:
    """The options with the packs that the evidence switches on. They bring no limits in words: a share of rows that shows
    damage says nothing about the lengths of the others."""
    on = {one.pack for one in found if one.on}
    return replace(
        options,
        packs=tuple(pack.name for pack in PACKS if pack.name in on and pack.name != "contacts"),
        contacts=options.contacts if "contacts" in on else "keep",
        min_answer_words=options.min_answer_words or 0,
        max_words=options.max_words or 0,
    )
