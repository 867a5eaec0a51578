"""Walks a row through the registry, and the entry for engines of any kind: `clean_batch(rows, rules)`.

    check -> decode -> hide -> repair -> [markup -> blanks -> (beginning -> ending) -> inside -> contacts -> repair]
    -> judge -> show

The rows of a batch walk in step (`Cleaner.rows`). Code, formulas, tables and the like (kinds.py) are hidden from the rules: a
private character stands for each, and a cut that would take one is not made. The inner bracket runs until both ends stay as
they are, the outer one until the whole text does, so cleaning its own output changes nothing. Pure functions: the same row
gives the same result in any process, batch or order. Knows no rule by name.
"""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import get_args

from job.cleaning.rules import contacts, kinds, languages, registry, works
from job.cleaning.rules.own import own_rules
from job.cleaning.rules.rule import ENGLISH, EXAMPLES, Count, Field, FieldName, Row, Rule, Rules, Step, Steps, Tally
from job.cleaning.rules.text import IN_STEP

MOST_PASSES = 25
BEGIN, JUDGED, END = 0, 100, 101
REPAIRED, TRIMMED, CLOSED, CUT, REACHED, SHOWN = range(1, 7)
PLACES: dict[FieldName, int] = {"answer": 10, "question": 20}
"""Where rows wait for each other: before the repair of a field, the cuts at its ends, those inside, contacts, and the end."""
STEPS: tuple[Step, ...] = get_args(Step)


def clean_batch(
    rows: Sequence[Mapping[str, str]], rules: Rules, tally: Tally | None = None
) -> tuple[list[dict[str, str]], list[str]]:
    """(rows, reasons), as many as came in: each row with `question` and `answer` cleaned, and why it must go, or "".

    The entry for Ray Data, Spark or anything that maps batches. Other fields pass through; `system` is read as part of what is
    asked, where a row has it. A row that must go is returned unchanged. `tally` collects what each rule did, with examples as
    they are in the data: examples.py masks them. Raises SettingsError for a user's pattern that backtracks without end.
    """
    cleaner = _cleaner(rules, registry.RULES)
    counts = {} if tally is None else tally
    found: list[dict[str, str]] = []
    reasons = []
    for begin in range(0, len(rows), IN_STEP):
        some = rows[begin : begin + IN_STEP]
        texts = [(row["question"], row["answer"], row.get("system", "")) for row in some]
        with _collecting_later():
            cleaned = cleaner.rows(texts, counts)
        for row, (question, answer, reason) in zip(some, cleaned, strict=True):
            found.append({**row, "question": question, "answer": answer})
            reasons.append(reason)
    return found, reasons


@contextlib.contextmanager
def _collecting_later() -> Iterator[None]:
    """Without Python's search for cycles, which cleaning does not make: it would look at all rows in step again and again, in
    2.4 % of the time. Where it was off before, it stays off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def running(options: Rules, entries: tuple[Rule, ...]) -> list[Rule]:
    """The rules that these options switch on, in their order, the user's own at their place."""
    found: list[Rule] = []
    for rule in entries:
        if options.runs(rule.pack):
            found += own_rules(rule, options) if rule.name == registry.OWN else [rule]
    return found


@functools.lru_cache(maxsize=4)
def _cleaner(options: Rules, entries: tuple[Rule, ...]) -> Cleaner:
    return Cleaner(options, entries)


class Dropped(Exception):
    """A row must go; carries the reason."""


