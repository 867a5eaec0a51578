"""The settings of a run as TRL's arguments."""

from __future__ import annotations

from pathlib import Path

import torch
from trl import SFTConfig

from job.settings.fields import TrainSettings
from job.training.intervals import intervals, steps_of

OPTIMIZERS = {"adamw": "adamw_torch_fused", "paged_adamw_32bit": "paged_adamw_32bit"}
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


def arguments(settings: TrainSettings, folder: Path, precision: str, train_rows: int) -> SFTConfig:
    """`folder`: for the checkpoints."""
    found = intervals(settings, steps_of(train_rows, settings))
    made = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,  # one step's rows; Float32AdapterTrainer cuts them
        learning_rate=settings.learning_rate,
        warmup_steps=found.warmup_steps,
        lr_scheduler_type=SCHEDULES[settings.lr_scheduler],
        optim=OPTIMIZERS[settings.optimizer],
        max_grad_norm=settings.max_grad_norm,
        fp16=precision == "float16",
        bf16=precision == "bfloat16",
        gradient_checkpointing=False,  # the memory plan's; True would switch it on in every layer
        logging_steps=found.log_steps,
        logging_nan_inf_filter=False,  # it hides a NaN loss
        eval_strategy="steps",
        eval_steps=found.eval_steps,
        save_strategy="steps",
        save_steps=found.eval_steps,
        save_total_limit=2,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        disable_tqdm=True,  # the watching process draws the one bar
        report_to="none",
        max_length=None,  # cleaning has dropped longer rows
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    if (
        made.n_gpu > 1
    ):  # a leader sees the cards of all its workers, and transformers would wrap the model in DataParallel
        made._n_gpu = 1
    return made
