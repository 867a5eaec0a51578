"""The stage itself: load, clean, drop with a reason, deduplicate, sample, split, write."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from job.cleaning.rules import Pack, normalised, repair, words
from job.cleaning.sources import load
from job.errors import DataError
from job.modeling.base import fetch_files, load_tokenizer
from job.modeling.chat import Chat, require_system_role
from job.results import Cleaned, RuleCount, SourceCount
from job.rundir import replace_folder
from job.settings import DataSettings, ModelSettings, read_text

log = logging.getLogger("job.clean")


@dataclass
class Row:
    source: int
    system: str
    question: str
    answer: str
    reason: str = ""
    """Why it was dropped; empty while it is kept."""
    held_out: bool = False

    def key(self, seed: int, salt: str) -> bytes:
        """A row's place in a random order that neither other rows nor their order change."""
        text = f"{seed}\0{salt}\0{self.question}\0{self.answer}"
        return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def clean(data: DataSettings, model: ModelSettings, *, max_tokens: int, seed: int, token: str, root: Path) -> Cleaned:
    """From sources to `clean/{train,eval,dropped}.jsonl` below `root`.

    Raises DataError (65) for unreadable sources and where fewer than FINETUNE_DATA_MIN_ROWS are left, and what the
    Hub's failures mean (66, 67, 76).
    """
    files = fetch_files(model, token, weights=False)
    chat = Chat(load_tokenizer(files, model))
    system = read_text(data.system_prompt_file)
    pack = Pack(data.cleaning, data.brands)
    rows: list[Row] = []
    sources = []
    rules: dict[str, list[int]] = defaultdict(list)
    for number, source in enumerate(data.sources):
        loaded = load(source, data, token)
        sources.append((source, loaded))
        log.info("source=%s rows=%d layout=%r", source, len(loaded.rows), loaded.layout)
        for raw in loaded.rows:
            row = Row(number, system or raw.system.strip(), raw.question, raw.answer, raw.fault)
            rows.append(row)
            if not row.reason:
                for rule, removed in _clean_row(row, pack, data).items():
                    rules[rule].append(removed)
    _drop_duplicates(rows)
    for prompt in {row.system for row in rows if not row.reason and row.system}:
        require_system_role(chat, prompt, files.name)
    lengths = _drop_too_long(rows, chat, max_tokens)
    _sample(rows, data, seed)
    kept = [row for row in rows if not row.reason]
    _require(kept, rows, data, max_tokens)
    for row in sorted(kept, key=lambda row: row.key(seed, "split"))[: max(1, round(len(kept) * data.eval_share))]:
        row.held_out = True
    sha256 = _write(rows, data, root / "clean")
    tokens = [lengths[id(row)] for row in kept if not row.held_out]
    return Cleaned(
        rows_in=len(rows),
        train_rows=sum(not row.held_out for row in kept),
        eval_rows=sum(row.held_out for row in kept),
        dropped=dict(Counter(row.reason for row in rows if row.reason).most_common()),
        sources=[
            SourceCount(
                source=str(source),
                revision=loaded.revision,
                layout=loaded.layout,
                rows_in=len(loaded.rows),
                rows_out=sum(row.source == number for row in kept),
            )
            for number, (source, loaded) in enumerate(sources)
        ],
        rules={rule: RuleCount(changed=len(cut), characters_removed=sum(cut)) for rule, cut in sorted(rules.items())},
        system_prompt=system or Counter(row.system for row in kept).most_common(1)[0][0],
        train_tokens=sum(total for total, _ in tokens),
        answer_tokens=sum(answer for _, answer in tokens),
        longest_tokens=max(total for total, _ in tokens),
        train_path="clean/train.jsonl",
        eval_path="clean/eval.jsonl",
        dropped_path="clean/dropped.jsonl",
        sha256=sha256,
    )


def _clean_row(row: Row, pack: Pack, data: DataSettings) -> dict[str, int]:
    """Clean the answer in place, give the row its reason where it must go; returns characters removed by rule."""
    if not row.question.strip() or not row.answer.strip():
        row.reason = "empty"
        return {}
    if data.cleaning == ("none",):
        return {}
    state = pack.clean(row.answer)
    row.question, row.answer = repair(row.question), state.text
    if not row.answer:
        row.reason = "nothing_but_boilerplate"
    elif fault := next(pack.faults(row.question, row.answer), ""):
        row.reason = fault
    elif words(row.answer) < data.min_answer_words:
        row.reason = "short_answer"
    elif words(row.question) + words(row.answer) > data.max_words:
        row.reason = "too_many_words"
    return state.removed


