"""What a rule is, what it works on, and what it did. Knows no rule by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from job.settings.rule_file import UserRule

EXAMPLES = 3
"""Kept of each rule."""

Pack = Literal["always", "repair", "wiki", "qa-forum", "own", "contacts", "shape"]
Step = Literal["check", "repair", "markup", "blanks", "beginning", "ending", "inside", "judge"]
FieldName = Literal["question", "answer"]
BOTH: tuple[FieldName, ...] = ("question", "answer")


@dataclass(frozen=True)
class Rules:
    """The options of the rules; small, hashable, and the same for every process."""

    packs: tuple[str, ...] = ("qa-forum", "wiki")
    brands: tuple[str, ...] = ()
    contacts: Literal["mask", "cut", "keep"] = "mask"
    languages: tuple[str, ...] = ()
    min_answer_words: int = 30
    max_words: int = 600
    user_rules: tuple[UserRule, ...] = ()

    def runs(self, pack: Pack) -> bool:
        """Whether rules of this pack run."""
        if pack == "always" or self.packs == ("none",):
            return pack == "always"
        if pack == "contacts":
            return self.contacts != "keep"
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
    """Where to look when it drops too many rows; filled in with `data` and `max_tokens`."""
    fields: tuple[FieldName, ...] = ("answer",)
    after: tuple[str, ...] = ()
    """Runs only when one of these rules made the last change in the same step."""
    again: bool = False
    """When it has changed the text, its step begins anew."""
    sign: Callable[[str], bool] | None = None
    """Looked for once, in the repaired text. To save time, a rule whose sign is missing does not run."""
    counts_as: str = ""
    """The rule under whose name its changes are counted, if not its own."""
    private: bool = False
    """What it takes is personal data: counted, never quoted."""


@dataclass
class Count:
    """What one rule did."""

    changed: int = 0
    dropped: int = 0
    characters_removed: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)
    """The whole text before and after; none for private rules. examples.py must mask them before they are shown."""

    def add(self, other: Count) -> None:
        self.changed += other.changed
        self.dropped += other.dropped
        self.characters_removed += other.characters_removed
        self.examples += other.examples[: EXAMPLES - len(self.examples)]


Tally = dict[str, Count]
"""Rule name -> what the rule did."""


class Field:
    """The question or the answer of a row, on its way through the rules."""

    __slots__ = ("_lowered", "_words", "changes", "idle", "name", "options", "scrubbed_words", "settled", "text")

    def __init__(self, name: FieldName, text: str, options: Rules) -> None:
        self.name = name
        self.text = text
        self.options = options
        self.changes: Tally = {}
        self.idle: tuple[Rule, ...] = ()
        """Rules whose sign the text lacks."""
        self.settled = False
        """Whether the rules came to an end."""
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
        if self._words is None:
            self._words = self.text.split()
        return self._words

    def becomes(self, rule: Rule, text: str) -> None:
        """The change counts once the whole row is kept; until then it is noted here."""
        name = rule.counts_as or rule.name
        change = self.changes.get(name)
        if change is None:
            change = self.changes[name] = Count(changed=1)
            if not rule.private:
                change.examples.append((self.text, text))
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
