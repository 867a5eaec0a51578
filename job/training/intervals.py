"""After how many steps a training logs and evaluates, and how many it warms up: as the settings say, or as shares of the run.

With numbers that suit 5,000 steps a run of 7 warms up to its end and writes no line. Imports no library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from job.settings.fields import TrainSettings

WARMUP_SHARE, MOST_WARMUP_STEPS = 0.1, 50
"""Adam's moments have settled after some dozens of steps, however long a run is. The first step of a warm-up has a learning
rate of 0, so runs of fewer than ten steps have none."""
LOG_LINES, MOST_LOG_STEPS = 40, 25
EVALUATIONS = 5
"""Each computes as much as a twentieth of an epoch where a tenth of the rows is held out. The probe compares the last three."""
FEWEST_STEPS = 30
"""A rule of thumb for the default learning rate. The quickstart's tiny base learns in seven, at 25 times that rate."""


@dataclass(frozen=True)
class Intervals:
    warmup_steps: int
    log_steps: int
    eval_steps: int


def steps_of(rows: int, settings: TrainSettings) -> int:
    """Optimizer steps of a run, as transformers counts them."""
    return math.ceil(math.ceil(rows / settings.batch_size) * settings.epochs)


def intervals(settings: TrainSettings, steps: int) -> Intervals:
    """`steps`: of the whole run."""
    warmup, log, evaluation = settings.warmup_steps, settings.log_steps, settings.eval_steps
    return Intervals(
        warmup_steps=min(int(WARMUP_SHARE * steps), MOST_WARMUP_STEPS) if warmup == "auto" else warmup,
        log_steps=min(max(steps // LOG_LINES, 1), MOST_LOG_STEPS) if log == "auto" else log,
        eval_steps=max(math.ceil(steps / EVALUATIONS), 1) if evaluation == "auto" else evaluation,
    )


def evaluations(steps: int, interval: int) -> int:
    """One before the first step, one at each interval, one after the last step."""
    return 1 + steps // interval + bool(steps % interval)


def doubts(settings: TrainSettings, steps: int) -> list[str]:
    """Why a run of so many steps may teach nothing, for the log, the results and `plan`."""
    warmup, found = intervals(settings, steps).warmup_steps, []
    if steps < FEWEST_STEPS:
        found.append(
            f"{steps:,} optimizer steps hardly teach anything, {FEWEST_STEPS} are the fewest that may: set "
            "FINETUNE_TRAIN_EPOCHS higher or FINETUNE_TRAIN_BATCH_SIZE lower"
        )
    if warmup >= steps:
        found.append(
            f"the learning rate never reaches its peak: FINETUNE_TRAIN_WARMUP_STEPS ({warmup:,}) is not below the {steps:,} "
            "steps of the run"
        )
    return found
