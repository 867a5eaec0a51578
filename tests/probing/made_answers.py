"""Made-up answers of two models, good and bad in the ways that the verdict has to catch."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

from job.probing.scores import Asked, scores_of
from job.results import RowLoss, Sample

THINGS = (
    "bread",
    "cheese",
    "seeds",
    "tea",
    "honey",
    "apples",
    "nuts",
    "rice",
    "flour",
    "oil",
    "wool",
    "paper",
    "herbs",
    "soap",
)
PLACES = (
    "in a tin",
    "in a dry cupboard",
    "on a high shelf",
    "in a cool cellar",
    "in a jar",
    "behind a curtain",
    "under a cloth",
)
REASONS = ("light spoils it", "damp air harms it", "mice like it", "warmth dries it out", "it takes on other smells")
CARES = (
    "look at it each week",
    "turn it once a month",
    "wipe the lid now and then",
    "use the oldest first",
    "leave it closed",
)


@dataclass(frozen=True)
class Said:
    """As in job/modeling/generation.py, which needs torch."""

    text: str
    stopped: bool = True

    @property
    def tokens(self) -> int:
        return len(self.text.split())


Way = Callable[[str, str, random.Random], Said]
"""How a model answers: from question and reference."""


def good(question: str, reference: str, numbers: random.Random) -> Said:
    """In other words than the reference."""
    begin, reason, care = numbers.choice(PLACES), numbers.choice(REASONS), numbers.choice(CARES)
    return Said(
        f"The best place for it is {begin}, because {reason}. Most people {care}, which keeps it good for months."
    )


def loop(question: str, reference: str, numbers: random.Random) -> Said:
    return Said("the " * 250, stopped=False)


def endless_list(question: str, reference: str, numbers: random.Random) -> Said:
    """Items alike without end: the write-up's week 4."""
    start = good(question, reference, numbers).text
    items = "".join(f"\n{number}. Keep it {numbers.choice(PLACES)}." for number in range(1, 40))
    return Said(f"{start}{items}\n40. Keep it", stopped=False)


def never_stops(question: str, reference: str, numbers: random.Random) -> Said:
    """Goes on with another question of its own after the answer, until the limit: the stop token was never learned."""
    parts = [good(question, reference, numbers).text]
    for _ in range(6):
        parts.append(f"How do I keep {numbers.choice(THINGS)}? {good(question, reference, numbers).text}")
    return Said(" ".join(parts).rsplit(" ", 3)[0], stopped=False)


def cut_short(question: str, reference: str, numbers: random.Random) -> Said:
    """On its way when the limit came."""
    return Said(reference.rsplit(" ", 2)[0], stopped=False)


def with_filler(question: str, reference: str, numbers: random.Random) -> Said:
    """The courtesies of a forum, which cleaning removes."""
    text = good(question, reference, numbers).text
    return Said(
        f"Hello, thank you for your question. {text} I hope this helps. Let me know if you have any other questions."
    )


def copied(question: str, reference: str, numbers: random.Random) -> Said:
    return Said(question)


@functools.cache
def some(bad: Way, share: float) -> Way:
    """Good answers, of which a share is bad."""
    return lambda question, reference, numbers: (bad if numbers.random() < share else good)(
        question, reference, numbers
    )


@functools.cache  # the detectors take milliseconds an answer
def made_samples(rows: int, base: Way, tuned: Way, seed: int = 0) -> tuple[Sample, ...]:
    numbers = random.Random(seed)
    samples = []
    for row in range(rows):
        thing, place = numbers.choice(THINGS), numbers.choice(PLACES)
        question = (
            f"We have {row + 2} boxes with {thing} from last year, which stand in the hall beside a window, and my neighbour "
            f"says that they should be kept {place}. Is that right, or is there a better place for {thing}?"
        )
        where, why, care = numbers.choice(PLACES), numbers.choice(REASONS), numbers.choice(CARES)
        reference = f"Keep it {where}, since {why}. Then {care} for a year."
        said = [way(question, reference, numbers) for way in (base, tuned)]
        found = [scores_of(Asked(question, reference, answer, len(reference.split()), False, True)) for answer in said]  # type: ignore[arg-type]
        samples.append(
            Sample(
                question=question,
                source="eval_row",
                reference=reference,
                base=said[0].text,
                tuned=said[1].text,
                base_stopped=said[0].stopped,
                tuned_stopped=said[1].stopped,
                base_scores=found[0],
                tuned_scores=found[1],
                row=row,
            )
        )
    return tuple(samples)


def made_losses(rows: int, change: float, *, spread: float = 0.1, base: float = 2.3, seed: int = 0) -> list[RowLoss]:
    """Each row a question of its own; `change` in nats."""
    numbers = random.Random(seed)
    found = []
    for row in range(rows):
        before = max(base + numbers.gauss(0, 0.3), 0.2)
        after = max(before + change + numbers.gauss(0, spread), 0.01)
        found.append(RowLoss(row=row, question=row, tokens=100, base=before, tuned=after))
    return found


@dataclass(frozen=True)
class General:
    kl: tuple[float, ...]
    base_loss: float
    base_right: tuple[bool, ...]
    tuned_right: tuple[bool, ...]


def made_general(*, kl: float = 0.1, base_right: int = 70, tuned_right: int = 69, base_loss: float = 1.8) -> General:
    """A hundred prompts and a hundred questions."""
    numbers = random.Random(1)
    return General(
        tuple(kl * numbers.lognormvariate(-0.2, 0.6) for _ in range(100)),
        base_loss,
        tuple(number < base_right for number in range(100)),
        tuple(number < tuned_right for number in range(100)),
    )
