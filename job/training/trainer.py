"""TRL's SFTTrainer with what a batch job needs: a float32 adapter, steps cut to the card's memory, small checkpoints that are
complete, and a stop between micro-batches that loses nothing."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase, PrinterCallback
from trl import SFTConfig, SFTTrainer

from job.errors import Diverged
from job.modeling.adapter_file import lora_tensors
from job.modeling.batching import Row
from job.parallel.team import Team
from job.parallel.wire import Order
from job.training import checkpoints
from job.training.callbacks import Watch
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan
from job.training.parallel.computing import gradients_of, losses_of

log = logging.getLogger("job.train")
T = TypeVar("T")


class Float32AdapterTrainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer casts the trainable parameters of every quantized model to bfloat16 in its constructor (TRL 1.16.0).

    On a T4 the gradient scaler then meets bfloat16 gradients and stops the run; elsewhere small updates are rounded away.
    So the values from before the cast are restored, in float32.
    """

    def __init__(
        self,
        *,
        forward: Forward,
        memory_plan: MemoryPlan,
        rows: list[Row],
        eval_rows: list[Row],
        watch: Watch,
        args: SFTConfig,
        processing_class: PreTrainedTokenizerBase,
        team: Team | None = None,
    ) -> None:
        for name in ("_save", "_save_checkpoint"):  # undocumented methods, overridden below
            if not hasattr(SFTTrainer, name):
                log.warning(
                    "stage=train missing=%s: transformers' Trainer lacks it, so no run continues from a checkpoint",
                    name,
                )
        # not copies: the cast leaves these where they are, and there graphs read them
        before = {name: p.detach() for name, p in forward.model.named_parameters() if p.requires_grad}
        super().__init__(
            model=forward.model,
            args=args,
            train_dataset=Dataset.from_dict({"number": range(len(rows))}),
            eval_dataset=Dataset.from_dict({"number": range(len(eval_rows))}),
            # A batch is one optimizer step's rows: how they are cut is the memory plan's, and may change between two steps.
            data_collator=lambda batch: {
                "numbers": (numbers := [item["number"] for item in batch]),
                "rows": [rows[number] for number in numbers],
            },
            callbacks=[watch],
            processing_class=processing_class,
        )
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                parameter.data = before[name].float()
        self.remove_callback(PrinterCallback)  # our own log lines say the same
        self.forward = forward
        self.memory_plan = memory_plan
        self.eval_rows = eval_rows
        self.watch = watch
        self.team = team
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.tokens_seen = 0
        watch.trainer = self

    # --- a step --------------------------------------------------------------------------------------------------

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Gradients of the mean loss over all learned tokens of the step's rows, however the rows are cut and shared out."""
        rows = inputs["rows"]
        learned = max(sum(row.targets for row in rows), 1)
        self.tokens_seen += sum(len(row.ids) for row in rows)
        if self.team is None:
            return self._gradients(rows, learned)
        scaler = self.accelerator.scaler
        seed = self.args.seed * 1_000_003 + self.state.global_step
        order = Order("gradients", learned=learned, scale=scaler.get_scale() if scaler else 1.0, seed=seed)
        own = self.team.begin_gradients(self.parameters, rows, inputs["numbers"], order)
        loss = self.team.together(lambda: self._gradients(own, learned))
        return self.team.finish_gradients(self.parameters, loss)

    def _gradients(self, rows: Sequence[Row], learned: int) -> torch.Tensor:
        return gradients_of(
            self.forward,
            self.memory_plan,
            rows,
            learned,
            backward=self.accelerator.backward,
            between=self._stop_if_asked,
            step=self.state.global_step,
        )

    def _stop_if_asked(self) -> None:
        if self.watch.stop.requested:
            self.watch.stop_now(self.state)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The mean loss over all learned tokens of the evaluation rows, in batches of like lengths.

        A checkpoint that is due is saved before it: whatever an evaluation takes, a killed run repeats no step for it.
        """
        if self.control.should_save:
            self.save_now()
        began = time.monotonic()
        sums = self._eval_sums()
        metrics = {"eval_loss": math.fsum(sums) / max(sum(row.targets for row in self.eval_rows), 1)}
        self.watch.note_evaluation_seconds(time.monotonic() - began)
        self.log(metrics)
        self.watch.keep_row_losses(sums, self.state.global_step)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _eval_sums(self) -> list[float]:
        """The summed loss of each evaluation row."""
        compute = partial(
            losses_of, self.forward, self.memory_plan, between=self._stop_if_asked, step=self.state.global_step
        )
        if self.team is None:
            return compute(self.eval_rows)
        return self.team.losses(self.parameters, self.eval_rows, compute)

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted: the stock estimate wants padded tensors."""
        return 0

    def together(self, passes: int, work: Callable[[], T]) -> T:
        """Do work that passes so many times through the base, with the workers that hold it together."""
        if self.team is None or self.forward.lockstep is None:
            return work()
        return self.team.passes(self.parameters, passes, work)

    # --- files ---------------------------------------------------------------------------------------------------

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: TRL writes one into each checkpoint. The publishing stage writes the adapter's card."""

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """The adapter alone. The stock method adds the tokenizer, a pickle of all arguments, and in each checkpoint the
        embedding layer of an extended vocabulary (3.19 GB in float32 on Llama 3.2 3B)."""
        assert output_dir is not None
        tensors = lora_tensors(self.model)
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise Diverged(f"The adapter holds values that are not finite at step {self.state.global_step}.")
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(output_dir, save_embedding_layers=False)

    def _save_checkpoint(self, model: Any, *arguments: Any, **options: Any) -> None:
        """A checkpoint of the last whole optimizer step. One that was saved before an evaluation gets what that has changed."""
        checkpoint = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        with self.watch.times.saving():
            if (checkpoint / checkpoints.MANIFEST).exists():
                checkpoints.seal_again(checkpoint)
            else:
                super()._save_checkpoint(model, *arguments, **options)
                checkpoints.seal(checkpoint)

    def save_now(self) -> None:
        """The same, unless there is one."""
        if not (Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}" / checkpoints.MANIFEST).exists():
            self._save_checkpoint(self.model, None)
