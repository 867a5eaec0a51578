"""Watches a training: logs its figures, keeps candidates, says when a checkpoint is due, and stops on a diverging loss,
on request and before the deadline."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from job.errors import Diverged, Stopped
from job.modeling import row_losses
from job.modeling.memory import Held
from job.results import LogEntry, StartSeconds
from job.runs.deadline import Deadline
from job.runs.parts import PARTS
from job.runs.progress import advance, expect, saving
from job.runs.signals import StopRequest
from job.training.candidates import Candidates
from job.training.checkpoint_times import CheckpointTimes
from job.training.forecast import SAID_AFTER_STEPS, Forecast, Measured
from job.training.log_file import LogFile
from job.training.random_states import RandomStates
from job.training.skipped import SkippedSteps

if TYPE_CHECKING:
    from job.training.trainer import Float32AdapterTrainer

log = logging.getLogger("job.train")


class Watch(TrainerCallback):  # type: ignore[misc]
    """`folder`: train/ in the run folder. `worst_loss`: above it, training has diverged. `held`: how the workers hold the
    base."""

    def __init__(
        self,
        folder: Path,
        *,
        worst_loss: float,
        stop: StopRequest,
        times: CheckpointTimes | None = None,
        forecast: Forecast | None = None,
        candidates: int = 1,
        held: Held = "whole",
    ) -> None:
        self.log = LogFile(folder / "log.jsonl")
        self.candidates = Candidates(folder / "candidates", candidates)
        self.row_losses = folder / row_losses.FOLDER
        self.worst_loss = worst_loss
        self.held = held
        self.stop = stop
        self.times = times or CheckpointTimes(minutes=10)
        self.forecast = forecast or Forecast(Deadline(), later_seconds=0.0)
        self.evaluation_seconds = 0.0
        self.all_evaluations_seconds = 0.0
        self.stopped_early = False
        """The deadline ended training before its last step."""
        self.trainer: Float32AdapterTrainer | None = None
        self.started = time.monotonic()
        self.seconds_before = 0.0
        self.checkpoint_seconds_before = 0.0
        self.skipped = SkippedSteps()
        self.saw_gradient = False
        """One that was not exactly zero."""
        self.last_mark = (0.0, 0)
        self.first_step = 0
        self.start_seconds: StartSeconds | None = None
        """Set by the first step of this start."""
        self.after_step: RandomStates | None = None
        self.stopping: str | None = None
        """Why training stops as soon as the loss of the step that has just ended is logged."""

    def restore(self, step: int) -> None:
        """Take over the log up to the step that training continues from."""
        self.first_step = step
        self.log.restore(step)
        self.seconds_before = max((entry.seconds for entry in self.log.entries), default=0.0)
        self.checkpoint_seconds_before = max((entry.checkpoint_seconds or 0 for entry in self.log.entries), default=0.0)
        self.skipped = SkippedSteps(max((entry.skipped_steps or 0 for entry in self.log.entries), default=0))
        self.saw_gradient = any(entry.grad_norm for entry in self.log.entries)

    @property
    def checkpoint_seconds(self) -> float:
        """What saving checkpoints took, over all starts."""
        return self.checkpoint_seconds_before + self.times.spent

    # --- figures -------------------------------------------------------------------------------------------------

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.started = time.monotonic()
        self.last_mark = (0.0, 0)
        self.times.begin()
        self.all_evaluations_seconds = 0.0
        step = state.global_step
        expect(state.max_steps, step)
        if step and step % int(args.eval_steps) == 0 and not self.log.has_evaluation(step):
            assert self.trainer is not None
            self.trainer.evaluate()  # a stop interrupted this evaluation, and its adapter may be a candidate

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if logs and "loss" in logs:
            self._note_loss(logs, state)
            if self.stopping is not None:
                self.stop_now(state, self.stopping)
        elif logs and "eval_loss" in logs:
            self._note_evaluation(logs["eval_loss"], state.global_step)

    def _note_loss(self, logs: dict[str, float], state: TrainerState) -> None:
        self.require_convergence(logs["loss"], state.global_step, "loss")
        assert self.trainer is not None
        seconds, tokens = time.monotonic() - self.started, self.trainer.tokens_seen
        marked_seconds, marked_tokens = self.last_mark
        self.last_mark = (seconds, tokens)
        done = state.global_step - self.first_step
        entry = LogEntry(
            step=state.global_step,
            loss=logs["loss"],
            learning_rate=logs.get("learning_rate"),
            grad_norm=logs.get("grad_norm"),
            skipped_steps=self.skipped.total or None,
            tokens_per_second=round((tokens - marked_tokens) / max(seconds - marked_seconds, 1e-9), 1),
            eta_seconds=round(seconds / max(done, 1) * (state.max_steps - state.global_step), 1),
            checkpoint_seconds=round(self.checkpoint_seconds, 2) or None,
            gpu_reserved_bytes=torch.cuda.memory_reserved() if torch.cuda.is_initialized() else None,
            workers=self.trainer.team.workers if self.trainer.team else None,
            held=self.held if self.held != "whole" else None,
            seconds=round(self.seconds_before + seconds, 2),
        )
        log.info(
            "stage=train step=%d of=%d loss=%.4f learning_rate=%.2e tokens_per_second=%.0f eta_seconds=%.0f%s",
            entry.step,
            state.max_steps,
            logs["loss"],
            entry.learning_rate or 0.0,
            entry.tokens_per_second,
            entry.eta_seconds,
            f" skipped_steps={entry.skipped_steps}" if entry.skipped_steps else "",
        )
        self.log.append(entry)

    def _note_evaluation(self, loss: float, step: int) -> None:
        seconds = time.monotonic() - self.started
        self.require_convergence(loss, step, "eval_loss")
        log.info("stage=train step=%d eval_loss=%.4f", step, loss)
        if not self.log.has_evaluation(step):
            self.log.append(
                LogEntry(
                    step=step,
                    eval_loss=loss,
                    checkpoint_seconds=round(self.checkpoint_seconds, 2) or None,
                    seconds=round(self.seconds_before + seconds, 2),
                )
            )
        if step:
            assert self.trainer is not None
            with saving():
                self.candidates.keep(self.trainer.model, loss, step)

    def keep_row_losses(self, sums: Sequence[float], step: int) -> None:
        """For the probe: of the base model and of the candidates."""
        kept = {0, *(one["step"] for one in self.candidates.kept())}
        if step in kept:
            row_losses.write(self.row_losses, step, sums, keep=kept)

    def require_convergence(self, loss: float, step: int, name: str) -> None:
        """Raises Diverged (63) for a loss that is not finite, or worse than twice that of guessing."""
        if not math.isfinite(loss) and step == 0:
            raise Diverged(
                f"Before any training the base model's own loss is {loss}.",
                remedy="Set FINETUNE_TRAIN_PRECISION=float32 in a new FINETUNE_OUTPUT_DIR; if that changes nothing, the "
                "model's weights are damaged: check FINETUNE_MODEL_BASE.",
            )
        if not math.isfinite(loss):
            raise Diverged(f"Training diverged: {name} is {loss} at step {step}.")
        if loss > self.worst_loss and step == 0:
            raise Diverged(
                f"Before any training the base model's own loss is {loss:.2f}, more than twice that of guessing every token.",
                remedy="Check FINETUNE_MODEL_BASE (are its weights trained, and for such text?) and its chat template "
                "(FINETUNE_MODEL_CHAT_TEMPLATE_FILE), in a new FINETUNE_OUTPUT_DIR.",
            )
        if loss > self.worst_loss:
            raise Diverged(
                f"Training diverged: {name} is {loss:.2f} at step {step}, more than twice that of guessing every token."
            )

    # --- a step ---------------------------------------------------------------------------------------

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        assert self.trainer is not None
        self.skipped.begin(self.trainer.accelerator.scaler)
        if not self.saw_gradient:
            gradients = [parameter.grad for parameter in self.trainer.model.parameters() if parameter.grad is not None]
            self.saw_gradient = bool(gradients) and bool(torch.stack([one.any() for one in gradients]).any())

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called after transformers has set what the step's number asks for: evaluation, checkpoint, end of training."""
        assert self.trainer is not None
        advance("steps")
        if self.start_seconds is None:
            self._note_start()
        self.after_step = RandomStates()
        self.skipped.end(self.trainer.accelerator.scaler)
        if self.stop.requested:
            self._stop_once_logged(state, control)
        if self.forecast.deadline.is_set and not control.should_training_stop:
            self._keep_deadline(args, state, control)
        last = bool(control.should_training_stop)
        control.should_save = last or self.times.due(evaluation=bool(control.should_evaluate))

    def _note_start(self) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # once: the step has only been asked for
        parts = {name: round(seconds, 2) for name, seconds in PARTS.seconds().items()}
        self.start_seconds = StartSeconds(**parts, total=round(sum(parts.values()), 2))
        facts = " ".join(f"{name}={seconds}" for name, seconds in self.start_seconds.model_dump().items())
        log.info("stage=train first_step=done %s", facts)

    def note_evaluation_seconds(self, seconds: float) -> None:
        if seconds > 60 * self.times.minutes >= self.evaluation_seconds:
            log.warning(
                "stage=train evaluation_minutes=%.1f: a run that is killed during an evaluation repeats it, though no step; "
                "lower FINETUNE_DATA_EVAL_FRACTION to shorten it",
                seconds / 60,
            )
        self.evaluation_seconds = seconds
        self.all_evaluations_seconds += seconds

    def _keep_deadline(self, args: TrainingArguments, state: TrainerState, control: TrainerControl) -> None:
        """Say whether the run fits; end training while there is time for what has to follow. Raises Stopped (75)."""
        step, done = state.global_step, state.global_step - self.first_step
        stepping = time.monotonic() - self.started - self.all_evaluations_seconds - self.times.spent
        measured = Measured(stepping / max(done, 1), self.evaluation_seconds, self.times.longest)
        if done >= min(SAID_AFTER_STEPS, state.max_steps - self.first_step - 1):
            left = state.max_steps // int(args.eval_steps) - step // int(args.eval_steps)
            self.forecast.say(measured, step, state.max_steps, evaluations_left=left + bool(control.should_evaluate))
        if not self.forecast.must_end(measured, evaluation=bool(control.should_evaluate)):
            return
        minutes = self.forecast.deadline.minutes
        if self.forecast.deadline.action == "continue":
            self._stop_once_logged(state, control, f"The deadline of {minutes:g} minutes is near.")
            return
        log.warning(
            "stage=train step=%d of=%d stopped_early=true: the deadline of %g minutes leaves time for evaluation, saving, "
            "probe and push, but for no more steps; the learning rate has not reached the end of its schedule",
            step,
            state.max_steps,
            minutes,
        )
        self.stopped_early = True
        control.should_training_stop = control.should_evaluate = True

    # --- stopping ------------------------------------------------------------------------------------------------

    def _stop_once_logged(self, state: TrainerState, control: TrainerControl, reason: str = "") -> None:
        """The checkpoint holds a copy of the log: the loss of its step must be in it, if that step's is to be logged."""
        self.stopping = reason
        if not control.should_log:
            self.stop_now(state, reason)

    def stop_now(self, state: TrainerState, reason: str = "") -> NoReturn:
        """Save a checkpoint if there is anything new, and raise Stopped (75).

        The checkpoint holds the random states as they were when its last step ended. Dropout may have drawn since, and a new
        epoch's data loader draws before the first step: the run that goes on draws again.
        """
        assert self.trainer is not None
        if self.after_step:
            self.after_step.restore()
            self.trainer.save_now()
        step = state.global_step or self.first_step  # an evaluation before training knows of no step yet
        if not step:
            log.warning("stage=train step=0 stopped=true checkpoint=none")
            raise Stopped(
                f"{reason or 'Stopped.'} No training step was finished yet: the next start begins training anew."
            )
        log.warning("stage=train step=%d stopped=true checkpoint=saved", step)
        raise Stopped(f"{reason} Stopped at step {step}; its checkpoint is saved.".strip())
