"""The scores of base and tuned model as rows of a table, for the report and for the model card."""

from __future__ import annotations

from dataclasses import dataclass

from job.probing import scores
from job.probing.scores import Score
from job.reporting.numbers import count, points, share, signed
from job.results import Probed


@dataclass(frozen=True)
class ScoreRow:
    name: str
    headline: str
    base: str
    tuned: str
    change: str
    judgement: str
    """better, worse, same; empty for what is neither good nor bad."""


def score_rows(probed: Probed) -> list[ScoreRow]:
    """Every score that both models have, in the order of SCORES."""
    return [
        _row(score, probed.base[score.name], probed.tuned[score.name])
        for score in scores.SCORES
        if score.name in probed.base and score.name in probed.tuned
    ]


def beside_verdict(probed: Probed) -> str:
    """Why these figures are not those that the verdict has of the same scores; empty where they are."""
    if all(one.rows == probed.base["answers"] for one in probed.verdict.guardrails if one.name in probed.base):
        return ""
    halved = any(one.loss is not None for one in probed.candidates)
    chose = "leaves out those that chose the checkpoint, " if halved else ""
    return (
        f"These are means over all answers. The verdict {chose}counts each prompt once, and only where a score applies to both "
        "models' answers, so its figures of the same scores may differ."
    )


def _row(score: Score, base: float, tuned: float) -> ScoreRow:
    text = share if score.unit == "share" else count
    change = points(tuned - base) if score.unit == "share" else signed(tuned - base, score.unit)
    if score.better == "neither":
        judgement = ""
    elif text(base) == text(tuned) or (score.unit == "share" and abs(tuned - base) < 0.0005):
        judgement, change = "same", ""
    else:
        judgement = "better" if (tuned > base) == (score.better == "higher") else "worse"
    return ScoreRow(score.words, score.headline, text(base), text(tuned), change, judgement)
