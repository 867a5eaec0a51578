"""What to say where answers of the data are longer than those of the probe may be. Imports no torch: the plan says it too."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from job.results import Sample, Verdict

if TYPE_CHECKING:
    from job.modeling.chat import Chat

log = logging.getLogger("job.probe")
MANY = 0.1
"""Share of the answers: with one in ten, the whole margin of a score may lie in answers that were cut."""

SCORED = "stopped_share"
"""Every answer has it but those that the limit cut on their way."""
OF_WHOLE_ANSWERS = (SCORED, "closing_filler_share", "other_length_share")
"""Scores that say nothing of an answer without its end."""


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


def with_cause(verdict: Verdict, samples: Sequence[Sample], limit: int) -> Verdict:
    """With the limit named where a score was left out because the limit cut the answers to which it would apply."""
    cut = [
        one for one in samples if one.tuned_scores and not (SCORED in one.base_scores and SCORED in one.tuned_scores)
    ]
    if not cut:
        return verdict
    cause = f"FINETUNE_PROBE_MAX_NEW_TOKENS ({limit:,}) cut {len(cut):,} of {len(samples):,} before their end"
    skipped = [
        one.model_copy(update={"reason": f"{one.reason}: {cause}"})
        if one.name in OF_WHOLE_ANSWERS and one.reason.startswith("it applies to")
        else one
        for one in verdict.skipped
    ]
    return verdict.model_copy(update={"skipped": skipped})


def tokens_of(text: str, chat: Chat) -> int:
    return len(chat.tokenizer(text, add_special_tokens=False)["input_ids"])


def warn(tokens: Sequence[int], limit: int) -> None:
    if said := warning(tokens, limit):
        log.warning("stage=probe cut=true: %s", said)
