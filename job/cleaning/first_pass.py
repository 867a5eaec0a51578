"""The first pass over all rows: kept rows go to one file, dropped rows to another, and some numbers stay in memory."""

from __future__ import annotations

import json
import logging
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from job.cleaning.batch import Batch, CleanedBatch, Raw
from job.cleaning.evidence import SAMPLE, evidence, rules_for, said
from job.cleaning.rules.rule import Count, Rules, Tally
from job.cleaning.rules.text import normalised
from job.cleaning.sources import Loaded, load
from job.modeling.chat import Chat
from job.results import Evidence
from job.runs.progress import advance
from job.settings.fields import DataSettings

log = logging.getLogger("job.clean")

BATCH = 500
BATCH_CHARACTERS = 16_000_000
"""A batch ends before 500 rows if they are that long: several are in memory at once."""
MOST_PROMPTS = 1000
"""Different system prompts to remember; with more, each row brings its own."""


class FirstPass:
    """Takes cleaned batches in order: kept rows go to `rows.jsonl`, dropped ones to `dropped.jsonl`, numbers into arrays."""

    def __init__(self, data: DataSettings, chat: Chat, folder: Path, *, max_tokens: int, rules: Rules) -> None:
        self.data, self.chat, self.folder, self.max_tokens = data, chat, folder, max_tokens
        self.options = rules
        self.rules: list[Rules] = []
        """Of each source."""
        self.evidence: list[list[Evidence]] = []
        self.loaded: list[Loaded] = []
        self.rows_in = [0] * len(data.sources)
        self.dropped: Counter[str] = Counter()
        self.tally: Tally = {}
        self.prompts: Counter[str] = Counter()
        self.source, self.lists = array("H"), array("B")
        self.text, self.question, self.sample, self.split, self.offset = (array("Q") for _ in range(5))
        self.tokens, self.answer_tokens = array("I"), array("I")
        self.too_long = array("I")
        """Lengths of the rows that have more tokens than are allowed."""

    def __enter__(self) -> None:
        self.kept_file: IO[bytes] = (self.folder / "rows.jsonl").open("wb")
        self.bands_file: IO[bytes] = (self.folder / "bands").open("wb")
        self.dropped_file: IO[bytes] = (self.folder / "dropped.jsonl").open("wb")

    def __exit__(self, *_: object) -> None:
        for file in (self.kept_file, self.bands_file, self.dropped_file):
            file.close()

    def batches(self, token: str) -> Iterator[Batch]:
        for number, source in enumerate(self.data.sources):
            loaded = load(source, self.data, token)
            self.loaded.append(loaded)
            log.info("stage=clean source=%s layout=%r", source, loaded.layout)
            rows = self._choose_packs(str(source), iter(loaded.rows))
            while some := _batch(rows):
                self.rows_in[number] += len(some)
                yield Batch(number, some, self.rules[number])
            log.info("stage=clean source=%s rows=%d", source, self.rows_in[number])

    def _choose_packs(self, source: str, rows: Iterator[Raw]) -> Iterator[Raw]:
        """The rows, of which the first have been looked at where the packs depend on them."""
        if self.options.packs != ("auto",):
            self.rules.append(self.options)
            self.evidence.append([])
            return rows
        sample = list(islice(rows, SAMPLE))
        found = evidence([(raw.question, raw.answer) for raw in sample if not raw.fault])
        self.rules.append(rules_for(found, self.options))
        self.evidence.append(found)
        for one in found:
            log.info("stage=clean source=%s pack=%s %s", source, one.pack, said(one))
        return chain(sample, rows)

    def take(self, batch: CleanedBatch) -> None:
        advance("rows", len(batch.raws))
        for rule, count in batch.tally.items():
            self.tally.setdefault(rule, Count()).add(count)
        kept = [row for row, reason in zip(batch.rows, batch.reasons, strict=True) if not reason]
        lengths = iter(self.chat.lengths(kept))
        bands = memoryview(batch.bands)
        width = len(bands) // len(kept) if kept else 0
        place = 0
        for raw, row, reason in zip(batch.raws, batch.rows, batch.reasons, strict=True):
            if reason:
                self.drop(reason, batch.source, raw)
                continue
            prompt, answer = next(lengths)
            if prompt + answer > self.max_tokens:
                self.too_long.append(prompt + answer)
                self.drop("too_many_tokens", batch.source, row)
            else:
                self._keep(batch, place, row, prompt, answer)
                self.bands_file.write(bands[place * width : (place + 1) * width])
            place += 1

    def _keep(self, batch: CleanedBatch, place: int, row: dict[str, str], prompt: int, answer: int) -> None:
        self.offset.append(self.kept_file.tell())
        self.kept_file.write(line_of(row))
        if len(self.prompts) < MOST_PROMPTS or row["system"] in self.prompts:
            self.prompts[row["system"]] += 1
        self.source.append(batch.source)
        self.lists.append(batch.lists[place])
        self.text.append(batch.text[place])
        self.question.append(batch.question[place])
        self.sample.append(batch.sample[place])
        self.split.append(batch.split[place])
        self.tokens.append(prompt + answer)
        self.answer_tokens.append(answer)

    def drop(self, reason: str, source: int, row: Raw | Mapping[str, str]) -> None:
        """Write the row to dropped.jsonl, as it was found if a rule dropped it."""
        self.dropped[reason] += 1
        fields = {"reason": reason, "source": str(self.data.sources[source])}
        if isinstance(row, Raw):
            row = {"question": row.question, "answer": row.answer} if not row.fault else {}
        self.dropped_file.write(line_of(fields | {name: row[name] for name in ("question", "answer") if name in row}))

    def words(self, row: int) -> str:
        """Question and answer of a kept row, normalised."""
        with (self.folder / "rows.jsonl").open("rb") as file:
            file.seek(self.offset[row])
            found = json.loads(file.readline())
        return f"{normalised(found['question'])} {normalised(found['answer'])}"


def _batch(rows: Iterator[Raw]) -> list[Raw]:
    some, characters = [], 0
    for row in islice(rows, BATCH):
        some.append(row)
        characters += len(row.system) + len(row.question) + len(row.answer)
        if characters > BATCH_CHARACTERS:
            break
    return some


def line_of(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode("utf-8")
