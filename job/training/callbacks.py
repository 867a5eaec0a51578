"""What watches a training: the log, the best adapter, a diverging loss, a request to stop."""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from safetensors.torch import save_file
from transformers import TrainerCallback

from job.errors import Diverged, Stopped
from job.results import LogEntry
from job.runs.folder import write_json
from job.runs.signals import StopRequest
from job.training.adapter import lora_tensors

log = logging.getLogger("job.train")

if TYPE_CHECKING:
    from job.training.trainer import Float32AdapterTrainer


class Watch(TrainerCallback):  # type: ignore[misc]
    """Writes train/log.jsonl, keeps the best adapter, stops on divergence and on request."""

    def __init__(self, folder: Path, *, worst_loss: float, stop: StopRequest) -> None:
        self.folder = folder
        self.log_path = folder / "log.jsonl"
        self.worst_loss = worst_loss
        self.stop = stop
        self.trainer: Float32AdapterTrainer | None = None
        self.entries: list[LogEntry] = []
        self.started = time.monotonic()
        self.seconds_before = 0.0
        self.skipped_steps = 0
        self.last_mark = (0.0, 0)
        self.first_step = 0

    # --- the log -------------------------------------------------------------------------------------------------

    def restore(self, step: int) -> None:
        """Take over the log up to the step that training goes on from; later lines will be written again."""
        self.first_step = step
        self.entries = [entry for entry in read_log(self.log_path) if entry.step <= step]
        self.seconds_before = max((entry.seconds for entry in self.entries), default=0.0)
        self.skipped_steps = max((entry.skipped_steps or 0 for entry in self.entries), default=0)
        self._write()

    def has_evaluation(self, step: int) -> bool:
        return any(entry.step == step and entry.eval_loss is not None for entry in self.entries)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.started = time.monotonic()
        self.last_mark = (0.0, 0)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        logs = logs or {}
        seconds = time.monotonic() - self.started
        if "loss" in logs:
            self._check(logs["loss"], state.global_step, "loss")
            assert self.trainer is not None
            tokens = self.trainer.tokens_seen
            marked_seconds, marked_tokens = self.last_mark
            self.last_mark = (seconds, tokens)
            done = state.global_step - self.first_step
            entry = LogEntry(
                step=state.global_step,
                loss=logs["loss"],
                learning_rate=logs.get("learning_rate"),
                grad_norm=logs.get("grad_norm"),
                skipped_steps=self.skipped_steps or None,
                tokens_per_second=round((tokens - marked_tokens) / max(seconds - marked_seconds, 1e-9), 1),
                eta_seconds=round(seconds / max(done, 1) * (state.max_steps - state.global_step), 1),
                seconds=round(self.seconds_before + seconds, 2),
            )
            log.info(
                "stage=train step=%d of=%d loss=%.4f learning_rate=%.2e tokens_per_second=%.0f eta_seconds=%.0f",
                entry.step,
                state.max_steps,
                logs["loss"],
                entry.learning_rate or 0.0,
                entry.tokens_per_second,
                entry.eta_seconds,
            )
            self._append(entry)
        elif "eval_loss" in logs:
            self._check(logs["eval_loss"], state.global_step, "eval_loss")
            log.info("stage=train step=%d eval_loss=%.4f", state.global_step, logs["eval_loss"])
            if not self.has_evaluation(state.global_step):
                seconds += self.seconds_before
                self._append(LogEntry(step=state.global_step, eval_loss=logs["eval_loss"], seconds=round(seconds, 2)))
            if state.global_step:
                self._keep_best(logs["eval_loss"], state.global_step)

    def _check(self, loss: float, step: int, name: str) -> None:
        if not math.isfinite(loss) and step == 0:
            raise Diverged(
                f"The base model's own loss is {loss}, before any training.",
                remedy="Set FINETUNE_TRAIN_PRECISION=float32 in a new FINETUNE_OUTPUT_DIR; if that changes nothing, its "
                "weights are damaged: check FINETUNE_MODEL_BASE.",
            )
        if not math.isfinite(loss):
            raise Diverged(f"Training diverged: {name} is {loss} at step {step}.")
        if loss > self.worst_loss and step == 0:
            raise Diverged(
                f"The base model's own loss is {loss:.2f}, worse than twice that of guessing every token, before any training.",
                remedy="Check FINETUNE_MODEL_BASE (are its weights trained ones, for this text?) and its chat template "
                "(FINETUNE_MODEL_CHAT_TEMPLATE_FILE), in a new FINETUNE_OUTPUT_DIR.",
            )
        if loss > self.worst_loss:
            raise Diverged(
                f"Training diverged: {name} is {loss:.2f} at step {step}, worse than twice that of guessing every token."
            )

    def _append(self, entry: LogEntry) -> None:
        self.entries.append(entry)
        self._write()

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [entry.model_dump_json(exclude_none=True) for entry in self.entries]
        self.log_path.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    # --- the best adapter ----------------------------------------------------------------------------------------

    def best(self) -> tuple[float, int]:
        """(eval loss, step) of the adapter in `best/`; infinite where there is none."""
        try:
            facts = json.loads((self.folder / "best" / "best.json").read_text("utf-8"))
            return float(facts["eval_loss"]), int(facts["step"])
        except (OSError, ValueError, KeyError):
            return math.inf, 0

    def _keep_best(self, eval_loss: float, step: int) -> None:
        if eval_loss >= self.best()[0]:
            return
        assert self.trainer is not None
        folder = self.folder / "best"
        folder.mkdir(exist_ok=True)
        save_file(lora_tensors(self.trainer.model), folder / "next.safetensors")
        (folder / "next.safetensors").replace(folder / f"adapter-{step}.safetensors")
        write_json(folder / "best.json", {"eval_loss": eval_loss, "step": step, "file": f"adapter-{step}.safetensors"})
        for old in folder.glob("adapter-*.safetensors"):
            if old.name != f"adapter-{step}.safetensors":
                old.unlink()

    # --- stopping ------------------------------------------------------------------------------------------------

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        assert self.trainer is not None
        if self.trainer.accelerator.optimizer_step_was_skipped:
            self.skipped_steps += 1
            log.info(
                "stage=train step=%d skipped=true: gradients overflowed at float16's loss scale", state.global_step
            )
        if self.stop.requested:
            self.stop_now(state)

    def stop_now(self, state: Any) -> NoReturn:
        assert self.trainer is not None
        if state.global_step > self.first_step:
            self.trainer.save_now()
        log.warning("stage=train step=%d stopped=true checkpoint=saved", state.global_step)
        raise Stopped(f"Stopped at step {state.global_step}; its checkpoint is saved.")


def read_log(path: Path) -> list[LogEntry]:
    """The whole lines of train/log.jsonl; a torn last line is left out."""
    entries = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            entries.append(LogEntry.model_validate_json(line))
        except ValueError:
            continue
    return entries
