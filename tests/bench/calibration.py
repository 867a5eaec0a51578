"""How often the verdict is wrong about models of which the truth is known, and how often it sees a true gain or harm.

    python -m tests.bench.calibration                 the tables of job/probing/README.md; five minutes on one core
    python -m tests.bench.calibration --pairs 50 --rows 25,100

Made-up pairs of models: losses near 2.3 nats whose differences have a standard deviation of a tenth of that (a row and its
question each with Student's t, 3 degrees of freedom), one to three rows to a question; twelve scores of the answers, in half of
which both models do the same for one reason; 100 general prompts and 100 multiple-choice questions, of which nine are answered
otherwise. Not more than 200 answers, as by default.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy

from job.probing.scores import Score
from job.probing.verdict import decide
from job.results import RowLoss, Sample, Verdict
from job.settings.fields import ProbeSettings
from job.settings.margins import SHARES

ROWS = (12, 25, 50, 100, 200, 400)
PAIRS = 200
MOST_ANSWERS = 200
RATES = (0.0, 0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.0, 0.2, 0.4, 0.0)
"""How often a score is bad in equal models: from never to nearly always."""
GOOD_RATES = (0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.02, 0.05, 0.0, 0.0, 0.0, 0.0)
GAINS = (0.0, 0.01, 0.03, 0.05, 0.1)
HARMS = (0.05, 0.1, 0.2, 0.4)
LOSS = 2.3
VALUES = ("better", "no better", "worse", "inconclusive")
SCORES = tuple(
    Score(name, name, unit="share", better="lower", of=lambda _: None, margin=0.1)
    for name in SHARES
    if name != "choices"
)


@dataclass
class General:
    kl: Sequence[float]
    base_loss: float
    base_right: Sequence[bool]
    tuned_right: Sequence[bool]


def pair(seed: int, rows: int, *, gain: float = 0.0, harm: float = 0.0, rates: Sequence[float] = RATES) -> Verdict:
    """The verdict on a made-up pair. `gain`: share of the base's loss; `harm`: added to the second score's rate."""
    rng = numpy.random.default_rng([seed, rows])
    losses = list(made_losses(rng, rows, gain))
    answers = min(rows, MOST_ANSWERS)
    bad = [made_rates(rng, answers, rate, harm if number == 1 else 0.0) for number, rate in enumerate(rates)]
    samples = [
        Sample(
            question=f"question {row}",
            source="eval_row",
            reference="",
            base="answer",
            tuned=f"answer {row}",
            base_stopped=True,
            tuned_stopped=True,
            base_scores={score.name: float(base[row]) for score, (base, _) in zip(SCORES, bad, strict=True)},
            tuned_scores={score.name: float(tuned[row]) for score, (_, tuned) in zip(SCORES, bad, strict=True)},
        )
        for row in range(answers)
    ]
    wrong = made_rates(rng, 100, 0.35, alike=0.8)
    general = General(rng.lognormal(-2.5, 0.8, 100).tolist(), 2.0, (~wrong[0]).tolist(), (~wrong[1]).tolist())
    return decide(losses, samples, general, ProbeSettings(), scores=SCORES, seed=seed)


def made_losses(rng: numpy.random.Generator, rows: int, gain: float) -> Iterator[RowLoss]:
    questions = numpy.repeat(numpy.arange(rows), rng.choice([1, 1, 1, 2, 3], rows))[:rows]
    spread = 0.1 * LOSS / numpy.sqrt(2 * 3)  # Student's t with 3 degrees of freedom has variance 3
    changes = spread * (rng.standard_t(3, rows)[questions] + rng.standard_t(3, rows)) - gain * LOSS
    bases = LOSS * rng.lognormal(-0.045, 0.3, rows)
    for row, (question, base, change) in enumerate(zip(questions, bases, changes, strict=True)):
        yield RowLoss(row=row, question=int(question), tokens=200, base=base, tuned=base + change)


def made_rates(
    rng: numpy.random.Generator, rows: int, rate: float, harm: float = 0.0, alike: float = 0.5
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Whether each answer of both models is bad: in the share `alike` of them for a reason that both share."""
    shared, both = rng.random(rows) < alike, rng.random(rows) < rate
    base = numpy.where(shared, both, rng.random(rows) < rate)
    tuned = numpy.where(shared, both, rng.random(rows) < rate)
    return base, tuned | (rng.random(rows) < harm / (1 - rate))


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--pairs", type=int, default=PAIRS)
    arguments.add_argument("--rows", default=",".join(map(str, ROWS)))
    asked = arguments.parse_args()
    sizes = [int(rows) for rows in asked.rows.split(",")]

    def verdicts(rows: int, **truth: object) -> Counter[str]:
        return Counter(pair(seed, rows, **truth).value for seed in range(asked.pairs))  # type: ignore[arg-type]

    def percent(count: int) -> str:
        return f"{100 * count / asked.pairs:.0f} %"

    print(f"Equal models, {asked.pairs} pairs for each number of rows\n")
    table(
        "rows",
        VALUES,
        ((f"{rows}", [percent(found[value]) for value in VALUES]) for rows in sizes for found in [verdicts(rows)]),
    )
    print("\nHarmless models: verdict better at a true gain of\n")
    cells = (
        (f"{rows}", [percent(verdicts(rows, gain=gain, rates=GOOD_RATES)["better"]) for gain in GAINS])
        for rows in sizes
    )
    table("rows", [f"{gain:.0%}".replace("%", " %") for gain in GAINS], cells)
    print("\nA gain of 5 %, and more looping answers by so many points: verdict worse / better\n")
    both = (
        (
            f"{rows}",
            [
                f"{percent(found['worse'])} / {percent(found['better'])}"
                for harm in HARMS
                for found in [verdicts(rows, gain=0.05, harm=harm, rates=GOOD_RATES)]
            ],
        )
        for rows in sizes
    )
    table("rows", [f"{100 * harm:.0f} points" for harm in HARMS], both)


def table(corner: str, heads: Sequence[str], lines: Iterator[tuple[str, list[str]]]) -> None:
    print(f"| {corner} | {' | '.join(heads)} |")
    print(f"|---|{'---|' * len(heads)}")
    for name, cells in lines:
        print(f"| {name} | {' | '.join(cells)} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
