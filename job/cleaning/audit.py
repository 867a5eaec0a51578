"""What the result says of the rules and of the rows: counts, lengths, and rows as they are trained on."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import numpy

from job.cleaning.decisions import DECIDED
from job.cleaning.rules import CUTTING, DROPPING, OWN, Count, Rules, Tally
from job.modeling.chat import Chat
from job.results import Example, MaskedRow, RuleCount, TokenCounts


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
