"""All rules on one row, in their order, and the entry for engines of any kind: `clean_batch(rows, rules)`.

    repair -> placeholders, markup -> [openings -> closings -> courtesy inside -> holes -> user's rules -> contacts] until
    nothing changes -> shape and length

The bracket runs until nothing changes, so cleaning its own output changes nothing. Pure functions: the same row gives the
same result in any process, batch or order. Imports no heavy library.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import regex

from job.cleaning import shape, wiki
from job.cleaning.contacts import masked, without_contacts
from job.cleaning.courtesies import BRAND, GLUED
from job.cleaning.forum import Forum
from job.cleaning.text import capital, repair, words
from job.errors import SettingsError
from job.settings.rule_file import SECONDS, UserRule

MOST_PASSES = 25
MOST_CHARACTERS = 100_000
"""In question and answer together; longer ones would be dropped for their tokens, an hour later."""
MOST_CONTROL = 0.02
"""Share of control characters; above it a text is binary data."""
EXAMPLES = 3
CONTACT_RULES = ("email", "link", "phone", "signature", "own_name")
OWN = "own:"
"""Before the names of the user's rules, in counts and reasons."""
CUTTING = (
    *(
        "repair",
        "placeholder",
        "wiki_markup_cut",
        "opening",
        "closing",
        "cut_off_end",
        "courtesy_inside",
        "hole",
        "capital",
    ),
    *CONTACT_RULES,
)
"""Rules that change text, in their order; the user's own come before the contact rules."""
DROPPING = (
    *(
        "empty",
        "enormous",
        "binary",
        "nothing_but_boilerplate",
        "holes",
        "unstable",
        "wiki_markup",
        "cut_off",
        "repetitive",
    ),
    *("other_language", "short_answer", "too_many_words"),
)
"""Reasons for which these rules drop a row, in their order; the user's own `drop` rules come before `wiki_markup`."""


@dataclass(frozen=True)
class Rules:
    """What the rules are told; small, hashable, and the same for every process."""

    packs: tuple[str, ...] = ("qa-forum", "wiki")
    brands: tuple[str, ...] = ()
    contacts: bool = True
    languages: tuple[str, ...] = ()
    min_answer_words: int = 30
    max_words: int = 600
    user_rules: tuple[UserRule, ...] = ()

    def digest(self) -> str:
        """A hash of the rule set: of these values and of the code of all rules."""
        found = hashlib.sha256(repr(self).encode("utf-8"))
        for path in sorted(Path(__file__).parent.glob("*.py")):
            if path.stem in ("text", "courtesies", "forum", "wiki", "contacts", "shape", "rules"):
                found.update(path.read_bytes())
        return found.hexdigest()


@dataclass
class Count:
    """What one rule did."""

    changed: int = 0
    dropped: int = 0
    characters_removed: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)
    """Before and after, an excerpt around the change; of contact rules none."""

    def add(self, other: Count) -> None:
        self.changed += other.changed
        self.dropped += other.dropped
        self.characters_removed += other.characters_removed
        self.examples += other.examples[: EXAMPLES - len(self.examples)]


Tally = dict[str, Count]


def clean_batch(
    rows: Sequence[Mapping[str, str]], rules: Rules, tally: Tally | None = None
) -> tuple[list[dict[str, str]], list[str]]:
    """(rows, reasons), as many as came in: each row with `question` and `answer` cleaned, and why it must go, or "".

    The entry for Ray Data, Spark or anything that maps batches: see README. Other fields pass through. A row that must go
    comes back as it was. `tally` collects what each rule did.
    """
    cleaner = _cleaner(rules)
    counts = {} if tally is None else tally
    found: list[dict[str, str]] = []
    reasons = []
    for row in rows:
        question, answer, reason = cleaner.row(row["question"], row["answer"], counts)
        found.append({**row} if reason else {**row, "question": question, "answer": answer})
        reasons.append(reason)
    return found, reasons


@functools.lru_cache(maxsize=4)
def _cleaner(rules: Rules) -> Cleaner:
    return Cleaner(rules)


class Dropped(Exception):
    """A row must go; carries the reason."""


