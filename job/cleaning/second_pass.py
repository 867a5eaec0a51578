"""The second pass: it writes kept rows to the training or the evaluation file and the others to the dropped rows, and
collects the result."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy

from job.cleaning.audit import counts, masked_row, repeated_sentences, token_counts
from job.cleaning.decisions import FATES, KEPT, Decisions
from job.cleaning.first_pass import FirstPass, line_of
from job.cleaning.rules import Rules
from job.cleaning.rules.digest import digest
from job.cleaning.rules.registry import NOTES
from job.cleaning.trimming import Listed
from job.modeling.chat import Chat
from job.results import Cleaned, SourceCount
from job.runs.progress import advance
from job.settings.sources import without_path

MASKED_ROWS = 3


def second_pass(
    first: FirstPass, decisions: Decisions, chat: Chat, repeated: Listed, *, loss: str, max_tokens: int
) -> Cleaned:
    """Write the files beside those of the first pass, and report what became of the rows."""
    sha256, shown, forms = _write(first, decisions)
    kept = decisions.fate == KEPT
    training = kept & ~decisions.held_out
    tokens, longest = (numpy.frombuffer(lengths, dtype=numpy.uint32) for lengths in (first.tokens, first.longest))
    return Cleaned(
        rows_in=sum(first.rows_in),
        train_rows=int(training.sum()),
        eval_rows=int(decisions.held_out.sum()),
        dropped=dict(first.dropped.most_common()),
        sources=_source_counts(first, decisions),
        rules=counts(first.tally, sum(first.rows_in), first.dropped, _all_packs(first.rules)),
        rules_sha256=digest(*first.rules),
        repeated=repeated_sentences(repeated, first.data),
        near_duplicate_groups=decisions.near_groups,
        plain_split_leaked_rows=decisions.leaked_rows,
        plain_split_eval_rows=decisions.plain_eval_rows,
        split_leaked_rows=decisions.split_leaked_rows,
        conversations=forms["turns"],
        texts=forms["text"],
        turns_in=first.turns_in,
        turns_out=first.turns_in - first.turns_lost,
        turn_notes={note.name: first.notes[note.name] for note in NOTES if first.notes[note.name]},
        token_counts=token_counts(longest[kept], first.too_long, max_tokens),
        masked_rows=[masked_row(chat, row, loss, max_tokens) for row in shown],
        system_prompt=first.prompts.most_common(1)[0][0],
        system_in_user_turn=chat.folds_system and any(first.prompts),
        thinking_off="enable_thinking" in chat.options,
        stop_token=chat.stop_token,
        train_tokens=int(tokens[training].sum()),
        answer_tokens=int(numpy.frombuffer(first.answer_tokens, dtype=numpy.uint32)[training].sum()),
        longest_tokens=int(longest[training].max()),
        train_path="clean/train.jsonl",
        eval_path="clean/eval.jsonl",
        dropped_path="clean/dropped.jsonl",
        sha256=sha256,
    )


def _all_packs(rules: list[Rules]) -> Rules:
    """What ran on any source."""
    packs = tuple(dict.fromkeys(pack for one in rules for pack in one.packs))
    return replace(
        rules[0], packs=packs, contacts=next((one.contacts for one in rules if one.runs("contacts")), "keep")
    )


def _write(first: FirstPass, decisions: Decisions) -> tuple[str, list[dict[str, Any]], Counter[str]]:
    """(sha256 over the bytes of training and evaluation rows in their order, the first training rows, rows by their form)."""
    sha256 = hashlib.sha256()
    shown: list[dict[str, Any]] = []
    forms: Counter[str] = Counter()
    # where the rows may be published, the path of a file on this machine is not
    ends = [b", " + line_of({"source": without_path(str(source))})[1:] for source in first.data.sources]
    with (
        (first.folder / "rows.jsonl").open("rb") as rows,
        (first.folder / "train.jsonl").open("wb") as train,
        (first.folder / "eval.jsonl").open("wb") as evaluation,
        (first.folder / "dropped.jsonl").open("ab") as first.dropped_file,
    ):
        for number, line in enumerate(rows):
            advance("rows")
            row = json.loads(line)
            if decisions.fate[number] != KEPT:
                first.drop(FATES[decisions.fate[number]], first.source[number], row)
                continue
            made = line[:-2] + ends[first.source[number]]  # in place of "}\n"; to write the row anew takes longer
            sha256.update(made)
            forms.update({"turns", "text"} & row.keys())
            (evaluation if decisions.held_out[number] else train).write(made)
            if len(shown) < MASKED_ROWS and not decisions.held_out[number]:
                shown.append(row)
    return sha256.hexdigest(), shown, forms


def _source_counts(first: FirstPass, decisions: Decisions) -> list[SourceCount]:
    source = numpy.frombuffer(first.source, dtype=numpy.uint16)
    return [
        SourceCount(
            source=str(name),
            revision=first.loaded[number].revision,
            format=first.loaded[number].format,
            layout=first.loaded[number].layout,
            rows_in=first.rows_in[number],
            rows_out=int(((decisions.fate == KEPT) & (source == number)).sum()),
            list_rows=decisions.lists[number],
            packs=[*first.rules[number].packs, *["contacts"] * first.rules[number].runs("contacts")],
            evidence=first.evidence[number],
        )
        for number, name in enumerate(first.data.sources)
    ]
