"""The stage itself: rows stream through the rules into a file, duplicates, sample and split are decided on a few numbers of
each, and the file is streamed into its parts. Memory grows by about 100 bytes a row."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
from pathlib import Path

import numpy

from job.cleaning import parallel
from job.cleaning.audit import counts, masked_row, token_counts
from job.cleaning.decisions import DECIDED, KEPT, Decisions
from job.cleaning.first_pass import FirstPass, line_of
from job.cleaning.rules import OWN, Rules
from job.cleaning.worker import work
from job.errors import DataError
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.results import Cleaned, MaskedRow, SourceCount
from job.runs.folder import replace_folder
from job.settings.fields import DataSettings, ModelSettings
from job.settings.files import find_file, read_text
from job.settings.rule_file import read as read_rules

log = logging.getLogger("job.clean")

MASKED_ROWS = 3


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
    first = FirstPass(data, chat, partial, max_tokens=max_tokens)
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
        contacts=data.remove_contacts,
        languages=data.languages,
        min_answer_words=data.min_answer_words,
        max_words=data.max_words,
        user_rules=tuple(read_rules(find_file(data.rules_file))) if data.rules_file else (),
    )


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
            made = line_of(row | {"source": str(data.sources[first.source[number]])})
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
        plain_split_leaked_rows=decisions.twins,
        plain_split_eval_rows=decisions.twins_of,
        token_counts=token_counts(tokens[kept], first.too_long, max_tokens),
        masked_rows=masked,
        system_prompt=first.prompts.most_common(1)[0][0],
        system_in_user_turn=chat.folds_system and any(first.prompts),
        thinking_off="enable_thinking" in chat.options,
        stop_token=chat.stop_token,
        train_tokens=int(tokens[training].sum()),
        answer_tokens=int(numpy.frombuffer(first.answer_tokens, dtype=numpy.uint32)[training].sum()),
        longest_tokens=int(tokens[training].max()),
        train_path="clean/train.jsonl",
        eval_path="clean/eval.jsonl",
        dropped_path="clean/dropped.jsonl",
        sha256=digest.hexdigest(),
    )


def _tell(result: Cleaned, max_tokens: int) -> None:
    """The funnel in the log, and what the token limit costs, before any training."""
    log.info("rows_in=%d train_rows=%d eval_rows=%d", result.rows_in, result.train_rows, result.eval_rows)
    for reason, rows in result.dropped.items():
        log.info("dropped=%s rows=%d", reason, rows)
    if result.system_in_user_turn:
        log.info("system_prompt=in_user_turn: the base model's chat template has no system role")
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
