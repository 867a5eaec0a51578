"""What stage 3 hands on: the answers of base and tuned model, and the verdict."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from job.results.result import Result
from job.results.trained import RoundTrip

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
    base_scores: dict[str, float] = Field(default_factory=dict)
    """Score name -> the score of this answer; without those that do not apply to it."""
    tuned_scores: dict[str, float] = Field(default_factory=dict)
    row: int | None = None
    """Its line in probe/losses.jsonl, and in the evaluation rows; None for a question from the file."""
    half: Literal["choice", "confirmation"] = "confirmation"
    """Whether the checkpoint was chosen by it."""


class Said(Result):
    """One line of probe/tokens.jsonl: an answer of the tuned model as tokens, by which its other forms are compared with it."""

    prompt: list[int]
    answer: list[int]
    """With the token that ended it, where one did."""


class RowLoss(Result):
    """One line of probe/losses.jsonl: an evaluation row."""

    row: int
    """Its line in the evaluation rows, from 0."""
    question: int
    """The same number for rows with the same prompt."""
    tokens: int
    """Learned tokens."""
    base: float
    """Mean loss of the base model over them, in nats."""
    tuned: float


class Estimate(Result):
    """A figure of the verdict: base and tuned model on the same rows."""

    name: str
    """A score's name, `loss`, `kl` or `choices`."""
    base: float
    tuned: float
    difference: float
    """tuned - base, on the rows that decide."""
    low: float
    high: float
    """Interval of the difference at the level of `confidence`."""
    confidence: float
    rows: int
    """Rows, of which those with the same prompt count together."""
    detectable: float
    """The smallest difference that so many rows show in four of five runs, corrected as `p_harm` is."""


class Guardrail(Estimate):
    """What must not get worse by more than a margin."""

    harm: Literal["higher", "lower"]
    """Which direction is worse."""
    margin: float
    """In the unit of the difference, above 0."""
    p_safe: float
    """How likely rows like these are if the harm were as large as the margin. Not corrected: `better` takes all guardrails."""
    p_harm: float
    """How likely they are if there were no harm (`kl`: none above the margin); corrected for their number (Holm)."""
    state: Literal["passed", "undecided", "violated"]


class Broken(Estimate):
    """The answers that nobody could use, whatever the base's are. The interval is that of the difference."""

    p_most: float
    """How likely so many broken answers are if the tuned model broke half of them."""
    p_more: float
    """How likely they are if the tuned model broke no more than the base."""
    state: Literal["passed", "undecided", "violated"]
    """Violated: most are shown to be broken, or all of a handful are and none of the base's. Undecided: most are."""


class Skipped(Result):
    """A figure that could not be had, and why."""

    name: str
    reason: str


class Verdict(Result):
    """Whether the tuned model is better than the base, and what decided it."""

    value: Literal["better", "no better", "worse", "inconclusive"]
    sentence: str
    """For somebody who knows none of these words."""
    reasons: list[str]
    """The figures that decided it, one sentence each."""
    gain: Estimate | None
    """The loss per answer token of the evaluation rows; None where there were none."""
    guardrails: list[Guardrail]
    broken: Broken | None = None
    """Whether the answers are of use; None where there were none."""
    skipped: list[Skipped]
    rows_needed: int | None = None
    """Where it is inconclusive: about how many rows would decide."""


class Forgetting(Result):
    """What the tuned model still knows of what the data does not teach."""

    prompts: int
    kl: float
    """Mean over the tokens of general answers, in nats: how far the tuned model's next token is from the base's."""
    choices: int
    base_accuracy: float | None
    tuned_accuracy: float | None
    """None where no choices were asked. Multiple-choice questions whose right answer has the highest log-probability."""


class Candidate(Result):
    """An adapter of training that the choice looked at."""

    step: int
    eval_loss: float
    """Of all evaluation rows, from training."""
    loss: float | None
    """The mean over the rows in the half of the choice; None where there were too few to choose by, or only one adapter."""
    scores: Scores
    """Of the answers in that half."""
    chosen: bool


class Judged(Result):
    """What the base model itself says of the two answers, asked in both orders. Weak evidence: it decides nothing."""

    pairs: int
    tuned_wins: int
    base_wins: int
    ties: int
    """The two orders disagreed."""
    unreadable: int
    """It named neither answer."""


class Probed(Result):
    """Stage 3. Both models answered `questions` fixed questions and those of `eval_rows` evaluation rows."""

    expendable: ClassVar[tuple[str, ...]] = ("losses_path",)
    handed_on: ClassVar[tuple[str, ...]] = ("tokens_path",)
    adapter_path: str
    """The chosen adapter, which a fresh process has loaded and compared."""
    adapter_files: list[str]
    """Names of what the probe put there; nothing else in that folder is published."""
    round_trip: RoundTrip
    """Of that adapter."""
    samples_path: str
    losses_path: str
    tokens_path: str | None = None
    questions: int
    eval_rows: int
    unanswered: int = 0
    """Questions that FINETUNE_PROBE_MINUTES left no time for; in none of the other figures."""
    language: str = ""
    """ISO code of the language of nearly all reference answers; empty where they are in several, or too short to tell."""
    base: Scores
    tuned: Scores
    likeness: dict[str, dict[str, float]]
    """`base` and `tuned` -> likeness of the answers to the references, by its name. Never part of the verdict."""
    forgetting: Forgetting | None
    candidates: list[Candidate]
    step: int
    """Of training, after which the chosen adapter was saved."""
    judged: Judged | None
    verdict: Verdict
    seconds: dict[str, float]
    """Part of the probe -> seconds."""
