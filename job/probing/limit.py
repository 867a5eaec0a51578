"""What to say where answers of the data are longer than those of the probe may be. Imports no torch: the plan says it too."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from job.modeling.chat import Chat

log = logging.getLogger("job.probe")
MANY = 0.1
"""Share of the answers: with one in ten, the whole margin of a score may lie in answers that were cut."""


def warning(tokens: Sequence[int], limit: int) -> str:
    """Empty where few are longer. `tokens`: of each answer of the data."""
    above = sum(length >= limit for length in tokens)  # the end takes one
    if above <= MANY * len(tokens):
        return ""
    enough = sorted(tokens)[len(tokens) * 95 // 100]
    return (
        f"FINETUNE_PROBE_MAX_NEW_TOKENS ({limit:,}) is less than {above:,} of {len(tokens):,} answers of the data take with "
        f"their end: the probe cuts such answers, and does not see whether they end; {enough + 1:,} is enough for 95 %"
    )


def tokens_of(text: str, chat: Chat) -> int:
    return len(chat.tokenizer(text, add_special_tokens=False)["input_ids"])


def warn(tokens: Sequence[int], limit: int) -> None:
    if said := warning(tokens, limit):
        log.warning("stage=probe cut=true: %s", said)
