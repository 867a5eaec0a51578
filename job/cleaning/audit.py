"""What the result says about rules and rows: counts, lengths, and rows as the model is trained on them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import numpy

from job.cleaning.examples import example
from job.cleaning.repeated import SIDES
from job.cleaning.rules import registry
from job.cleaning.rules.cleaner import running
from job.cleaning.rules.contacts import masked
from job.cleaning.rules.registry import DROP_REASONS
from job.cleaning.rules.rule import Count, Rules, Tally
from job.cleaning.trimming import Listed
from job.modeling.chat import Chat
from job.modeling.fitting import fitted
from job.results import Example, MaskedRow, RepeatedSentence, RuleCount, TokenCounts
from job.settings.fields import DataSettings

MOST_SHOWN = 2000
"""Tokens of a row. The time grows with their square, to an hour for a row of 131,072."""


def counts(tally: Tally, rows_in: int, dropped: Mapping[str, int], options: Rules) -> dict[str, RuleCount]:
    """Every rule that ran, in the order in which it ran. A rule sees the rows that those before it left."""
    unread = sum(dropped.get(reason.name, 0) for reason in DROP_REASONS if reason.when == "reading")
    seen = rows_in - unread
    found: dict[str, RuleCount] = {}
    for rule in running(options, registry.RULES):
        if rule.name not in tally and rule.pack != "own":
            continue
        count = tally.get(rule.name, Count())
        found[rule.name] = RuleCount(
            seen=seen,
            changed=count.changed,
            dropped=count.dropped,
            skipped=count.skipped,
            exchanges=count.exchanges,
            characters_removed=count.characters_removed,
            examples=_examples(count, options),
        )
        seen -= count.dropped
    return found


def _examples(count: Count, options: Rules) -> list[Example]:
    """Those that show a change: the spelling of a brand and what is masked show none."""
    shown = (example(before, after, options) for before, after in count.examples)
    return [one for one in shown if one.before != one.after]


def repeated_sentences(listed: Listed, data: DataSettings) -> list[RepeatedSentence]:
    """What repeats, source by source, the most frequent of each side first; names and contact data are masked."""
    return [
        RepeatedSentence(
            source=str(source),
            side=one.side,
            text=masked(one.text),
            rows=one.rows,
            share=one.share,
            fate="stays" if not one.cut else "cut" if data.repeated == "cut" else "can_be_cut",
        )
        for source, found in zip(data.sources, listed, strict=bool(listed))
        for one in sorted(found, key=lambda one: (SIDES.index(one.side), -one.share))
    ]


def token_counts(tokens: numpy.ndarray, too_long: array[int], max_tokens: int) -> TokenCounts:
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


def masked_row(chat: Chat, row: dict[str, Any], loss: str, max_tokens: int) -> MaskedRow:
    """Which tokens of a row are trained on. A long row is shown up to its 2,000th token, and of a row that is trained on as
    several texts the last one."""
    tokens = fitted(chat, [row], loss, max_tokens)[0][-1]
    pieces, before = [], ""
    for end in range(
        1, min(len(tokens.ids), MOST_SHOWN) + 1
    ):  # from the beginning each time: a token alone can be half a letter
        text = chat.tokenizer.decode(tokens.ids[:end])
        whole = text if not text.endswith("\ufffd") else before
        pieces.append(whole[len(before) :])
        before = whole
    learned = [(1, len(tokens.ids))] if loss == "text" else list(tokens.answers)
    return MaskedRow(
        tokens=pieces, learned=[(begin, min(end, len(pieces))) for begin, end in learned if begin < len(pieces)]
    )
