"""The first pass over all rows: kept rows go to one file, dropped rows to another, and some numbers stay in memory."""

from __future__ import annotations

import json
import logging
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from job.cleaning.batch import BATCH, Batch, CleanedBatch, Raw
from job.cleaning.evidence import SAMPLE, evidence, exchanges_of, rules_for, said
from job.cleaning.rules.contacts import masked
from job.cleaning.rules.rule import Count, Rules, Tally
from job.cleaning.rules.text import normalised
from job.cleaning.sources import Loaded, load
from job.errors import SettingsError
from job.modeling.chat import Chat
from job.modeling.conversation import Conversation, texts_of
from job.modeling.examples import Length
from job.modeling.fitting import cut, fitted, parts
from job.modeling.time_limit import OutOfTime
from job.results import Evidence
from job.runs.progress import advance
from job.runs.redaction import redact
from job.settings.fields import DataSettings
from job.settings.files import read_text
from job.settings.sources import Source

log = logging.getLogger("job.clean")

SHOWN = 200
"""Characters of a source's first row in the log, and of a row that could not be read."""
BATCH_CHARACTERS = 8_000_000
"""A batch ends before 250 rows if they are that long: several are in memory at once."""
WRITTEN = ("question", "answer", "turns", "text", "file", "line", "row", "begins")
"""What dropped.jsonl holds of a row: its texts or, where it could not be read, where it stands and how it begins."""
MOST_PROMPTS = 1000
"""Different system prompts to remember; with more, each row brings its own."""


