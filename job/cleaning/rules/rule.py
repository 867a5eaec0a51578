"""What a rule is, what it works on, and what it did. Knows no rule by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from job.cleaning.rules.text import HIDDEN
from job.settings.rule_file import UserRule

_BULLET = re.compile(r"\W{1,60}")
_HIDDEN = re.compile(f"[{chr(HIDDEN.start)}-{chr(HIDDEN.stop - 1)}]")

EXAMPLES = 3
"""Kept of each rule."""

Pack = Literal["always", "repair", "escapes", "prose", "wiki", "qa-forum", "own", "contacts", "shape"]
PROSE: tuple[Pack, ...] = ("qa-forum", "wiki")
"""Packs for text that is meant to be prose: with one of them blanks are normalized and lengths have default limits."""
_PROSE = frozenset(PROSE)
ENGLISH: tuple[Pack, ...] = ("qa-forum", "prose")
"""Packs that know English alone; a field in another language passes them by."""
LEAST_WORDS, MOST_WORDS = 30, 600
"""Default limits of rows from sources with prose."""
Step = Literal["check", "decode", "repair", "markup", "blanks", "beginning", "ending", "inside", "contacts", "judge"]
FieldName = Literal["question", "answer"]
BOTH: tuple[FieldName, ...] = ("question", "answer")


@dataclass(frozen=True)
class Rules:
    """The options of the rules; small, hashable, and the same for every process."""

    packs: tuple[str, ...] = ("qa-forum", "wiki", "escapes")
    brands: tuple[str, ...] = ()
    contacts: Literal["mask", "cut", "keep"] = "mask"
    languages: tuple[str, ...] = ()
    min_answer_words: int | None = None
    """None for LEAST_WORDS where a pack for prose runs, and no limit elsewhere; `max_words` likewise."""
    max_words: int | None = None
    user_rules: tuple[UserRule, ...] = ()

    def runs(self, pack: Pack) -> bool:
        """Whether rules of this pack run."""
        if pack == "always" or self.packs == ("none",):
            return pack == "always"
        if pack == "contacts":
            return self.contacts != "keep"
        if pack == "prose":
            return not _PROSE.isdisjoint(self.packs)
        return pack in (*self.packs, "repair", "shape", "own")


@dataclass(frozen=True, eq=False)
class Rule:
    """An entry of the registry. It has either `cut`, which returns the text of a field without what it takes, or `drop`,
    which says whether the row must go. Compared by identity, which is fast and sufficient."""

    name: str
    words: str
    """What it takes, or why it drops a row, for the report."""
    pack: Pack
    steps: tuple[Step, ...]
    """Where it runs; see cleaner.py."""
    cut: Callable[[Field], str] | None = None
    drop: Callable[[Row], bool] | None = None
    hint: str = "FINETUNE_DATA_CLEANING"
    """Where to look when it drops too many rows; `registry.hint` fills in the limits."""
    fields: tuple[FieldName, ...] = ("answer",)
    after: tuple[str, ...] = ()
    """Runs only when one of these rules made the last change in the same step."""
    again: bool = False
    """When it has changed the text, its step begins anew."""
    sign: Callable[[str], bool] | None = None
    """To save time, a rule does not run on a text that lacks its sign."""
    counts_as: str = ""
    """The rule under whose name its changes are counted, if not its own."""
    private: bool = False
    """What it takes is personal data: counted, never quoted."""


Steps = dict[
    Step, tuple[tuple[Rule, tuple[str, ...], Callable[[str], bool] | None, Callable[["Field"], str] | None], ...]
]
"""The rules of each step, each with its `after`, `sign` and `cut`: looked up once, not for each row."""


@dataclass
class Count:
    """What one rule did."""

    changed: int = 0
    dropped: int = 0
    characters_removed: int = 0
    skipped: int = 0
    """Rows in a language that the rule does not know."""
    exchanges: int = 0
    """Cut from conversations that stay, since the rule drops them."""
    examples: list[tuple[str, str]] = field(default_factory=list)
    """The whole text before and after, of an exchange that is cut nothing after; none for private rules. examples.py must mask
    them before they are shown."""

    def add(self, other: Count) -> None:
        self.changed += other.changed
        self.dropped += other.dropped
        self.characters_removed += other.characters_removed
        self.skipped += other.skipped
        self.exchanges += other.exchanges
        self.examples += other.examples[: EXAMPLES - len(self.examples)]


Tally = dict[str, Count]
"""Rule name -> what the rule did."""


class Field:
    """The question or the answer of a row, on its way through the rules."""

    __slots__ = (
        *("_lowered", "_words", "changes", "foreign", "hidden", "name", "options", "scrubbed_words", "settled"),
        *("steps", "text"),
    )

    def __init__(self, name: FieldName, text: str, options: Rules) -> None:
        self.name = name
        self.text = text
        """While rules run, with a private character in place of each hidden part."""
        self.options = options
        self.hidden: dict[str, str] = {}
        """Private character -> the part of the text that it stands for."""
        self.changes: Tally = {}
        self.steps: Steps = {}
        """The rules that run: not those which do not know its language."""
        self.settled = False
        """Whether the rules came to an end."""
        self.foreign = False
        """Whether it is in a language that the word rules do not know."""
        self.scrubbed_words = 0
        """Words that went with scrubbed sentences."""
        self._lowered: str | None = None
        self._words: list[str] | None = None

    @property
    def lowered(self) -> str:
        if self._lowered is None:
            self._lowered = self.text.lower()
        return self._lowered

    @property
    def words(self) -> list[str]:
        """Of the whole text, hidden parts included."""
        if self._words is None:
            self._words = self.whole.split()
        return self._words

    @property
    def whole(self) -> str:
        """The text with the hidden parts in their places."""
        return self.shown(self.text) if self.hidden else self.text

    def shown(self, text: str) -> str:
        return _HIDDEN.sub(lambda match: self.hidden[match[0]], text) if self.hidden else text

    def hide(self, spans: Sequence[tuple[int, int]]) -> None:
        """Put a private character in the place of each span; a text that has such characters itself is hidden as a whole."""
        if not self.text.isascii() and _HIDDEN.search(self.text):
            spans = [(0, len(self.text))]
        if not spans:
            return
        pieces, last = [], 0
        for number, (begin, end) in enumerate(spans):
            mark = chr(HIDDEN[number])
            self.hidden[mark] = self.text[begin:end]
            pieces += [self.text[last:begin], mark]
            last = end
        self.text = "".join(pieces) + self.text[last:]
        self._lowered = self._words = None

    def show(self) -> None:
        self.text, self.hidden = self.whole, {}
        self._lowered = self._words = None

    def hidden_parts(self) -> list[str]:
        """The hidden parts that are still in the text, in their order there."""
        return [self.hidden[match[0]] for match in _HIDDEN.finditer(self.text)] if self.hidden else []

    def keeps_hidden(self, rule: Rule, text: str) -> bool:
        """Whether a rule's cut leaves all hidden parts but bullets, which may go with their item; the user's own rules see what
        is hidden, and may cut it."""
        if not self.hidden or rule.pack == "own":
            return True
        lost = set(_HIDDEN.findall(self.text)).difference(_HIDDEN.findall(text))
        return all(_BULLET.fullmatch(self.hidden[mark]) for mark in lost)

    def becomes(self, rule: Rule, text: str) -> None:
        """The change counts once the whole row is kept; until then it is noted here."""
        name = rule.counts_as or rule.name
        change = self.changes.get(name)
        if change is None:
            change = self.changes[name] = Count(changed=1)
            if not rule.private:
                change.examples.append((self.shown(self.text), self.shown(text)))
        change.characters_removed += max(0, len(self.text) - len(text))
        self.text = text
        self._lowered = self._words = None


class Row:
    """What a rule judges."""

    __slots__ = ("answer", "options", "question")

    def __init__(self, question: str, answer: str, options: Rules) -> None:
        self.question = Field("question", question, options)
        self.answer = Field("answer", answer, options)
        self.options = options