class Cleaner:
    """Rules with their patterns ready."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.nothing = rules.packs == ("none",)
        self.forum = Forum(rules.brands) if "qa-forum" in rules.packs else None
        self.wiki = "wiki" in rules.packs
        self.user_rules = [(rule, regex.compile(rule.pattern)) for rule in rules.user_rules]

    def row(self, question: str, answer: str, tally: Tally) -> tuple[str, str, str]:
        """(question, answer, reason)."""
        try:
            return (*self._row(question, answer, tally), "")
        except Dropped as dropped:
            reason = str(dropped)
            tally.setdefault(reason, Count()).dropped += 1
            return question, answer, reason

    def _row(self, question: str, answer: str, tally: Tally) -> tuple[str, str]:
        if not question.strip() or not answer.strip():
            raise Dropped("empty")
        if len(question) + len(answer) > MOST_CHARACTERS:
            raise Dropped("enormous")
        if _is_binary(question) or _is_binary(answer):
            raise Dropped("binary")
        if self.nothing:
            return question, answer
        name = self.rules.brands[0] if self.rules.brands else ""
        text = Text(answer, tally, name)
        text.becomes("repair", repair(answer))
        self._answer(text)
        asked = Text(question, tally, name)
        asked.becomes("repair", repair(question))
        for _ in range(MOST_PASSES):
            before = asked.text
            self._question_once(asked)
            if asked.text == before:
                break
        if not asked.text:
            raise Dropped("empty")
        self._judge(asked.text, text.text)
        text.note()
        asked.note()
        return asked.text, text.text

    def _answer(self, text: Text) -> None:
        """Rounds of edges and inside, until nothing changes any more."""
        glued = bool(self.forum and GLUED.search(text.text))
        marked = self.wiki and wiki.may_have_markup(text.text)
        for _ in range(MOST_PASSES):
            if marked:
                text.becomes("wiki_markup_cut", wiki.without_markup(text.text))
            if self.forum:
                text.becomes("placeholder", self.forum.without_placeholders(text.text))
                text.becomes("repair", self.forum.named(text.text))
                if glued:
                    text.becomes("repair", self.forum.separated(text.text))
            separated = text.text
            if self.forum:
                self._edges(text, self.forum)
            before = text.text
            if self.forum:
                self._inside(text, self.forum)
            self._user_rules(text)
            if self.rules.contacts:
                self._contacts(text)
            text.becomes("repair", repair(text.text))
            if not text.text:
                raise Dropped("nothing_but_boilerplate")
            again = self.forum and glued and before != separated and self.forum.separated(before) != before
            if text.text == before and not again:
                return
        raise Dropped("unstable")

    def _edges(self, text: Text, forum: Forum) -> None:
        for _ in range(MOST_PASSES):
            opening = text.text
            for _ in range(MOST_PASSES):
                before = text.text
                text.becomes("opening", forum.opened(before).strip())
                if text.text == before:
                    break
            small = text.text
            if small != opening:
                text.becomes("capital", capital(small))
            for _ in range(MOST_PASSES):
                text.becomes("closing", forum.closed(text.text).strip())
                before = text.text
                text.becomes("cut_off_end", forum.cut_off(before))
                if text.text == before:
                    break
            # Behind a cut at the end or a capital there may be something new to see at the beginning.
            if text.text == small or forum.opened(text.text).strip() == text.text:
                return

    def _inside(self, text: Text, forum: Forum) -> None:
        text.becomes("courtesy_inside", forum.inside(text.text))
        whole = text.text
        text.becomes("hole", forum.holes(whole))
        if whole != text.text:
            left = words(text.text)
            text.holes += words(whole) - left
            if text.holes * 3 > text.holes + left:
                raise Dropped("holes" if left else "nothing_but_boilerplate")
            text.becomes("capital", capital(text.text))

    def _user_rules(self, text: Text) -> None:
        for rule, pattern in self.user_rules:
            begun = time.monotonic()
            try:
                if rule.drops:
                    if pattern.search(text.text, timeout=SECONDS):
                        raise Dropped(OWN + rule.name)
                else:
                    text.becomes(OWN + rule.name, pattern.sub("", text.text, timeout=SECONDS).strip())
            except TimeoutError as error:
                raise SettingsError(
                    [
                        f"FINETUNE_DATA_RULES_FILE: the pattern of {rule.name} was stopped after "
                        f"{time.monotonic() - begun:.1f} s on one answer of {len(text.text):,} characters; it backtracks "
                        "without end (nested repeats such as (a+)+ or (a|a)* do): write it without them, or with possessive "
                        "repeats (a++)"
                    ]
                ) from error

    def _contacts(self, text: Text) -> None:
        found, taken = without_contacts(text.text)
        for rule, characters in taken.items():
            text.counted(rule, characters)
        text.text = found

    def _question_once(self, text: Text) -> None:
        if self.forum:
            text.becomes("placeholder", self.forum.without_placeholders(text.text))
            named = self.forum.named(text.text)
            if BRAND in named:  # the asker's words stay: only where most are left, the sentence with the name goes
                rest = self.forum.holes(named)
                if words(rest) * 3 >= words(named) * 2:
                    text.becomes("hole", rest)
        if self.rules.contacts:
            self._contacts(text)
        text.becomes("repair", repair(text.text))

    def _judge(self, question: str, answer: str) -> None:
        """Raises Dropped for a cleaned row that must go."""
        if self.wiki and wiki.may_have_markup(answer) and wiki.has_markup(answer):
            raise Dropped("wiki_markup")
        if self.forum and self.forum.is_cut_off(answer):
            raise Dropped("cut_off")
        found = answer.split()
        count = len(found)
        if count < self.rules.min_answer_words:
            raise Dropped("short_answer")
        if count + words(question) > self.rules.max_words:
            raise Dropped("too_many_words")
        if shape.repeated_share(found) > shape.MOST_REPEATED:
            raise Dropped("repetitive")
        if self.rules.languages and shape.other_language(answer, self.rules.languages):
            raise Dropped("other_language")


def _is_binary(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    odd = sum(text.count(letter) for letter in _CONTROL if letter in text) + text.count("\ufffd")
    return odd > MOST_CONTROL * len(text)


_CONTROL = tuple(chr(number) for number in [*range(9), 11, 12, *range(14, 32), 127])


class Text:
    """One field on its way. A row that is dropped counts no change, so changes are noted at the end."""

    def __init__(self, text: str, tally: Tally, brand: str) -> None:
        self.text = text
        self.brand = brand
        self.tally = tally
        self.holes = 0
        """Words that holes took."""
        self.changes: dict[str, Count] = {}

    def becomes(self, rule: str, text: str) -> None:
        if text == self.text:
            return
        change = self.changes.setdefault(rule, Count())
        change.characters_removed += max(0, len(self.text) - len(text))
        if not change.examples and rule not in CONTACT_RULES:
            change.examples.append((self.text, text))
        self.text = text

    def counted(self, rule: str, characters: int) -> None:
        self.changes.setdefault(rule, Count()).characters_removed += characters

    def note(self) -> None:
        for rule, change in self.changes.items():
            count = self.tally.setdefault(rule, Count())
            count.changed += 1
            count.characters_removed += change.characters_removed
            if len(count.examples) < EXAMPLES:
                for before, after in change.examples:
                    # masked first: an excerpt's edge would cut an address in two
                    before, after = masked(before.replace(BRAND, self.brand)), masked(after.replace(BRAND, self.brand))
                    count.examples.append(excerpt(before, after))


def excerpt(before: str, after: str, around: int = 60, most: int = 240) -> tuple[str, str]:
    """The part that differs, with some characters around it."""
    begin = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    same_end = 0
    while same_end < min(len(before), len(after)) - begin and before[-1 - same_end] == after[-1 - same_end]:
        same_end += 1
    start = max(0, begin - around)

    def part(text: str) -> str:
        found = text[start : min(len(text) - same_end + around, start + most)]
        return ("…" if start else "") + found + ("…" if start + len(found) < len(text) else "")

    return part(before), part(after)
