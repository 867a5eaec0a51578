"""Stage 1: rows from any source become rows to train on and rows to evaluate on.

Rows stream through the rules into a file; duplicates, sample and split are decided from a few numbers per row; then the file
streams into its parts. Memory grows by about 100 bytes a row. Knows nothing about training beyond the length of a row in the
base model's tokens.
"""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from job.cleaning import on_ray, workers
from job.cleaning.batch import process
from job.cleaning.decisions import FATES, KEPT, Decisions, decide
from job.cleaning.first_pass import FirstPass
from job.cleaning.rules import Rules
from job.cleaning.rules.registry import few_turns_left, hint
from job.cleaning.second_pass import second_pass
from job.cleaning.trimming import InOrder, repeated_in, trim
from job.errors import DataError
from job.hosts.libraries import usable_cpus
from job.hosts.ray_cluster import connected
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.results import Cleaned, Funnel
from job.runs.files import remove, replace_folder
from job.settings.fields import DataSettings, ModelSettings
from job.settings.files import find_file, read_text
from job.settings.rule_file import read as read_rules

log = logging.getLogger("job.clean")


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

    Raises DataError (65) for unreadable sources and when fewer than FINETUNE_DATA_MIN_ROWS are left, SettingsError (64) for a
    user's pattern that backtracks without end, the errors for failures of the Hub (66, 67, 76), and of a cluster (68, 76).
    """
    files = fetch_files(model, token, weights=False)
    chat = Chat(load_tokenizer(files, model))
    partial = root / "clean.partial"
    remove(partial)
    partial.mkdir(parents=True)
    first = FirstPass(data, chat, partial, max_tokens=max_tokens, loss=loss, rules=rules_of(data))
    near, repeats = data.near_duplicates != "off", data.repeated != "off"
    system = read_text(data.system_prompt_file)
    function = functools.partial(process, system=system, seed=seed, near=near, repeats=repeats)
    gc.freeze()  # rows make Python walk all objects again and again: with those of the libraries that takes 0.3 s each time
    with _engine(data) as in_order:
        with first:
            for batch in in_order(function, first.batches(token)):
                first.take(batch)
        repeated = trim(first, function, in_order) if data.repeated == "cut" else repeated_in(first) if repeats else []
    decisions = decide(first, data, seed, near=near)
    _require(decisions, first, data, max_tokens)
    result = second_pass(first, decisions, chat, repeated, loss=loss, max_tokens=max_tokens)
    _log(result, max_tokens)
    for name in ("rows.jsonl", "bands", "edges"):
        (partial / name).unlink(missing_ok=True)
    replace_folder(partial, root / "clean")
    return result


@contextmanager
def _engine(data: DataSettings) -> Iterator[InOrder]:
    """What runs a function on batches. All that needs every row, and all writing, stays in this process."""
    cpus = data.workers or usable_cpus()
    if data.engine == "processes":
        yield functools.partial(workers.in_order, workers=cpus)
        return
    with connected(cpus) as ray:
        log.info("stage=clean engine=ray cpus=%d", ray.cluster_resources().get("CPU", 0))
        yield functools.partial(on_ray.in_order, ray, workers=data.workers)


def rules_of(data: DataSettings) -> Rules:
    """With FINETUNE_DATA_CLEANING=auto each source adds its packs; see evidence.py."""
    return Rules(
        packs=data.cleaning,
        brands=data.brands,
        contacts=data.remove_contacts,
        languages=data.languages,
        min_answer_words=None if data.min_answer_words == "auto" else data.min_answer_words,
        max_words=None if data.max_words == "auto" else data.max_words,
        user_rules=tuple(read_rules(find_file(data.rules_file))) if data.rules_file else (),
    )


def _log(result: Cleaned, max_tokens: int) -> None:
    """The funnel in the log, and what the token limit costs, before any training."""
    log.info("stage=clean rows_in=%d train_rows=%d eval_rows=%d", result.rows_in, result.train_rows, result.eval_rows)
    for reason, rows in result.dropped.items():
        log.info("stage=clean dropped=%s rows=%d", reason, rows)
    if result.turns_in:
        log.info("stage=clean turns_in=%d turns_out=%d", result.turns_in, result.turns_out)
    for note, count in result.turn_notes.items():
        log.info("stage=clean turns=%s count=%d", note, count)
    exchanges = {name: rule.exchanges for name, rule in result.rules.items() if rule.exchanges}
    for name, count in exchanges.items():
        log.info("stage=clean cut_exchanges=%s count=%d", name, count)
    if result.repeated:
        cut = sum(one.fate == "cut" for one in result.repeated)
        log.info("stage=clean repeated_sentences=%d cut=%d", len(result.repeated), cut)
    if result.system_in_user_turn:
        log.info("stage=clean system_prompt=in_user_turn: the base model's chat template has no system role")
    if warning := few_turns_left(result.turns_in, result.turns_out, result.turn_notes, exchanges):
        log.warning("stage=clean %s", warning)
    counts = result.token_counts
    log.info(
        "stage=clean median_tokens=%d limit=%d rows_above=%d longest=%d",
        counts.median,
        max_tokens,
        counts.rows_above,
        counts.longest_above or result.longest_tokens,
    )
    if counts.rows_above > 0.1 * result.rows_in:
        log.warning(
            "stage=clean FINETUNE_TRAIN_MAX_TOKENS=%d drops %d of %d rows; a higher limit keeps them and costs memory",
            max_tokens,
            counts.rows_above,
            result.rows_in,
        )


def _require(decisions: Decisions, first: FirstPass, data: DataSettings, max_tokens: int) -> None:
    kept = int((decisions.fate == KEPT).sum())
    if kept >= data.min_rows:
        return
    reasons = first.dropped.copy()
    for code, reason in enumerate(FATES):
        if code != KEPT and (count := int((decisions.fate == code).sum())):
            reasons[reason] = count
    most = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(4))
    look_at = hint(reasons.most_common(1)[0][0], data, max_tokens) if reasons else "FINETUNE_DATA_SOURCES"
    raise DataError(
        f"{kept:,} of {sum(first.rows_in):,} rows are left after cleaning, fewer than FINETUNE_DATA_MIN_ROWS "
        f"({data.min_rows}). Dropped: {most or 'none'}.",
        remedy=f"Look at {look_at}, or lower FINETUNE_DATA_MIN_ROWS.",
        funnel=Funnel(
            rows_in=sum(first.rows_in),
            kept=kept,
            least=data.min_rows,
            dropped=dict(reasons),
            sources={str(source): rows for source, rows in zip(data.sources, first.rows_in, strict=True)},
        ),
    )
