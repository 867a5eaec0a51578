"""The stage itself: load, attach, train from the last whole checkpoint, keep the best, save, prove, put in place."""

from __future__ import annotations

import gc
import json
import logging
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig

from job.errors import Diverged, JobError, SettingsError
from job.modeling.architecture import (
    Architecture,
    count_weights,
    quantized_share,
    require_quantized,
    shown,
    targets,
)
from job.modeling.base import (
    DTYPES,
    BaseFiles,
    attention_of,
    choose_precision,
    fetch_files,
    load_base,
    load_tokenizer,
    not_in_4_bits,
)
from job.modeling.chat import Chat
from job.results import Choice, Cleaned, Lever, Proof, Trained, WeightCount
from job.rundir import replace_folder
from job.settings import LoraSettings, ModelSettings, TrainSettings
from job.stopping import StopRequest
from job.training import adapter as adapters
from job.training import checkpoints
from job.training.batching import Row
from job.training.forward import Forward
from job.training.ladder import Ladder, release
from job.training.levers import LEVERS, SelfTest
from job.training.trainer import Float32AdapterTrainer, Watch
from job.training.trial import trial

log = logging.getLogger("job.train")
OPTIMIZERS = {"adamw": "adamw_torch_fused", "paged_adamw_32bit": "paged_adamw_32bit"}
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
    chat = Chat(tokenizer)
    train_rows = _rows(chat, root / cleaned.train_path, settings.loss)
    eval_rows = _rows(chat, root / cleaned.eval_path, settings.loss)
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
        ladder=ready.ladder,
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
    ready.forward.take_levers_back()
    unwrapped = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    partial = root / "adapter.partial"
    parts = adapters.save(
        unwrapped, tokenizer, files, partial, new_rows=ready.new_rows, save_embedding=model.save_embedding
    )
    proof = adapters.prove(
        unwrapped,
        [row.ids[:READBACK_TOKENS] for row in eval_rows[:READBACK_ROWS]],
        files,
        partial,
        dtype=precision.value,
        new_rows=ready.new_rows,
        save_embedding=model.save_embedding,
        pad_token=tokenizer.pad_token_id,
    )
    log.info("readback=true max_difference=%.2e tolerance=%.2e", proof.difference, proof.tolerance)
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
        proof=ready.proof,
        overflowed=ready.overflowed,
        skipped_steps=watch.skipped_steps,
        levers=ready.levers,
        batch_size=settings.batch_size,
        ladder=ready.ladder.tried,
        micro_batch_tokens=ready.ladder.rung.tokens,
        checkpointing=ready.ladder.rung.checkpointing,
        peak_gpu_bytes=torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0,
        vocabulary_rows=vocabulary_rows,
        pad_token=tokenizer.pad_token,
        adapter_bytes=(root / "adapter" / adapters.WEIGHTS).stat().st_size,
        adapter_parts_bytes=parts,
        readback_max_difference=proof.difference,
        readback_tolerance=proof.tolerance,
        readback_cpu_kernel_difference=proof.cpu_kernel_difference,
        readback_cpu_kernel_error=proof.cpu_kernel_error,
    )
    del trainer, unwrapped, peft_model, ready, watch
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # the probe loads base and adapter anew
    return result


@dataclass(frozen=True)
class Ready:
    """Base and adapter on the device, in a precision and a cut that a real step has proven."""

    forward: Forward
    ladder: Ladder
    precision: Choice
    proof: Proof | None
    overflowed: Proof | None
    levers: list[Lever]
    new_rows: int
    """By which the vocabulary was extended."""
    weights: list[WeightCount]
    quantized_share: float
    lora_targets: list[str]


