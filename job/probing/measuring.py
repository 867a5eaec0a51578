"""What all measurements share, and those of any of training's adapters beside the base: losses and answers."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from job.modeling.chat import Chat
from job.probing.answers import answer_all
from job.probing.kinds import Kind
from job.probing.losses import HeldOut, known_losses, mean_losses
from job.probing.questions import Half, Question
from job.probing.samples import paired
from job.probing.sharing import Kind as Shared
from job.probing.sharing import Share, Sharing
from job.probing.tuned import BASE, TUNED, Tuned
from job.results import RowLoss, Said, Sample
from job.settings.fields import ProbeSettings

log = logging.getLogger("job.probe")
COMPARED_ANSWERS = 16
"""Of the tuned model, whose tokens are kept for the proofs of its other forms."""


@dataclass
class Probe:
    """What all measurements share: the loaded models, and what is asked."""

    tuned: Tuned
    chat: Chat
    settings: ProbeSettings
    seed: int
    questions: list[Question]
    prompts: list[list[int]]
    """Token ids of each question."""
    rows: list[HeldOut]
    halves: dict[int, Half]
    """Line of an evaluation row -> its half."""
    look: Callable[[], None]
    until: float
    """On the clock of `time.monotonic`."""
    kind: Kind | None = None
    """Of the references."""
    trained_losses: Path | None = None
    """The folder with the losses of evaluation rows that training has found."""
    sharing: Sharing | None = None
    """With workers on other cards."""
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    """Answers of the chosen adapter."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = round(self.seconds.get(part, 0.0) + time.monotonic() - began, 2)

    def half(self, question: Question) -> Half:
        return "confirmation" if question.number is None else self.halves.get(question.number, "confirmation")

    def losses(
        self, rows: Sequence[HeldOut], adapters: Mapping[str, Path], steps: Mapping[str, int]
    ) -> dict[str, list[RowLoss]]:
        """For each of these adapters, the loss of these rows beside the base's: as training has found them, or computed in the
        same batches. `steps`: of training, for each adapter."""
        with self.timed("losses"):
            found = self._trained_losses(rows, {BASE: 0, **steps})
            if found is None:
                found = mean_losses(
                    self.tuned.model,
                    self.chat.tokenizer.pad_token_id,
                    rows,
                    self.tuned.models(adapters),
                    look=self.look,
                    share=self._share("losses", adapters, math.inf),
                )
        return {
            name: [
                RowLoss(row=row.row, question=row.question, tokens=row.tokens, base=before, tuned=after)
                for row, before, after in zip(rows, found[BASE], found[name], strict=True)
            ]
            for name in adapters
        }

    def _trained_losses(self, rows: Sequence[HeldOut], steps: Mapping[str, int]) -> dict[str, list[float]] | None:
        """Model -> its loss of each row; None unless training's evaluations have found all of them."""
        if self.trained_losses is None:
            return None
        known = known_losses(self.trained_losses, self.rows, set(steps.values()))
        if known is None:
            return None
        places = {row.row: place for place, row in enumerate(self.rows)}
        return {name: [known[step][places[row.row]] for row in rows] for name, step in steps.items()}

    def samples(self, numbers: Sequence[int], adapters: Mapping[str, Path]) -> dict[str, list[Sample]]:
        """For each of these adapters, its answers to these questions beside the base's, which are computed in the same batches.
        What was not answered in time is left out."""
        with self.timed("answers"):
            prompts = [self.prompts[number] for number in numbers]
            answers = answer_all(
                self.tuned.model,
                self.chat,
                prompts,
                self.settings,
                self.tuned.models(adapters),
                look=self.look,
                until=self.until,
                share=self._share("answers", adapters, self.until),
            )
        if left := answers[BASE].count(None):
            log.warning(
                "stage=probe unanswered=%d of=%d: the time was over; FINETUNE_PROBE_MINUTES sets it", left, len(numbers)
            )
        if TUNED in adapters:
            both_sides = zip(prompts, answers[TUNED], strict=True)
            said = [Said(prompt=prompt, answer=list(answer.ids)) for prompt, answer in both_sides if answer]
            self.said = said[:COMPARED_ANSWERS]
        asked = [(self.questions[number], self.half(self.questions[number])) for number in numbers]
        return {name: paired(asked, answers[BASE], answers[name], self.kind) for name in adapters}

    def _share(self, kind: Shared, adapters: Mapping[str, Path], until: float) -> Share | None:
        """None where the leader is alone."""
        return partial(self.sharing.share, kind, adapters, until) if self.sharing else None
