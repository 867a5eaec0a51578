"""The stage itself: load, attach, train from the last whole checkpoint, keep the best, save, prove, put in place."""

from __future__ import annotations

import gc
import json
import logging
import math
import sys
from pathlib import Path

import torch
from datasets import Dataset
from transformers import PrinterCallback
from trl import SFTConfig

from job.errors import Diverged, MemoryExhausted, causes
from job.modeling.base import DTYPES, choose_precision, fetch_files, load_base, load_tokenizer
from job.modeling.chat import Chat, Tokens
from job.results import Cleaned, Trained
from job.rundir import replace_folder
from job.settings import LoraSettings, ModelSettings, TrainSettings
from job.stopping import StopRequest
from job.training import adapter as adapters
from job.training import checkpoints
from job.training.trainer import Float32AdapterTrainer, Watch

log = logging.getLogger("job.train")
OPTIMIZERS = {"adamw": "adamw_torch", "paged_adamw_32bit": "paged_adamw_32bit"}
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
READBACK_ROWS, READBACK_TOKENS = 4, 128


def train(
    cleaned: Cleaned,
    model: ModelSettings,
    lora: LoraSettings,
    settings: TrainSettings,
    *,
    token: str,
    root: Path,
    stop: StopRequest,
) -> Trained:
    """From cleaned rows to a proven `adapter/` below `root`.

    Continues from the newest whole checkpoint. Raises MemoryExhausted (62), Diverged (63), what the Hub's failures
    mean (66, 67, 76), and Stopped (75) after a checkpoint was saved.
    """
    folder = root / "train"
    files = fetch_files(model, token, weights=True)
    tokenizer = load_tokenizer(files, model)
    precision = choose_precision(settings.precision)
    log.info("precision=%s reason=%r base=%s", precision.value, precision.reason, files.name)
    base = load_base(files, tokenizer, DTYPES[precision.value])
    vocabulary_rows = base.get_input_embeddings().weight.shape[0]
    new_rows = vocabulary_rows - _published_rows(files.folder)
    peft_model = adapters.attach(base, lora, settings.seed)
    trainable, total = peft_model.get_nb_trainable_parameters()
    log.info("trainable_parameters=%d share=%.4f", trainable, trainable / total)

    chat = Chat(tokenizer)
    train_rows = _tokens(chat, root / cleaned.train_path)
    eval_rows = _tokens(chat, root / cleaned.eval_path)
    watch = Watch(folder, worst_loss=2 * math.log(vocabulary_rows), stop=stop)
    arguments = _arguments(settings, folder / "checkpoints", precision.value, len(train_rows))
    trainer = Float32AdapterTrainer(
        model=peft_model,
        args=arguments,
        train_dataset=_dataset(train_rows, settings.loss),
        eval_dataset=_dataset(eval_rows, settings.loss),
        processing_class=tokenizer,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)  # our log lines say the same, in one form
    watch.trainer = trainer
    resume = checkpoints.newest_whole(folder / "checkpoints")
    first_step = checkpoints.step_of(resume) if resume else 0
    watch.restore(first_step)
    try:
        with stop.polled():
            if not watch.has_evaluation(0):
                trainer.evaluate()  # a new adapter changes nothing: this is the base model's loss
            if resume:
                log.info("resume_from_step=%d", first_step)
            output = trainer.train(resume_from_checkpoint=str(resume) if resume else None)
            if not watch.has_evaluation(trainer.state.global_step):
                trainer.evaluate()
            if stop.requested:
                watch.stop_now(trainer.state)
    except Exception as error:
        if any(isinstance(cause, torch.OutOfMemoryError) for cause in causes(error)):
            raise _out_of_memory(trainer.state.global_step, settings.max_tokens) from error
        raise
    best_loss, best_step = watch.best()
    if not math.isfinite(best_loss):
        raise Diverged("Training ended without one finite evaluation loss.")
    adapters.load_lora_tensors(peft_model, folder / "best" / f"adapter-{best_step}.safetensors")
    log.info("best_step=%d best_eval_loss=%.4f", best_step, best_loss)
    unwrapped = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    partial = root / "adapter.partial"
    parts = adapters.save(unwrapped, tokenizer, files, partial, new_rows=new_rows, save_embedding=model.save_embedding)
    proof = adapters.prove(
        unwrapped,
        [row.ids[:READBACK_TOKENS] for row in eval_rows[:READBACK_ROWS]],
        files,
        partial,
        dtype=precision.value,
        vocabulary_rows=vocabulary_rows if new_rows else 0,
    )
    log.info("readback=true max_difference=%.2e tolerance=%.2e", proof.difference, proof.tolerance)
    replace_folder(partial, root / "adapter")

    losses = [entry.loss for entry in watch.entries if entry.loss is not None]
    seconds = float(output.metrics.get("train_runtime", 0.0))
    result = Trained(
        adapter_path="adapter",
        base_revision=files.revision,
        precision=precision,
        steps=trainer.state.global_step,
        epochs=settings.epochs,
        trainable_parameters=trainable,
        total_parameters=total,
        base_eval_loss=next(entry.eval_loss for entry in watch.entries if entry.eval_loss is not None),
        best_eval_loss=best_loss,
        best_step=best_step,
        final_train_loss=losses[-1] if losses else float(output.training_loss),
        train_seconds=round(watch.seconds_before + seconds, 2),
        train_tokens=round(cleaned.train_tokens * settings.epochs),
        tokens_per_second=round(watch.tokens_seen / seconds, 1) if seconds else 0.0,
        resumed_from_step=first_step,
        micro_batch_rows=arguments.per_device_train_batch_size,
        accumulation_steps=arguments.gradient_accumulation_steps,
        peak_gpu_bytes=torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0,
        vocabulary_rows=vocabulary_rows,
        pad_token=tokenizer.pad_token,
        adapter_bytes=(root / "adapter" / adapters.WEIGHTS).stat().st_size,
        adapter_parts_bytes=parts,
        readback_max_difference=proof.difference,
        readback_tolerance=proof.tolerance,
    )
    del trainer, unwrapped, peft_model, base, watch
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # the probe loads base and adapter anew
    return result


