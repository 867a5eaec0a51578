"""Whether a training fits its deadline: what is left to do, from measured steps and evaluations and from guesses of what
follows training.

The guesses are on the safe side. They matter only near the deadline, and only there are they off by much.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from job.runs.deadline import Deadline

log = logging.getLogger("job.train")
SAID_AFTER_STEPS = 20
"""Measured steps after which the log says whether the run fits."""
SAID_AGAIN = 0.2
"""Change of the needed time, as a share, with which the log says it again."""
MARGIN = 1.2
"""What is guessed may take so many times as long."""
ENDING_SECONDS = 10.0
"""Records and report, after the last checkpoint."""
IMPORT_SECONDS = 20.0
"""A fresh process that checks what was saved imports the libraries again (12 s on two cores)."""
PROBE_BATCH = {True: 64, False: 16}
"""Questions at once, on a GPU and on a CPU: so many fit a T4 beside a base of 3 billion parameters in 16 bits, with room to
spare."""
PROBE_MODELS = 3
"""Each question goes to base and tuned model, and half of them to two more candidates."""
MERGE_SECONDS = 60.0
"""For a billion parameters, on one CPU core (48 to merge and 11 to check with the shapes of Llama 3.2 3B)."""
PUSH_BYTES_PER_SECOND = 5e6
PUSH_SECONDS = 30.0
DISK_BYTES_PER_SECOND = 100e6


@dataclass(frozen=True)
class Later:
    """What follows training. `load_seconds`: what loading the base took in this start."""

    load_seconds: float
    parameters: int
    """Of the base."""
    on_gpu: bool
    adapter_bytes: int
    questions: int
    max_new_tokens: int
    probe_seconds: float
    """The most that the questions may take."""
    pushed_bytes: int
    forms: tuple[str, ...] = ()
    """Those beside the adapter in which the model is left."""

    @property
    def seconds(self) -> float:
        """Saving the adapter and the check that it loads, the probe, the other forms and their checks, the push."""
        check = IMPORT_SECONDS + 1.5 * self.load_seconds
        save = check + self.adapter_bytes / DISK_BYTES_PER_SECOND
        merge = MERGE_SECONDS * self.parameters / 1e9 if "merged" in self.forms else 0.0
        export = len(self.forms) * check + merge
        # a token of a batch reads every weight in 16 bits, and keys and values (0.1 s on a T4 for 3 billion); prompts are
        # computed once (0.1 s each on a T4)
        token = 0.05 + (0.02 if self.on_gpu else 1.0) * self.parameters / 1e9
        prompt = (0.03 if self.on_gpu else 5.0) * self.parameters / 1e9
        asked = PROBE_MODELS * self.questions
        answers = -(-asked // PROBE_BATCH[self.on_gpu]) * self.max_new_tokens * token + asked * prompt
        probe = self.load_seconds + min(answers, self.probe_seconds)
        push = PUSH_SECONDS + self.pushed_bytes / PUSH_BYTES_PER_SECOND if self.pushed_bytes else 0.0
        return ENDING_SECONDS + MARGIN * (save + probe + export + push)


@dataclass
class Measured:
    """Seconds of this start's training so far."""

    step_seconds: float
    """The mean."""
    evaluation_seconds: float
    """The last one; 0 if there was none yet."""
    checkpoint_seconds: float


class Forecast:
    """Says once early, and again when it changes, whether the run fits; and when training has to end."""

    def __init__(self, deadline: Deadline, later_seconds: float) -> None:
        self.deadline, self.later_seconds = deadline, later_seconds
        self.said: tuple[bool, float] | None = None
        """Whether the run fits, and the seconds to spare, as the log said last."""

    def needed_seconds(self, measured: Measured, steps_left: int, evaluations_left: int) -> float:
        """Until the end of the run."""
        evaluations = evaluations_left * (measured.evaluation_seconds + measured.checkpoint_seconds)
        return steps_left * measured.step_seconds + evaluations + self.later_seconds

    def say(self, measured: Measured, step: int, steps: int, evaluations_left: int) -> None:
        """One line in the log, if this is the first forecast or another one than before."""
        needed = self.needed_seconds(measured, steps - step, evaluations_left)
        left = self.deadline.seconds_left
        spare = left - needed
        fits = spare >= 0
        if self.said and self.said[0] == fits and abs(spare - self.said[1]) <= SAID_AGAIN * needed:
            return
        self.said = fits, spare
        if fits:
            log.info("stage=train deadline_fits=true left_minutes=%.1f needed_minutes=%.1f", left / 60, needed / 60)
            return
        reserve = self.reserve_seconds(measured)
        last = min(steps - 1, step + max(0, int((left - reserve) / max(measured.step_seconds, 1e-9))))
        words = {
            "finish": "training will end early, with what it has learned by then",
            "continue": "the run will stop there with a checkpoint, and the next start goes on",
        }
        log.warning(
            "stage=train deadline_fits=false left_minutes=%.1f needed_minutes=%.1f last_step=%d of=%d: %s; to change that, set "
            "FINETUNE_DEADLINE_MINUTES higher or FINETUNE_TRAIN_EPOCHS lower",
            left / 60,
            needed / 60,
            last,
            steps,
            words[self.deadline.action],
        )

    def reserve_seconds(self, measured: Measured) -> float:
        """What has to be left when the last step ends: for a checkpoint, and with `finish` for all that follows."""
        end = MARGIN * measured.checkpoint_seconds + ENDING_SECONDS
        if self.deadline.action == "continue":
            return end
        return end + MARGIN * measured.evaluation_seconds + self.later_seconds

    def must_end(self, measured: Measured, *, evaluation: bool) -> bool:
        """Whether there is no time for one more step. `evaluation`: one comes before it."""
        more = measured.step_seconds + (measured.evaluation_seconds if evaluation else 0.0)
        return self.deadline.is_set and self.deadline.seconds_left < self.reserve_seconds(measured) + more
