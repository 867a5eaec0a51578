"""Which checkpoint is exported: the one whose answers and losses are best on one half of the rows. The other half, which had no
part in it, confirms the choice: the best of five checkpoints flatters itself by 1.2 standard errors on the rows that chose it.

The lowest loss alone is no guide: the public write-up's best loss gave its worst answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from job.results import Candidate, Verdict

FEWEST_QUESTIONS = 100
"""Held-out questions from which half of them can choose. With fewer, the checkpoint with the lowest loss is exported, and all
rows count in the verdict."""


def said(questions: int) -> str:
    """Whether the rows are halved, in words for the log. `questions`: of held-out rows, that are asked."""
    if questions < FEWEST_QUESTIONS:
        return (
            f"halves=false: {questions:,} questions of held-out rows, and {FEWEST_QUESTIONS} are the fewest of which half can "
            "choose the checkpoint: the lowest loss of training chooses, and all of them count in the verdict"
        )
    return f"halves=true: half of {questions:,} questions of held-out rows choose the checkpoint, the other half counts"


@dataclass(frozen=True)
class Seen:
    """A candidate, and what the half of the choice says of it."""

    candidate: Candidate
    verdict: Verdict


def best(seen: Sequence[Seen]) -> Candidate:
    """Fewest figures that are shown to be worse than the base's, then fewest that exceed their margin, then fewest answers
    of no use, to a tenth, then the lowest loss; of two equals the earlier step."""
    return min(seen, key=_rank).candidate


def _rank(one: Seen) -> tuple[int, int, float, float, int]:
    guardrails = one.verdict.guardrails
    violated = sum(guardrail.state == "violated" for guardrail in guardrails)
    beyond = sum(
        (guardrail.difference if guardrail.harm == "higher" else -guardrail.difference) >= guardrail.margin
        for guardrail in guardrails
    )
    candidate = one.candidate
    broken = round(candidate.scores.get("broken_share", 0.0), 1)
    loss = math.inf if candidate.loss is None else candidate.loss
    return violated, beyond, broken, loss, candidate.step
