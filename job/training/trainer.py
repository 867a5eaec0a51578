"""TRL's SFTTrainer with what a batch job needs: a float32 adapter, steps cut to the card's memory, lean sealed checkpoints,
the best adapter kept, and a stop between micro-batches that loses nothing."""

from __future__ import annotations

import json
import logging
import math
import random
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy
import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from job.errors import Diverged, Stopped
from job.results import LogEntry
from job.rundir import write_json
from job.stopping import StopRequest
from job.training import checkpoints
from job.training.adapter import lora_tensors
from job.training.batching import Row
from job.training.forward import Forward
from job.training.ladder import Ladder

log = logging.getLogger("job.train")


class Float32AdapterTrainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer casts the trainable parameters of every quantized model to bfloat16 in its constructor (TRL 1.16.0).

    On a T4 the gradient scaler then meets bfloat16 gradients and stops the run; elsewhere small updates are rounded away.
    The values from before the cast are put back, in float32.
    """

    def __init__(
        self,
        *,
        forward: Forward,
        ladder: Ladder,
        rows: list[Row],
        eval_rows: list[Row],
        watch: Watch,
        args: SFTConfig,
        **more: Any,
    ) -> None:
        for name in ("_save", "_save_checkpoint"):  # without a documented name; what follows overrides them
            if not hasattr(SFTTrainer, name):
                log.warning(
                    "transformers' Trainer has no %s: checkpoints are its own, and no run continues from them", name
                )
        before = {name: p.detach().clone() for name, p in forward.model.named_parameters() if p.requires_grad}
        super().__init__(
            model=forward.model,
            args=args,
            train_dataset=Dataset.from_dict({"number": range(len(rows))}),
            eval_dataset=Dataset.from_dict({"number": range(len(eval_rows))}),
            # A batch is one optimizer step's rows: how they are cut is the ladder's, and may change between two steps.
            data_collator=lambda batch: {"rows": [rows[item["number"]] for item in batch]},
            callbacks=[watch],
            **more,
        )
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                parameter.data = before[name].float()
        self.remove_callback(PrinterCallback)  # our log lines say the same, in one form
        self.forward = forward
        self.ladder = ladder
        self.eval_rows = eval_rows
        self.watch = watch
        self.tokens_seen = 0
        watch.trainer = self

    # --- a step --------------------------------------------------------------------------------------------------

    def training_step(self, model: Any, inputs: dict[str, list[Row]], num_items_in_batch: Any = None) -> torch.Tensor:
        """Gradients of the mean loss over all learned tokens of the step's rows; the same in whatever way they are cut.

        Where memory runs out, the step begins again one rung lower; random numbers too, so that nothing was drawn twice.
        """
        rows = inputs["rows"]
        random_states = RandomStates()
        model.train()
        while True:
            try:
                return self._step(rows, random_states)
            except torch.OutOfMemoryError as error:
                log.warning(
                    "stage=train step=%d out_of_memory=%r", self.state.global_step, str(error).partition(". ")[0]
                )
            # Only here, after the traceback and with it the failed step's tensors are gone.
            self.model.zero_grad(set_to_none=True)
            random_states.restore()
            self.ladder.down(step=self.state.global_step, peak=torch.cuda.max_memory_reserved())

    def _step(self, rows: list[Row], random_states: RandomStates) -> torch.Tensor:
        learned = max(sum(row.targets for row in rows), 1)
        total = torch.zeros((), device=self.forward.device)
        for micro_batch in self.forward.cut(rows, self.ladder.rung.tokens):
            if self.watch.stop.requested:
                self.model.zero_grad(set_to_none=True)
                random_states.restore()
                self.watch.stop_now(self.state)
            loss = self.forward.loss_sum(micro_batch) / learned
            self.accelerator.backward(loss)
            total += loss.detach()
        self.tokens_seen += sum(len(row.ids) for row in rows)
        return total

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The mean loss over all learned tokens of the evaluation rows, in batches of like lengths."""
        while True:
            try:
                loss = self._mean_eval_loss()
                break
            except torch.OutOfMemoryError as error:
                log.warning("stage=train evaluation out_of_memory=%r", str(error).partition(". ")[0])
            self.ladder.down(step=self.state.global_step, peak=torch.cuda.max_memory_reserved())
        metrics = {"eval_loss": loss}
        self.log(metrics)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _mean_eval_loss(self) -> float:
        self.model.eval()
        losses = []
        with torch.no_grad():
            for micro_batch in self.forward.sorted_batches(self.eval_rows, self.ladder.rung.tokens):
                if self.watch.stop.requested:
                    self.watch.stop_now(self.state)
                losses.append(self.forward.loss_sum(micro_batch))
        learned = max(sum(row.targets for row in self.eval_rows), 1)
        return float(torch.stack(losses).double().sum()) / learned

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted: the stock estimate wants padded tensors."""
        return 0

    # --- files ---------------------------------------------------------------------------------------------------

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """TRL writes one into each checkpoint; the adapter's card is publishing's."""

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """The adapter alone. The stock method adds the tokenizer, a pickle of all arguments, and in each checkpoint the
        embedding layer of an extended vocabulary (3.19 GB in float32 on Llama 3.2 3B)."""
        assert output_dir is not None
        tensors = lora_tensors(self.model)
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise Diverged(f"The adapter holds values that are not finite at step {self.state.global_step}.")
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(output_dir, save_embedding_layers=False)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        checkpoints.seal(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")

    def save_now(self) -> None:
        """A checkpoint of the last whole optimizer step, outside the schedule."""
        if not (Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}" / checkpoints.MANIFEST).exists():
            self._save_checkpoint(self.model, trial=None)


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


class RandomStates:
    """Of every generator that a step may draw from, as they were."""

    def __init__(self) -> None:
        self.torch = torch.get_rng_state()
        self.numpy = numpy.random.get_state()
        self.python = random.getstate()
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    def restore(self) -> None:
        torch.set_rng_state(self.torch)
        numpy.random.set_state(self.numpy)
        random.setstate(self.python)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)


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
