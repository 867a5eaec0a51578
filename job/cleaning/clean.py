"""The stage itself: rows stream through the rules into a file, a few numbers of each stay in memory, duplicates, sample and
split are decided on those, and the file is streamed into its parts. Memory grows by about 100 bytes a row."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy

from job.cleaning import duplicates, parallel
from job.cleaning.rules import CUTTING, DROPPING, OWN, Count, Rules, Tally
from job.cleaning.sources import Loaded, load
from job.cleaning.text import normalised
from job.cleaning.worker import LISTS, Batch, Raw, Worked, work
from job.errors import DataError
from job.modeling.base import fetch_files, load_tokenizer
from job.modeling.chat import Chat, require_system_role
from job.results import Cleaned, Example, MaskedRow, RuleCount, SourceCount, TokenCounts
from job.rulefile import read as read_rules
from job.rundir import replace_folder
from job.settings import DataSettings, ModelSettings, find_file, read_text

log = logging.getLogger("job.clean")

BATCH = 500
MOST_PROMPTS = 1000
"""Different system prompts that are remembered; more means that each row brings its own."""
MASKED_ROWS = 3
KEPT, DUPLICATE, NEAR_DUPLICATE, LIST, NOT_SAMPLED = range(5)
DECIDED = ("", "duplicate", "near_duplicate", "list_over_share", "not_sampled")
"""Reasons that need all rows to be known, by the numbers above."""


def clean(
    data: DataSettings,
    model: ModelSettings,
    *,
    max_tokens: int,
    loss: str,
    seed: int,
    token: str,
    root: Path,
) -> Cleaned:
    """From sources to `clean/{train,eval,dropped}.jsonl` below `root`.

    Raises DataError (65) for unreadable sources and where fewer than FINETUNE_DATA_MIN_ROWS are left, SettingsError (64) for
    a user's pattern that backtracks without end, and what the Hub's failures mean (66, 67, 76).
    """
    files = fetch_files(model, token, weights=False)
    chat = Chat(load_tokenizer(files, model))
    rules = rules_of(data)
    partial = root / "clean.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    first = FirstPass(data, chat, partial, max_tokens=max_tokens, base=files.name)
    near = data.near_duplicates != "off"
    one = functools.partial(work, rules=rules, system=read_text(data.system_prompt_file), seed=seed, near=near)
    with first:
        for worked in parallel.in_order(one, first.batches(token), data.workers or parallel.cpus()):
            first.take(worked)
    decisions = Decisions.of(first, data, seed, near=near)
    _require(decisions, first, data, max_tokens)
    result = second_pass(first, decisions, chat, rules, loss=loss, max_tokens=max_tokens)
    _tell(result, max_tokens)
    for name in ("rows.jsonl", "bands"):
        (partial / name).unlink(missing_ok=True)
    replace_folder(partial, root / "clean")
    return result


def rules_of(data: DataSettings) -> Rules:
    return Rules(
        packs=data.cleaning,
        brands=data.brands,
        contacts=data.contacts,
        languages=data.languages,
        min_answer_words=data.min_answer_words,
        max_words=data.max_words,
        user_rules=tuple(read_rules(find_file(data.rules_file))) if data.rules_file else (),
    )


class FirstPass:
    """Takes worked batches in order: kept rows go to `rows.jsonl`, dropped ones to `dropped.jsonl`, numbers into arrays."""

    def __init__(self, data: DataSettings, chat: Chat, folder: Path, *, max_tokens: int, base: str) -> None:
        self.data, self.chat, self.folder, self.max_tokens, self.base = data, chat, folder, max_tokens, base
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
            log.info("source=%s layout=%r", source, loaded.layout)
            rows = iter(loaded.rows)
            while some := list(islice(rows, BATCH)):
                self.rows_in[number] += len(some)
                yield Batch(number, some)
            log.info("source=%s rows=%d", source, self.rows_in[number])

    def take(self, worked: Worked) -> None:
        for rule, count in worked.tally.items():
            self.tally.setdefault(rule, Count()).add(count)
        kept = [row for row, reason in zip(worked.rows, worked.reasons, strict=True) if not reason]
        self._require_system_role(kept)
        lengths = iter(self.chat.lengths(kept))
        bands = memoryview(worked.bands)
        width = len(bands) // len(kept) if kept else 0
        place = 0
        for raw, row, reason in zip(worked.raws, worked.rows, worked.reasons, strict=True):
            if reason:
                self.drop(reason, worked.source, raw)
                continue
            prompt, answer = next(lengths)
            if prompt + answer > self.max_tokens:
                self.too_long.append(prompt + answer)
                self.drop("too_many_tokens", worked.source, row)
            else:
                self._keep(worked, place, row, prompt, answer)
                self.bands_file.write(bands[place * width : (place + 1) * width])
            place += 1

    def _keep(self, worked: Worked, place: int, row: dict[str, str], prompt: int, answer: int) -> None:
        self.offset.append(self.kept_file.tell())
        self.kept_file.write(_line(row))
        if len(self.prompts) < MOST_PROMPTS or row["system"] in self.prompts:
            self.prompts[row["system"]] += 1
        self.source.append(worked.source)
        self.lists.append(worked.lists[place])
        self.text.append(worked.text[place])
        self.question.append(worked.question[place])
        self.sample.append(worked.sample[place])
        self.split.append(worked.split[place])
        self.tokens.append(prompt + answer)
        self.answer_tokens.append(answer)

    def drop(self, reason: str, source: int, row: Raw | Mapping[str, str]) -> None:
        """Into dropped.jsonl, as it was found where a rule dropped it."""
        self.dropped[reason] += 1
        fields = {"reason": reason, "source": str(self.data.sources[source])}
        if isinstance(row, Raw):
            row = {"question": row.question, "answer": row.answer} if not row.fault else {}
        self.dropped_file.write(_line(fields | {name: row[name] for name in ("question", "answer") if name in row}))

    def _require_system_role(self, rows: list[dict[str, str]]) -> None:
        for prompt in {row["system"] for row in rows if row["system"]} - self.prompts.keys():
            require_system_role(self.chat, prompt, self.base)

    def words(self, row: int) -> str:
        """Question and answer of a kept row, normalised."""
        with (self.folder / "rows.jsonl").open("rb") as file:
            file.seek(self.offset[row])
            found = json.loads(file.readline())
        return f"{normalised(found['question'])} {normalised(found['answer'])}"


@dataclass
class Decisions:
    """What becomes of each kept row: one of the numbers of DECIDED, and whether it is held out."""

    fate: Any  # (rows,) uint8
    held_out: Any  # (rows,) bool
    near_groups: int
    twins: int
    twins_of: int
    lists: list[dict[str, int]]
    """Rows by kind of list for each source, before the share is capped."""

    @classmethod
    def of(cls, first: FirstPass, data: DataSettings, seed: int, *, near: bool) -> Decisions:
        text, question, sample, split = (
            numpy.frombuffer(column, dtype=numpy.uint64)
            for column in (first.text, first.question, first.sample, first.split)
        )
        source = numpy.frombuffer(first.source, dtype=numpy.uint16)
        lists = numpy.frombuffer(first.lists, dtype=numpy.uint8)
        fate = numpy.zeros(len(text), dtype=numpy.uint8)
        fate[duplicates.repeats(text, fate == KEPT)] = DUPLICATE
        alike = duplicates.Groups(len(text))
        if near:
            for one, other in duplicates.near_pairs(first.folder / "bands", fate == KEPT, first.words):
                alike.join(one, other)
        near_names = alike.names()
        again = (near_names != numpy.arange(len(text))) & (fate == KEPT)
        near_groups = len(numpy.unique(near_names[again]))
        # Twins are counted with the exact ones in it: what a plain split of the rows as they came would have leaked.
        everyone = numpy.ones(len(text), dtype=bool)
        alike.join_equal(text, everyone)
        alike.join_equal(question, everyone)
        names = alike.names()
        twins, twins_of = duplicates.twins(names, everyone, data.eval_share, seed) if len(text) > 1 else (0, len(text))
        if data.near_duplicates == "drop":
            fate[again] = NEAR_DUPLICATE
        counted = [
            {
                kind: int(((source == number) & (fate == KEPT) & (lists == code)).sum())
                for code, kind in enumerate(LISTS)
                if kind
            }
            for number in range(len(data.sources))
        ]
        for number, asked in enumerate(data.sources):
            of = (fate == KEPT) & (source == number)
            if data.max_list_share < 1:
                plain = int((of & (lists == 0)).sum())
                most = int(plain * data.max_list_share / (1 - data.max_list_share))
                surplus = of & (lists > 0)
                fate[surplus & ~duplicates.smallest(sample, surplus, most)] = LIST
                of = (fate == KEPT) & (source == number)
            if asked.rows:
                if of.sum() < asked.rows:
                    log.warning(
                        "source=%s asked_rows=%d found_rows=%d: fewer rows are left after cleaning than were asked for",
                        asked,
                        asked.rows,
                        of.sum(),
                    )
                fate[of & ~duplicates.smallest(sample, of, asked.rows)] = NOT_SAMPLED
        if data.max_rows:
            of = fate == KEPT
            fate[of & ~duplicates.smallest(sample, of, data.max_rows)] = NOT_SAMPLED
        kept = fate == KEPT
        held_out = duplicates.held_out(split, names, kept, data.eval_share) if kept.sum() > 1 else kept & False
        return cls(fate, held_out, near_groups, twins, twins_of, counted)


def second_pass(
    first: FirstPass, decisions: Decisions, chat: Chat, rules: Rules, *, loss: str, max_tokens: int
) -> Cleaned:
    """Stream the kept rows into their files, and gather the result."""
    data, folder = first.data, first.folder
    digest = hashlib.sha256()
    masked: list[MaskedRow] = []
    with (
        (folder / "rows.jsonl").open("rb") as rows,
        (folder / "train.jsonl").open("wb") as train,
        (folder / "eval.jsonl").open("wb") as evaluation,
        (folder / "dropped.jsonl").open("ab") as first.dropped_file,
    ):
        for number, line in enumerate(rows):
            row = json.loads(line)
            if decisions.fate[number] != KEPT:
                first.drop(DECIDED[decisions.fate[number]], first.source[number], row)
                continue
            made = _line(row | {"source": str(data.sources[first.source[number]])})
            digest.update(made)
            (evaluation if decisions.held_out[number] else train).write(made)
            if len(masked) < MASKED_ROWS and not decisions.held_out[number]:
                masked.append(masked_row(chat, row, loss))
    kept = decisions.fate == KEPT
    training = kept & ~decisions.held_out
    source = numpy.frombuffer(first.source, dtype=numpy.uint16)
    tokens = numpy.frombuffer(first.tokens, dtype=numpy.uint32)
    return Cleaned(
        rows_in=sum(first.rows_in),
        train_rows=int(training.sum()),
        eval_rows=int(decisions.held_out.sum()),
        dropped=dict(first.dropped.most_common()),
        sources=[
            SourceCount(
                source=str(asked),
                revision=first.loaded[number].revision,
                layout=first.loaded[number].layout,
                rows_in=first.rows_in[number],
                rows_out=int((kept & (source == number)).sum()),
                list_rows=decisions.lists[number],
            )
            for number, asked in enumerate(data.sources)
        ],
        rules=counts(first.tally, sum(first.rows_in), first.dropped, rules),
        rules_sha256=rules.digest(),
        near_duplicate_groups=decisions.near_groups,
        plain_split_twins=decisions.twins,
        plain_split_eval_rows=decisions.twins_of,
        token_counts=token_counts(tokens[kept], first.too_long, max_tokens),
        masked_rows=masked,
        system_prompt=first.prompts.most_common(1)[0][0],
        train_tokens=int(tokens[training].sum()),
        answer_tokens=int(numpy.frombuffer(first.answer_tokens, dtype=numpy.uint32)[training].sum()),
        longest_tokens=int(tokens[training].max()),
        train_path="clean/train.jsonl",
        eval_path="clean/eval.jsonl",
        dropped_path="clean/dropped.jsonl",
        sha256=digest.hexdigest(),
    )


def counts(tally: Tally, rows_in: int, dropped: Mapping[str, int], rules: Rules) -> dict[str, RuleCount]:
    """Every rule that ran, in its order. A rule sees the rows that those before it left."""
    own = [OWN + rule.name for rule in rules.user_rules]
    faults = sum(
        count
        for reason, count in dropped.items()
        if reason not in tally and reason not in (*DECIDED, "too_many_tokens")
    )
    seen = rows_in - faults
    found: dict[str, RuleCount] = {}
    at = DROPPING.index("wiki_markup")
    early = DROPPING[:3]
    for name in (*early, *CUTTING, *own, *DROPPING[3:at], *DROPPING[at:]):
        count = tally.get(name, Count())
        if name in tally or name in own:
            found[name] = RuleCount(
                seen=seen,
                changed=count.changed,
                dropped=count.dropped,
                characters_removed=count.characters_removed,
                examples=[Example(before=before, after=after) for before, after in count.examples],
            )
        seen -= count.dropped
    return found


def token_counts(tokens: Any, too_long: array[int], max_tokens: int) -> TokenCounts:
    """Lengths of the kept rows in sixteen steps up to the limit, and of those above it."""
    step = max(1, -(-max_tokens // 16))
    rows = numpy.bincount((tokens.astype(numpy.int64) - 1) // step, minlength=16)
    above = numpy.frombuffer(too_long, dtype=numpy.uint32)
    return TokenCounts(
        step=step,
        rows=[int(count) for count in rows],
        rows_above=len(above),
        longest_above=int(above.max()) if len(above) else 0,
        median=int(numpy.median(tokens)),
    )


def masked_row(chat: Chat, row: dict[str, str], loss: str) -> MaskedRow:
    """Which tokens of a row are trained on: those from `learned_from` on."""
    tokens = chat.rows([row])[0]
    pieces, before = [], ""
    for end in range(1, len(tokens.ids) + 1):  # from the beginning each time: alone, a token can be half a letter
        text = chat.tokenizer.decode(tokens.ids[:end])
        whole = text if not text.endswith("\ufffd") else before
        pieces.append(whole[len(before) :])
        before = whole
    return MaskedRow(tokens=pieces, learned_from=tokens.prompt_length if loss == "answer" else 1)


def _tell(result: Cleaned, max_tokens: int) -> None:
    """The funnel in the log, and what the token limit costs, before any training."""
    log.info("rows_in=%d train_rows=%d eval_rows=%d", result.rows_in, result.train_rows, result.eval_rows)
    for reason, rows in result.dropped.items():
        log.info("dropped=%s rows=%d", reason, rows)
    counts = result.token_counts
    log.info(
        "median_tokens=%d limit=%d rows_above=%d longest=%d",
        counts.median,
        max_tokens,
        counts.rows_above,
        counts.longest_above or result.longest_tokens,
    )
    if counts.rows_above > 0.1 * result.rows_in:
        log.warning(
            "FINETUNE_TRAIN_MAX_TOKENS=%d drops %d of %d rows; a higher one keeps them and costs memory",
            max_tokens,
            counts.rows_above,
            result.rows_in,
        )


HINTS = {
    "short_answer": "FINETUNE_DATA_MIN_ANSWER_WORDS ({data.min_answer_words})",
    "too_many_words": "FINETUNE_DATA_MAX_WORDS ({data.max_words})",
    "too_many_tokens": "FINETUNE_TRAIN_MAX_TOKENS ({max_tokens})",
    "not_sampled": "the row counts in FINETUNE_DATA_SOURCES and FINETUNE_DATA_MAX_ROWS",
    "list_over_share": "FINETUNE_DATA_MAX_LIST_SHARE ({data.max_list_share:g})",
    "near_duplicate": "FINETUNE_DATA_NEAR_DUPLICATES",
    "other_language": "FINETUNE_DATA_LANGUAGES",
    "holes": "FINETUNE_DATA_BRANDS",
    "empty": "the columns (FINETUNE_DATA_QUESTION_COLUMN, FINETUNE_DATA_ANSWER_COLUMN)",
    "not_text": "the columns (FINETUNE_DATA_QUESTION_COLUMN, FINETUNE_DATA_ANSWER_COLUMN)",
}


def _require(decisions: Decisions, first: FirstPass, data: DataSettings, max_tokens: int) -> None:
    kept = int((decisions.fate == KEPT).sum())
    if kept >= data.min_rows:
        return
    reasons = first.dropped.copy()
    for code, reason in enumerate(DECIDED):
        if code != KEPT and (count := int((decisions.fate == code).sum())):
            reasons[reason] = count
    most = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(4))
    worst = reasons.most_common(1)[0][0] if reasons else ""
    hint = "FINETUNE_DATA_RULES_FILE" if worst.startswith(OWN) else HINTS.get(worst, "FINETUNE_DATA_CLEANING")
    raise DataError(
        f"Of {sum(first.rows_in):,} rows {kept:,} are left after cleaning, fewer than FINETUNE_DATA_MIN_ROWS "
        f"({data.min_rows}). Dropped: {most or 'none'}.",
        remedy=f"Look at {hint.format(data=data, max_tokens=max_tokens) if reasons else 'FINETUNE_DATA_SOURCES'}, or lower "
        "FINETUNE_DATA_MIN_ROWS.",
    )


def _line(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode("utf-8")