class FirstPass:
    """Takes cleaned batches in order: kept rows go to `rows.jsonl`, dropped ones to `dropped.jsonl`, numbers into arrays."""

    def __init__(
        self, data: DataSettings, chat: Chat, folder: Path, *, max_tokens: int, loss: str, rules: Rules
    ) -> None:
        self.data, self.chat, self.folder, self.max_tokens, self.loss = data, chat, folder, max_tokens, loss
        self.options = rules
        self.rules: list[Rules] = []
        """Of each source."""
        self.evidence: list[list[Evidence]] = []
        self.loaded: list[Loaded] = []
        self.rows_in = [0] * len(data.sources)
        self.dropped: Counter[str] = Counter()
        self.tally: Tally = {}
        self.notes: Counter[str] = Counter()
        """What was done to turns of conversations, by the names of the registry's NOTES."""
        self.turns_in, self.turns_lost = 0, 0
        """Of the conversations that are kept: turns as they came, and how many of these the rules and the limit take."""
        self.first_time = True
        self.too_long = array("I")
        """Lengths of the rows that have more tokens than are allowed."""
        self._begin()

    def _begin(self) -> None:
        self.prompts: Counter[str] = Counter()
        self.source, self.lists = array("H"), array("B")
        self.text, self.question, self.sample, self.split, self.offset = (array("Q") for _ in range(5))
        self.tokens, self.answer_tokens, self.longest, self.parts = (array("I") for _ in range(4))

    def __enter__(self) -> None:
        self.kept_file: IO[bytes] = (self.folder / "rows.jsonl").open("wb")
        self.bands_file: IO[bytes] = (self.folder / "bands").open("wb")
        self.edges_file: IO[bytes] = (self.folder / "edges").open("wb")
        self.dropped_file: IO[bytes] = (self.folder / "dropped.jsonl").open("ab")

    def __exit__(self, *_: object) -> None:
        for file in (self.kept_file, self.bands_file, self.edges_file, self.dropped_file):
            file.close()

    def batches(self, token: str) -> Iterator[Batch]:
        for number, source in enumerate(self.data.sources):
            loaded = load(source, self.data, token)
            self.loaded.append(loaded)
            log.info("stage=clean source=%s format=%r layout=%r", source, loaded.format, loaded.layout)
            rows = self._choose_packs(source, self._showing_one(iter(loaded.rows), source))
            while some := _batch(rows):
                self.rows_in[number] += len(some)
                yield Batch(number, some, self.rules[number])
            log.info("stage=clean source=%s rows=%d", source, self.rows_in[number])

    def kept_batches(self) -> Iterator[Batch]:
        """The rows that were kept, to be taken anew: this pass begins again, and goes on counting what is dropped."""
        source, before, self.first_time = self.source, self.folder / "rows.before", False
        (self.folder / "rows.jsonl").rename(before)
        self._begin()
        return _read(before, source, self.rules)

    def _choose_packs(self, source: Source, rows: Iterator[Raw]) -> Iterator[Raw]:
        """The rows, of which the first have been looked at where the packs depend on them."""
        if self.options.packs != ("auto",):
            self.rules.append(self.options)
            self.evidence.append([])
            return rows
        sample, system = list(islice(rows, SAMPLE)), read_text(self.data.system_prompt_file)
        found = evidence([one for raw in sample for one in exchanges_of(raw, system)])
        self.rules.append(rules_for(found, self.options))
        self.evidence.append(found)
        for one in found:
            log.info("stage=clean source=%s pack=%s on=%s: %s", source, one.pack, str(one.on).lower(), said(one))
        return chain(sample, rows)

    def take(self, batch: CleanedBatch) -> None:
        advance("rows", len(batch.raws))
        for rule, count in batch.tally.items():
            self.tally.setdefault(rule, Count()).add(count)
        self.notes += batch.notes
        kept = [row for row, reason in zip(batch.rows, batch.reasons, strict=True) if not reason]
        lengths = iter(self._lengths(kept))
        bands, edges = memoryview(batch.bands), memoryview(batch.edges)
        width, span = (len(numbers) // len(kept) if kept else 0 for numbers in (bands, edges))
        place = 0
        for raw, row, reason in zip(batch.raws, batch.rows, batch.reasons, strict=True):
            if reason:
                self.drop(reason, batch.source, raw)
                continue
            length, over_limit = next(lengths), self.notes["turns_over_limit"]
            if length is None:
                self.drop("not_rendered", batch.source, row)
            elif not length.answers:
                self.drop("nothing_to_learn", batch.source, row)
            elif fitting := self._fitting(row, length):
                self._keep(batch, place, *fitting)
                if raw.conversation:
                    came = len(raw.conversation.turns)
                    self.turns_in += came * self.first_time
                    self.turns_lost += came - len(texts_of(row)) + self.notes["turns_over_limit"] - over_limit
                self.bands_file.write(bands[place * width : (place + 1) * width])
                self.edges_file.write(edges[place * span : (place + 1) * span])
            else:
                self.too_long.append(length.longest)
                self.drop("too_many_tokens", batch.source, row)
            place += 1

    def _showing_one(self, rows: Iterator[Raw], source: Source) -> Iterator[Raw]:
        """The log shows the first row that could be read, so that a wrong layout is seen before it costs anything."""
        shown = False
        for raw in rows:
            if not shown and not raw.fault:
                shown = True
                text = json.dumps(raw.fields(), ensure_ascii=False)
                log.info("stage=clean source=%s first_row=%r", source, masked(redact(text[: 10 * SHOWN]))[:SHOWN])
            yield raw

    def _lengths(self, rows: list[dict[str, Any]]) -> list[Length | None]:
        """None for a conversation that the template refuses: it may take only some orders of turns."""
        try:
            return [*self.chat.lengths(rows, self.loss)]
        except SettingsError as error:
            if len(rows) > 1:
                return [length for row in rows for length in self._lengths([row])]
            if "turns" not in rows[0] or isinstance(error.__cause__, OutOfTime):
                raise
            if not self.dropped["not_rendered"]:
                log.warning("stage=clean not_rendered=%s", error.problems[0])
            return [None]

    def _fitting(self, row: dict[str, Any], length: Length) -> tuple[dict[str, Any], Length] | None:
        """The row as it is kept, with its length; None if it has too many tokens."""
        split = self.data.long_chats == "split" and length.longest > self.max_tokens
        if length.longest > self.max_tokens:
            if "question" in row or self.data.long_chats == "drop":
                return None
            found = self._split(row) if split else self._cut(row)
            if found is None:
                return None
            row, length = found
        if length.texts > 1 and not split:
            self.notes["row_per_answer"] += 1
        if "turns" in row:
            self.notes.update(self._left_out(row))
            unlearned = sum("weight" in turn for turn in row["turns"])
            self.notes["learned_as_text" if self.loss == "text" else "not_learned"] += unlearned
        return row, length

    def _split(self, row: dict[str, Any]) -> tuple[dict[str, Any], Length] | None:
        """The row, which training takes in parts; None if no part fits."""
        (texts,) = fitted(self.chat, [row], self.loss, self.max_tokens)
        if not texts:
            return None
        self.notes["split_over_limit"] += 1
        if "turns" in row:
            found = parts(self.chat, row, self.loss, self.max_tokens)
            self.notes["turns_over_limit"] += len(row["turns"]) - sum(len(texts_of(part)) for part in found)
        sizes = [len(text.ids) for text in texts]
        answers = sum(end - begin for text in texts for begin, end in text.answers)
        return row, Length(sum(sizes), answers, max(sizes), len(sizes))

    def _cut(self, row: dict[str, Any]) -> tuple[dict[str, Any], Length] | None:
        shorter = cut(self.chat, row, self.loss, self.max_tokens)
        if shorter is None:
            return None
        self.notes["turns_over_limit"] += len(texts_of(row)) - len(texts_of(shorter))
        return shorter, self.chat.lengths([shorter], self.loss)[0]

    def _left_out(self, row: dict[str, Any]) -> Iterator[str]:
        """What of a conversation the chat template does not take."""
        if "tools" in row and not self.chat.takes_tools:
            yield "tools_left_out"
        if any(turn["role"] == "tool" or "tool_calls" in turn for turn in row["turns"]) and not self.chat.knows_calls:
            yield "calls_as_text"
        if any("reasoning_content" in turn for turn in row["turns"]) and not self.chat.shows_reasoning:
            yield "reasoning_left_out"

    def _keep(self, batch: CleanedBatch, place: int, row: dict[str, Any], length: Length) -> None:
        self.offset.append(self.kept_file.tell())
        self.kept_file.write(line_of(row))
        system = row.get("system", "")
        if len(self.prompts) < MOST_PROMPTS or system in self.prompts:
            self.prompts[system] += 1
        self.source.append(batch.source)
        self.lists.append(batch.lists[place])
        self.text.append(batch.text[place])
        self.question.append(batch.question[place])
        self.sample.append(batch.sample[place])
        self.split.append(batch.split[place])
        self.tokens.append(length.total)
        self.answer_tokens.append(length.answers)
        self.longest.append(length.longest)
        self.parts.append(length.texts)

    def drop(self, reason: str, source: int, row: Raw | Mapping[str, Any]) -> None:
        """Write the row to dropped.jsonl, as it was found if a rule dropped it."""
        self.dropped[reason] += 1
        fields = {"reason": reason, "source": str(self.data.sources[source])}
        if isinstance(row, Raw):
            row = row.fields()
        found = {name: row[name] for name in WRITTEN if name in row}
        if "begins" in found:
            rules = self.rules[source] if self.rules else self.options
            begins = found["begins"]
            found["begins"] = (masked(begins) if rules.runs("contacts") else begins)[:SHOWN]
        self.dropped_file.write(line_of(fields | found))

    def words(self, row: int) -> list[str]:
        """Of all texts of a kept row, normalised."""
        return [*chain.from_iterable(map(normalised, self.texts(row)))]

    def texts(self, row: int) -> list[str]:
        """All texts of a kept row."""
        with (self.folder / "rows.jsonl").open("rb") as file:
            file.seek(self.offset[row])
            return texts_of(json.loads(file.readline()))


def _read(path: Path, source: array[int], rules: list[Rules]) -> Iterator[Batch]:
    """Batches of the kept rows in `path`, which is removed behind them."""
    with path.open("rb") as file:
        for number, lines in groupby(zip(source, file, strict=True), key=itemgetter(0)):
            rows = (_raw(json.loads(line)) for _, line in lines)
            while some := _batch(rows):
                yield Batch(number, some, rules[number])
    path.unlink()


def _raw(row: dict[str, Any]) -> Raw:
    return Raw(row["system"], conversation=Conversation.of(row)) if "turns" in row else Raw(**row)


def _batch(rows: Iterator[Raw]) -> list[Raw]:
    some, characters = [], 0
    for row in islice(rows, BATCH):
        some.append(row)
        turns = row.conversation.turns if row.conversation else ()
        characters += len(row.system) + len(row.question) + len(row.answer) + len(row.text)
        characters += sum(len(turn["content"]) for turn in turns)
        if characters > BATCH_CHARACTERS:
            break
    return some


def line_of(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode("utf-8")