def prepare(
    files: BaseFiles,
    tokenizer: Any,
    lora: LoraSettings,
    settings: TrainSettings,
    rows: list[Row],
    *,
    eval_rows: Sequence[Row] = (),
    levers: Sequence[str] = tuple(LEVERS),
    allow_unquantized: bool = False,
) -> Ready:
    """Load, attach, choose optimizations, precision and memory plan. Where 16 bits overflow on the longest rows, everything
    once more in float32.

    Raises MemoryExhausted (62), Diverged (63) where float32 is not finite either, and SettingsError (64) for a base of which
    too little can be quantized.
    """
    architecture = Architecture.read(files.folder, files.name)
    precision = choose_precision(
        settings.precision,
        architecture.config.model_type,
        torch.cuda.get_device_capability() if torch.cuda.is_available() else None,
    )
    overflowed = None
    while True:
        log.info("precision=%s reason=%r base=%s", precision.value, precision.reason, files.name)
        base = load_base(files, tokenizer, DTYPES[precision.value])
        weights, share = count_weights(base), quantized_share(base)
        for count in weights:
            log.info("weights=%r dtype=%s parameters=%d", count.kind, count.dtype, count.parameters)
        require_quantized(base, files.name, allowed=allow_unquantized)
        model = adapters.attach(base, lora, settings.seed, files.name)
        forward = Forward(model, precision=precision.value, pad_token=tokenizer.pad_token_id)
        enabled, ladder, proof = _proven(forward, architecture, lora, settings, rows, eval_rows, levers)
        if proof:
            log.info("proof %s", " ".join(f"{key}={value}" for key, value in proof.model_dump().items() if value != ""))
        if not proof or not proof.problem:
            return Ready(
                forward,
                ladder,
                precision,
                proof,
                overflowed,
                enabled,
                new_rows=base.get_input_embeddings().weight.shape[0]
                - architecture.model.get_input_embeddings().weight.shape[0],
                weights=weights,
                quantized_share=share,
                lora_targets=shown(targets(architecture.model, lora.targets, files.name), architecture.model),
            )
        if precision.value == "float32":
            raise Diverged(
                f"One step on the longest rows fails in float32: {proof.problem}.",
                remedy="Set FINETUNE_TRAIN_LEARNING_RATE lower in a new FINETUNE_OUTPUT_DIR; if that changes nothing, the "
                "base model's weights are damaged: check FINETUNE_MODEL_BASE.",
            )
        log.warning("precision=%s failed its proof, going on in float32: %s", precision.value, proof.problem)
        overflowed = proof
        reason = (
            f"{precision.value} failed on the longest rows ({proof.tokens:,} tokens): {proof.problem}; largest value that "
            f"left a layer {proof.largest_activation:,.0f}"
        )
        precision = Choice(value="float32", reason=reason)
        del base, model, forward, ladder
        release()


def _proven(
    forward: Forward,
    architecture: Architecture,
    lora: LoraSettings,
    settings: TrainSettings,
    rows: Sequence[Row],
    eval_rows: Sequence[Row],
    levers: Sequence[str],
) -> tuple[list[Lever], Ladder, Proof | None]:
    """Optimizations that pass their self-test, the memory plan, and the proof of the step that they take together.

    Where all of them as one step differ from the reference path, all are reverted and the step is taken on that path.
    """
    try:
        test = SelfTest(forward, [*rows, *eval_rows])
    except (torch.OutOfMemoryError, JobError):
        raise
    except (
        Exception
    ) as error:  # the reference path is transformers' and peft's alone, so it is the base that they cannot train
        if "CUDA" in str(error):  # a card that fails is no wrong setting
            raise
        raise not_in_4_bits(architecture.name, error) from error
    if test.entangled:
        raise SettingsError(
            [
                f"FINETUNE_MODEL_BASE: what {architecture.name} says of a row depends on the rows beside it "
                f"({test.entangled}), so that training would depend on how a step is cut; choose another model, or a lower "
                "FINETUNE_TRAIN_MAX_TOKENS where its rotary embedding changes with the length"
            ]
        )
    enabled = test.enable(levers)
    while True:
        ladder = Ladder(forward, rows, batch_size=settings.batch_size, architecture=architecture, lora=lora)
        proof = ladder.climb(partial(trial, forward, learning_rate=settings.learning_rate))
        if (proof and proof.problem) or not test.finite:
            return enabled, ladder, proof  # in another precision once more, or the first evaluation says what is wrong
        problem = test.whole_step(ladder.rung.tokens)
        ladder.forget_peak()
        if not problem:
            return enabled, ladder, proof
        if not forward.undo:
            raise JobError(
                f"A training step with {ladder.rung} {problem}.",
                remedy="This base model cannot be trained here as it should be: choose another FINETUNE_MODEL_BASE, or a GPU "
                "on which no layer has to be computed again.",
            )
        log.warning("whole step %s: every optimization is reverted", problem)
        forward.take_levers_back()
        enabled = [one.model_copy(update={"on": False, "reason": f"the whole step {problem}"}) for one in enabled]


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
        lr_scheduler_type=SCHEDULES[settings.schedule],
        optim=OPTIMIZERS[settings.optimizer],
        max_grad_norm=settings.max_grad_norm,
        fp16=precision == "float16",
        bf16=precision == "bfloat16",
        gradient_checkpointing=False,  # the ladder's; True would switch it on in every layer
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