def _drop_duplicates(rows: Iterable[Row]) -> None:
    """Exact ones after normalisation; the first stays. Before the split, or evaluation rows leak into training."""
    seen: set[bytes] = set()
    for row in rows:
        if row.reason:
            continue
        text = f"{normalised(row.question)}\0{normalised(row.answer)}"
        key = hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()
        if key in seen:
            row.reason = "duplicate"
        seen.add(key)


def _drop_too_long(rows: list[Row], chat: Chat, max_tokens: int) -> dict[int, tuple[int, int]]:
    """Rows longer than the limit go. Returns id(row) -> (tokens, tokens of the answer) of the others."""
    lengths = {}
    kept = [row for row in rows if not row.reason]
    for start in range(0, len(kept), 1000):
        batch = kept[start : start + 1000]
        texts = [{"system": row.system, "question": row.question, "answer": row.answer} for row in batch]
        for row, tokens in zip(batch, chat.rows(texts), strict=True):
            lengths[id(row)] = (len(tokens.ids), len(tokens.ids) - tokens.prompt_length)
            if len(tokens.ids) > max_tokens:
                row.reason = "too_many_tokens"
    return lengths


def _sample(rows: list[Row], data: DataSettings, seed: int) -> None:
    """Keep the asked-for number of rows of each source, then over all sources."""
    limits = [(source.rows, number) for number, source in enumerate(data.sources) if source.rows]
    groups = [(limit, [row for row in rows if not row.reason and row.source == number]) for limit, number in limits]
    for limit, group in groups:
        if len(group) < limit:
            log.warning(
                "asked_rows=%d found_rows=%d: fewer rows are left after cleaning than were asked for", limit, len(group)
            )
        _keep(group, limit, seed)
    if data.max_rows:
        _keep([row for row in rows if not row.reason], data.max_rows, seed)


def _keep(group: list[Row], limit: int, seed: int) -> None:
    for row in sorted(group, key=lambda row: row.key(seed, "sample"))[limit:]:
        row.reason = "not_sampled"


def _require(kept: list[Row], rows: list[Row], data: DataSettings, max_tokens: int) -> None:
    if len(kept) >= data.min_rows:
        return
    reasons = Counter(row.reason for row in rows if row.reason).most_common()
    most = ", ".join(f"{reason} {count:,}" for reason, count in reasons[:4])
    hints = {
        "short_answer": f"FINETUNE_DATA_MIN_ANSWER_WORDS ({data.min_answer_words})",
        "too_many_words": f"FINETUNE_DATA_MAX_WORDS ({data.max_words})",
        "too_many_tokens": f"FINETUNE_TRAIN_MAX_TOKENS ({max_tokens})",
        "not_sampled": "the row counts in FINETUNE_DATA_SOURCES and FINETUNE_DATA_MAX_ROWS",
        "brand_in_question": "FINETUNE_DATA_BRANDS",
        "brand_left": "FINETUNE_DATA_BRANDS",
        "empty": "the columns (FINETUNE_DATA_QUESTION_COLUMN, FINETUNE_DATA_ANSWER_COLUMN)",
        "not_text": "the columns (FINETUNE_DATA_QUESTION_COLUMN, FINETUNE_DATA_ANSWER_COLUMN)",
    }
    hint = hints.get(reasons[0][0], "FINETUNE_DATA_CLEANING") if reasons else "FINETUNE_DATA_SOURCES"
    raise DataError(
        f"Of {len(rows):,} rows {len(kept):,} are left after cleaning, fewer than FINETUNE_DATA_MIN_ROWS "
        f"({data.min_rows}). Dropped: {most or 'none'}.",
        remedy=f"Look at {hint}, or lower FINETUNE_DATA_MIN_ROWS.",
    )


def _write(rows: list[Row], data: DataSettings, folder: Path) -> str:
    """Returns the sha256 over train and eval rows."""
    partial = folder.with_name("clean.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    digest = hashlib.sha256()
    paths = {name: (partial / f"{name}.jsonl").open("w", encoding="utf-8") for name in ("train", "eval", "dropped")}
    try:
        for row in rows:
            source = str(data.sources[row.source])
            fields = {"system": row.system, "question": row.question, "answer": row.answer, "source": source}
            if row.reason:
                paths["dropped"].write(_line({"reason": row.reason} | fields))
                continue
            line = _line(fields)
            digest.update(line.encode("utf-8"))
            paths["eval" if row.held_out else "train"].write(line)
    finally:
        for file in paths.values():
            file.close()
    replace_folder(partial, folder)
    return digest.hexdigest()


def _line(fields: dict[str, str]) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"
