"""The adapters among which the probe chose, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from job.probing import scores
from job.probing.choice import FEWEST_QUESTIONS
from job.reporting.numbers import count, loss_text, share
from job.results import Candidate


@dataclass(frozen=True)
class Checkpoints:
    candidates: list[Candidate]
    rows: list[tuple[str, list[str]]]
    """What was measured, and each candidate's figure."""
    chosen_by_answers: bool
    """Else by the loss in training, since there were too few questions."""
    fewest: int = FEWEST_QUESTIONS

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> Checkpoints:
        rows = [
            ("loss on all held-out rows, mean over tokens", [_number(one.eval_loss, loss_text) for one in candidates])
        ]
        if any(one.loss is not None for one in candidates):
            rows.append(
                ("loss on the rows of the choice, mean over rows", [_number(one.loss, loss_text) for one in candidates])
            )
        for score in scores.SCORES:
            if any(score.name in one.scores for one in candidates):
                text = share if score.unit == "share" else count
                rows.append((score.words, [_number(one.scores.get(score.name), text) for one in candidates]))
        return cls(list(candidates), rows, any(one.loss is not None for one in candidates))


def _number(value: float | None, text: Callable[[float], str]) -> str:
    return "–" if value is None else text(value)
