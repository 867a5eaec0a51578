"""What stage 3 hands on: the answers of base and tuned model, and the verdict."""

from __future__ import annotations

from typing import Literal

from job.results.result import Result

Scores = dict[str, int | float]
"""One model's scores: `answers` (how many), then the mean of each score of job/probing/scores.py by its name, in that order."""


class Sample(Result):
    """One line of probe/samples.jsonl: a question and both answers."""

    question: str
    source: Literal["question", "eval_row"]
    reference: str
    """The answer in the data; empty for a question from FINETUNE_PROBE_QUESTIONS_FILE."""
    base: str
    tuned: str
    base_stopped: bool
    """The answer ended before the token limit."""
    tuned_stopped: bool


class Probed(Result):
    """Stage 3. Both models answered `questions` fixed questions and those of `eval_rows` evaluation rows."""

    samples_path: str
    questions: int
    eval_rows: int
    base: Scores
    tuned: Scores