def _published_rows(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text("utf-8"))["vocab_size"])


def _tokens(chat: Chat, path: Path) -> list[Tokens]:
    with path.open(encoding="utf-8") as file:
        return chat.rows([json.loads(line) for line in file])


def _dataset(rows: list[Tokens], loss: str) -> Dataset:
    """`labels` is -100 where nothing is learned: on the prompt, unless the loss is on the whole text."""
    skip = [row.prompt_length if loss == "answer" else 0 for row in rows]
    return Dataset.from_dict(
        {
            "input_ids": [row.ids for row in rows],
            "labels": [[-100] * n + row.ids[n:] for n, row in zip(skip, rows, strict=True)],
        }
    )


def micro_batch(batch_size: int, most: int) -> int:
    """The largest divisor of the effective batch that is at most `most`."""
    return max(rows for rows in range(1, min(batch_size, most) + 1) if batch_size % rows == 0)


def _arguments(settings: TrainSettings, folder: Path, precision: str, train_rows: int) -> SFTConfig:
    cuda = torch.cuda.is_available()
    rows = micro_batch(settings.batch_size, 4 if cuda else 16)
    steps = math.ceil(math.ceil(train_rows / settings.batch_size) * settings.epochs)
    if settings.warmup_steps >= steps:
        log.warning(
            "warmup_steps=%d steps=%d: the learning rate never reaches its peak; lower FINETUNE_TRAIN_WARMUP_STEPS",
            settings.warmup_steps,
            steps,
        )
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=rows,
        per_device_eval_batch_size=rows,
        gradient_accumulation_steps=settings.batch_size // rows,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_steps,
        lr_scheduler_type=SCHEDULES[settings.schedule],
        optim=OPTIMIZERS[settings.optimizer],
        max_grad_norm=settings.max_grad_norm,
        fp16=precision == "float16",
        bf16=precision == "bfloat16",
        gradient_checkpointing=cuda,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        logging_steps=settings.log_steps,
        logging_nan_inf_filter=False,  # it hides a NaN loss
        eval_strategy="steps",
        eval_steps=settings.eval_steps,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=settings.eval_steps,
        save_total_limit=2,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        disable_tqdm=not sys.stderr.isatty(),
        report_to="none",
        max_length=None,  # cleaning has dropped longer rows
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def _out_of_memory(step: int, max_tokens: int) -> MemoryExhausted:
    free, total = torch.cuda.mem_get_info()
    return MemoryExhausted(
        f"GPU memory ran out at step {step} ({(total - free) / 2**30:.1f} of {total / 2**30:.1f} GiB in use) "
        f"with rows of up to {max_tokens} tokens.",
        remedy=f"Set FINETUNE_TRAIN_MAX_TOKENS below {max_tokens}, or use a GPU with more memory.",
    )