class Cleaner:
    """Rules with their patterns ready."""

    def __init__(self, options: Rules, entries: tuple[Rule, ...]) -> None:
        self.options = options
        self.rules = running(options, entries)
        self.hides = any(rule.cut and rule.pack not in ("repair", "own") for rule in self.rules)
        """Whether anything runs from which code is hidden; what repair mends is damage in code too."""
        self.english = tuple(rule for rule in self.rules if rule.pack in ENGLISH)
        self.contacts = tuple(rule for rule in self.rules if rule.pack == "contacts")
        self.active: dict[tuple[FieldName, tuple[Rule, ...]], Steps] = {}
        """The rules of each step, by field and by what is idle."""

    def rows(self, texts: Sequence[tuple[str, str, str]], tally: Tally) -> list[tuple[str, str, str]]:
        """(question, answer, reason) for each (question, answer, system); of a row that must go, the texts as they came.

        Each row waits before each part of its way until those behind it are there too. So the code and the patterns of one part
        stay in the processor's caches, which takes a tenth less time than one row after the other.
        """
        rows = [Row(question, answer, self.options) for question, answer, _ in texts]
        reasons = [""] * len(rows)
        ways = [self._walk(row, *text) for row, text in zip(rows, texts, strict=True)]
        waiting = {BEGIN: list(range(len(rows)))}
        while waiting:
            for number in waiting.pop(min(waiting)):
                try:
                    place = next(ways[number], END)
                except Dropped as dropped:
                    reasons[number], place = str(dropped), END
                if place != END:
                    waiting.setdefault(place, []).append(number)
        found = []
        for (question, answer, _), row, reason in zip(texts, rows, reasons, strict=True):
            if reason:
                tally.setdefault(reason, Count()).dropped += 1
                found.append((question, answer, reason))
            else:
                self._note(row.answer, tally)
                self._note(row.question, tally)
                found.append((row.question.whole, row.answer.whole, ""))
        return found

    def _walk(self, row: Row, question: str, answer: str, system: str) -> Iterator[int]:
        """The way of a row; it stops before the parts where rows wait for each other."""
        row.question.steps, row.answer.steps = self._steps("question"), self._steps("answer")
        idle = self.contacts if self.contacts and contacts.is_subject(question) else ()
        self._run("check", row, row.answer)
        if self.hides and kinds.is_work(question, answer, system):
            # The question first: whether the answer is one depends on the question as it will be.
            yield from self._clean_to_the_end(row, row.question, idle)
            work = kinds.is_work(row.question.whole, answer, system)
            yield from self._clean_to_the_end(row, row.answer, idle, work=work)
        else:
            letter = self.hides and works.is_letter(question, answer)
            yield from self._clean_to_the_end(row, row.answer, idle, letter=letter)
            yield from self._clean_to_the_end(row, row.question, idle)
        yield JUDGED
        self._run("judge", row, row.answer)

    def _clean_to_the_end(
        self, row: Row, field: Field, idle: tuple[Rule, ...], *, work: bool = False, letter: bool = False
    ) -> Iterator[int]:
        """Until the hidden parts are those that would be hidden from the result: a cut may show what is left to be code. Of a
        `work` the last lines are hidden too, and the word rules do not run; nor do they on a `letter` that nobody asked for."""
        place = PLACES[field.name]
        yield place
        self._run("decode", row, field)
        for _ in range(MOST_PASSES):
            before = field.text
            if self.hides:
                field.hide(kinds.kept(before, ending=work))
            field.foreign = bool(self.english) and languages.is_foreign(field.text)
            yield from self._clean(row, field, (*idle, *self.english) if work or letter or field.foreign else idle)
            yield place + SHOWN
            after = field.whole
            if after == before or not field.settled or not self.hides:
                return
            if field.foreign and not languages.is_foreign(field.text):
                field.show()
                continue
            if [after[begin:end] for begin, end in kinds.kept(after, ending=work)] == field.hidden_parts():
                return
            field.show()
        field.settled = False

    def _clean(self, row: Row, field: Field, idle: tuple[Rule, ...]) -> Iterator[int]:
        place = PLACES[field.name]
        yield place + REPAIRED
        field.steps = self._steps(field.name, idle)
        self._run("repair", row, field)
        repaired, unreached = field.text, ""
        for _ in range(MOST_PASSES):
            self._run("markup", row, field)
            self._run("blanks", row, field)
            spaced = field.text
            if field.steps["beginning"] or field.steps["ending"]:
                yield place + TRIMMED
                yield from self._clean_ends(row, field)
            trimmed = field.text
            yield place + CUT
            self._run("inside", row, field)
            yield place + REACHED
            inside = field.text
            if inside != unreached and not self._run("contacts", row, field):
                unreached = inside  # nor will they be found in it in the next pass
            if field.text != repaired:
                self._run("repair", row, field)
                repaired = field.text
            if field.text == trimmed and (trimmed == spaced or not self._shows_more(field)):
                field.settled = True
                return

    def _steps(self, name: FieldName, idle: tuple[Rule, ...] = ()) -> Steps:
        """The rules of a field in each step, without those that are idle."""
        found = self.active.get((name, idle))
        if found is None:
            rules = [rule for rule in self.rules if name in rule.fields and rule not in idle]
            found = {
                step: tuple((rule, rule.after, rule.sign, rule.cut) for rule in rules if step in rule.steps)
                for step in STEPS
            }
            self.active[name, idle] = found
        return found

    def _clean_ends(self, row: Row, field: Field) -> Iterator[int]:
        """A cut at the end, or a capital, may show something new at the beginning."""
        for turn in range(MOST_PASSES):
            begun = self._run("beginning", row, field)
            if turn and not begun:
                return
            yield PLACES[field.name] + CLOSED
            if not self._run("ending", row, field) and (not begun or begun.again):
                return  # with `again`, the beginning has been looked at since

    def _run(self, step: Step, row: Row, field: Field) -> Rule | None:
        """Each rule of a step on a field, in order. Gives the one that made the last change; raises Dropped."""
        rules = field.steps[step]
        if not rules:
            return None
        last: Rule | None = None
        missing: Callable[[str], bool] | None = None  # the sign that this text lacks; rules in a row may share one
        for _ in range(MOST_PASSES):
            for rule, after, sign, cut in rules:
                if after and (last is None or last.name not in after):
                    continue
                if sign and (sign is missing or not sign(field.text)):
                    missing = sign
                    continue
                if cut:
                    if (text := cut(field)) != field.text and field.keeps_hidden(rule, text):
                        field.becomes(rule, text)
                        last, missing = rule, None
                        if rule.again:
                            break
                elif rule.drop and rule.drop(row):
                    raise Dropped(rule.name)
            else:
                break
        return last

    def _shows_more(self, field: Field) -> bool:
        """Whether a cut at an end has shown something new to the steps before it."""
        text = field.text
        for _, _, sign, cut in (*field.steps["markup"], *field.steps["blanks"]):
            if cut and not (sign and not sign(text)) and cut(field) != text:
                return True
        return False

    def _note(self, field: Field, tally: Tally) -> None:
        """A row that is dropped counts no change, so changes are noted at the end."""
        for name, change in field.changes.items():
            count = tally.get(name) or tally.setdefault(name, Count())
            count.changed += 1
            count.characters_removed += change.characters_removed
            if len(count.examples) < EXAMPLES:
                count.examples += change.examples
        if field.foreign:
            for rule in self.english:
                if field.name in rule.fields:
                    tally.setdefault(rule.counts_as or rule.name, Count()).skipped += 1
