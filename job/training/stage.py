"""The stage itself: load, attach, train from the last whole checkpoint, keep the best, save, prove, put in place."""

from __future__ import annotations

import gc
import json
import logging
import math
import sys
from pathlib import Path

import torch
from trl import SFTConfig

from job.errors import Diverged, SettingsError
from job.modeling.chat import Chat
from job.modeling.files import attention_of, fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.results import Cleaned, Trained
from job.runs.folder import replace_folder
from job.runs.signals import StopRequest
from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
from job.training import adapter as adapters
from job.training import checkpoints, round_trip
from job.training.batching import Row
from job.training.callbacks import Watch
from job.training.preparation import prepare
from job.training.trainer import Float32AdapterTrainer

log = logging.getLogger("job.train")
OPTIMIZERS = {"adamw": "adamw_torch_fused", "paged_adamw_32bit": "paged_adamw_32bit"}
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
ROUND_TRIP_ROWS, ROUND_TRIP_TOKENS = 4, 128


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
    chat = Chat(tokenizer)
    train_rows = _rows(chat, root / cleaned.train_path, settings.loss_on)
    eval_rows = _rows(chat, root / cleaned.eval_path, settings.loss_on)
    ready = prepare(
        files,
        tokenizer,
        lora,
        settings,
        train_rows,
        eval_rows=eval_rows,
        allow_unquantized=model.allow_unquantized,
    )
    precision, peft_model = ready.precision, ready.forward.model
    vocabulary_rows = peft_model.get_input_embeddings().weight.shape[0]
    trainable, total = peft_model.get_nb_trainable_parameters()
    log.info("trainable_parameters=%d share=%.4f", trainable, trainable / total)

    watch = Watch(folder, worst_loss=2 * math.log(vocabulary_rows), stop=stop)
    trainer = Float32AdapterTrainer(
        forward=ready.forward,
        memory_plan=ready.memory_plan,
        rows=train_rows,
        eval_rows=eval_rows,
        watch=watch,
        args=arguments(settings, folder / "checkpoints", precision.value, len(train_rows)),
        processing_class=tokenizer,
    )
    resume = checkpoints.newest_whole(folder / "checkpoints")
    first_step = checkpoints.step_of(resume) if resume else 0
    watch.restore(first_step)
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
    best_loss, best_step = watch.best()
    if not math.isfinite(best_loss):
        raise Diverged("Training ended without one finite evaluation loss.")
    adapters.load_lora_tensors(peft_model, folder / "best" / f"adapter-{best_step}.safetensors")
    log.info("best_step=%d best_eval_loss=%.4f", best_step, best_loss)
    ready.forward.revert_optimizations()
    unwrapped = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    partial = root / "adapter.partial"
    parts = adapters.save(
        unwrapped, tokenizer, files, partial, new_rows=ready.new_rows, save_embedding=model.save_embedding
    )
    found = round_trip.check(
        unwrapped,
        [row.ids[:ROUND_TRIP_TOKENS] for row in eval_rows[:ROUND_TRIP_ROWS]],
        files,
        partial,
        dtype=precision.value,
        new_rows=ready.new_rows,
        save_embedding=model.save_embedding,
        pad_token=tokenizer.pad_token_id,
    )
    log.info("round_trip=true max_difference=%.2e tolerance=%.2e", found.difference, found.tolerance)
    replace_folder(partial, root / "adapter")

    losses = [entry.loss for entry in watch.entries if entry.loss is not None]
    seconds = float(output.metrics.get("train_runtime", 0.0))
    result = Trained(
        adapter_path="adapter",
        base_revision=files.revision,
        precision=precision,
        attention=attention_of(files),
        steps=trainer.state.global_step,
        epochs=settings.epochs,
        trainable_parameters=trainable,
        total_parameters=total,
        lora_targets=ready.lora_targets,
        weights=ready.weights,
        quantized_share=ready.quantized_share,
        base_eval_loss=next(entry.eval_loss for entry in watch.entries if entry.eval_loss is not None),
        best_eval_loss=best_loss,
        best_step=best_step,
        final_train_loss=losses[-1] if losses else float(output.training_loss),
        train_seconds=round(watch.seconds_before + seconds, 2),
        train_tokens=round(cleaned.train_tokens * settings.epochs),
        tokens_per_second=round(trainer.tokens_seen / seconds, 1) if seconds else 0.0,
        resumed_from_step=first_step,
        dry_run=ready.dry_run,
        overflowed=ready.overflowed,
        skipped_steps=watch.skipped_steps,
        optimizations=ready.optimizations,
        batch_size=settings.batch_size,
        memory_plan=ready.memory_plan.tried,
        micro_batch_tokens=ready.memory_plan.candidate.tokens,
        checkpointing=ready.memory_plan.candidate.checkpointing,
        peak_gpu_reserved_bytes=torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0,
        vocabulary_rows=vocabulary_rows,
        pad_token=tokenizer.pad_token,
        adapter_bytes=(root / "adapter" / adapters.WEIGHTS).stat().st_size,
        adapter_parts_bytes=parts,
        round_trip_max_difference=found.difference,
        round_trip_tolerance=found.tolerance,
        round_trip_cpu_kernel_difference=found.cpu_kernel_difference,
        round_trip_cpu_kernel_error=found.cpu_kernel_error,
    )
    del trainer, unwrapped, peft_model, ready, watch
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # the probe loads base and adapter anew
    return result


def _rows(chat: Chat, path: Path, loss: str) -> list[Row]:
    """Raises SettingsError (64) for a row in which the end of the answer is not learned: the model would talk on."""
    with path.open(encoding="utf-8") as file:
        rows = chat.rows([json.loads(line) for line in file])
    for number, row in enumerate(rows, 1):
        if chat.stop_id not in row.ids[row.prompt_length :]:
            raise SettingsError(
                [
                    f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template does not end the answer of row {number} in "
                    f"{path.name} with {chat.stop_token}, as it does others; set one that ends every answer with it"
                ]
            )
    return [Row.of(row, loss) for row in rows]


def arguments(settings: TrainSettings, folder: Path, precision: str, train_rows: int) -> SFTConfig:
    cuda = torch.cuda.is_available()
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
        per_device_train_batch_size=settings.batch_size,  # one step's rows; Float32AdapterTrainer cuts them
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_steps,
        lr_scheduler_type=SCHEDULES[settings.lr_scheduler],
        optim=OPTIMIZERS[settings.optimizer],
        max_grad_norm=settings.max_grad_norm,
        fp16=precision == "float16",
        bf16=precision == "bfloat16",
        gradient_checkpointing=False,  # the memory plan's; True would switch it on in every layer
        logging_steps=settings.log_steps,
        logging_nan_inf_filter=False,  # it hides a NaN loss
        eval_strategy="steps",
        eval_steps=settings.eval_steps,
        save_strategy="steps",
        save_steps=settings.eval_steps,
        save_total_limit=2,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not cuda,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        disable_tqdm=not sys.stderr.isatty(),
        report_to="none",
        max_length=None,  # cleaning has dropped longer rows
        dataset_kwargs={"skip_prepare_dataset": True},
    )
