"""The stage itself: load and attach, train from the newest whole checkpoint, save and check the best adapter."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from job.errors import Diverged
from job.hosts import disk
from job.hosts.cards import cards_of
from job.hosts.tracking import tracked
from job.modeling import round_trip
from job.modeling.adapter_file import WEIGHTS, is_untrained, load_lora_tensors
from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.modeling.config import attention_of
from job.modeling.files import fetch_files
from job.modeling.memory import Held
from job.modeling.sizes import Sizes
from job.modeling.tokenizer import load_tokenizer
from job.parallel.others import Others
from job.parallel.shares import Member
from job.parallel.team import Team
from job.results import Cleaned, Trained
from job.runs.deadline import Deadline
from job.runs.files import remove, replace_folder
from job.runs.folder import FileChanged
from job.runs.parts import PARTS
from job.runs.progress import saving
from job.runs.signals import StopRequest
from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
from job.training import adapter as adapters
from job.training import checkpoints
from job.training.arguments import arguments
from job.training.callbacks import Watch
from job.training.checkpoint_times import CheckpointTimes
from job.training.forecast import Forecast, Later
from job.training.intervals import doubts, steps_of
from job.training.memory_plan import release
from job.training.parallel.beginning import (
    SMALLER,
    gathered,
    held_by,
    prepared_together,
    request_of,
    smaller_next_time,
    team_pays,
)
from job.training.parallel.computing import facts
from job.training.preparation import Prepared, prepare
from job.training.rows import read_rows
from job.training.trainer import Float32AdapterTrainer

log = logging.getLogger("job.train")
ADAPTER = "train/adapter"
ZERO_GRADIENTS = (
    "every gradient of the adapter was exactly zero, so nothing was learned: set FINETUNE_TRAIN_PRECISION=float32, or look at "
    "FINETUNE_LORA_TARGETS"
)
ZERO_B = "no step changed what the model computes, the adapter's B is still zero: set FINETUNE_TRAIN_EPOCHS higher"


def train(
    cleaned: Cleaned,
    model: ModelSettings,
    lora: LoraSettings,
    settings: TrainSettings,
    *,
    token: str,
    root: Path,
    stop: StopRequest,
    deadline: Deadline | None = None,
    halved: bool = False,
    candidates: int = 1,
    others: Others | None = None,
) -> Trained:
    """From cleaned rows to a `train/adapter/` below `root` that a fresh process has loaded and compared, and to the tensors of
    `candidates` adapters. `others`: the other processes of this run, on other hosts.

    Continues from the newest whole checkpoint. `halved`: begin the memory plan with micro-batches of half the size.

    Raises MemoryExhausted (62), Diverged (63), DiskFull (73), the errors for failures of the Hub (66, 67, 76), and Stopped (75)
    on request or before the deadline.
    """
    began = time.monotonic()
    with PARTS.of("loading"):
        files = fetch_files(model, token, weights=True)
        tokenizer = load_tokenizer(files, model)
        chat = Chat(tokenizer)
        rows = read_rows(chat, root / cleaned.train_path, settings.loss_on, settings.max_tokens)
        eval_rows = read_rows(chat, root / cleaned.eval_path, settings.loss_on, settings.max_tokens)
    cards = cards_of(
        settings.devices,
        settings.batch_size,
        others.place.local_rank if others else None,
        on_gpu=torch.cuda.is_available(),
    )
    counts, capability = gathered(others, len(cards), settings)
    held = held_by(files, lora, settings, counts, capability)
    smaller = root / SMALLER
    halved = halved or smaller.exists()
    request = request_of(files, cleaned, model, lora, settings, root, held=held, halved=halved, capability=capability)
    with ExitStack() as exits:
        team = exits.enter_context(Team(request, cards, others, counts)) if sum(counts) > 1 else None
        load = partial(
            prepare,
            files,
            tokenizer,
            lora,
            settings,
            rows,
            eval_rows=eval_rows,
            allow_unquantized=model.allow_unquantized,
            halved=halved,
            member=Member(0, team.workers if team else 1),
            capability=capability,
        )
        if team and held != "whole":
            exits.enter_context(smaller_next_time(smaller, halved=halved))
            prepared = prepared_together(team, load, held)
        else:
            prepared = load()
        parameters = prepared.loaded.trainable_parameters
        needed = Sizes(parameters, 4 * parameters, 0, candidates).run_bytes
        disk.require_left(root, needed - disk.present_bytes(root), "checkpoints and adapter")
        later = _later(prepared, model.save_embedding, deadline or Deadline(), load_seconds=time.monotonic() - began)
        watch = Watch(
            root / "train",
            worst_loss=2 * math.log(prepared.loaded.forward.vocabulary_rows),  # twice that of guessing every token
            stop=stop,
            times=CheckpointTimes(settings.checkpoint_minutes),
            forecast=Forecast(deadline or Deadline(), later.seconds),
            candidates=candidates,
            held=held,
        )
        warnings = doubts(settings, steps_of(len(rows), settings))
        for warning in warnings:
            log.warning("stage=train doubt=true: %s", warning)
        chosen = settings.devices == "auto" and held == "whole"
        if team and chosen and not team_pays(prepared, rows[: settings.batch_size], team.workers):
            team.dismiss()
            team = None
        with PARTS.of("first_step"):  # whose end the trainer's callback notes
            trainer = _trainer(prepared, settings, rows, eval_rows, watch, team)
            if team:
                team.join(facts(prepared, rows, eval_rows), prepared.loaded.forward.device)
            with tracked(trainer, settings.report_to, root):
                fit = _fit(trainer)
        saved = _save(prepared, trainer, fit, model.save_embedding, root)
    if fit.untrained:
        warnings.append(fit.untrained)
    result = _result(cleaned, settings, prepared, trainer, fit, saved, warnings, root, held)
    precision, new_rows = prepared.precision.value, prepared.loaded.new_rows
    vocabulary_rows = prepared.loaded.forward.vocabulary_rows if new_rows else 0
    del trainer, prepared, watch
    release()  # a fresh process loads base and adapter now, and the probe after it
    found = round_trip.check(
        saved.expected,
        vocabulary_rows,
        files,
        root / f"{ADAPTER}.partial",
        dtype=precision,
        left_out=tokenizer.pad_token_id if new_rows and "embedding" not in saved.parts_bytes else None,
    )
    log.info("stage=train round_trip=true max_difference=%.2e tolerance=%.2e", found.max_difference, found.tolerance)
    replace_folder(root / f"{ADAPTER}.partial", root / ADAPTER)
    return result(round_trip=found)


def _later(prepared: Prepared, save_embedding: str, deadline: Deadline, *, load_seconds: float) -> Later:
    """What follows training, for its forecast. `load_seconds`: what loading and checking the base took."""
    loaded = prepared.loaded
    rows = {"full": loaded.forward.vocabulary_rows, "rows": loaded.new_rows, "none": 0}[save_embedding]
    width = loaded.forward.base.get_input_embeddings().weight.shape[1]
    adapter_bytes = 4 * (loaded.trainable_parameters + (rows * width if loaded.new_rows else 0))
    return Later(
        load_seconds=load_seconds,
        parameters=loaded.total_parameters,
        on_gpu=loaded.forward.device.type == "cuda",
        adapter_bytes=adapter_bytes,
        questions=deadline.questions,
        max_new_tokens=deadline.max_new_tokens,
        probe_seconds=deadline.probe_seconds,
        pushed_bytes=adapter_bytes if deadline.pushes else 0,
        forms=deadline.forms,
    )


def _trainer(
    prepared: Prepared,
    settings: TrainSettings,
    rows: list[Row],
    eval_rows: list[Row],
    watch: Watch,
    team: Team | None,
) -> Float32AdapterTrainer:
    folder, precision = watch.log.path.parent, prepared.precision.value
    return Float32AdapterTrainer(
        forward=prepared.loaded.forward,
        memory_plan=prepared.step.memory_plan,
        rows=rows,
        eval_rows=eval_rows,
        watch=watch,
        args=arguments(settings, folder / "checkpoints", precision, len(rows)),
        processing_class=prepared.loaded.tokenizer,
        team=team,
    )


@dataclass(frozen=True)
class Fit:
    """What the training loop returned."""

    first_step: int
    """The step that it continued from; 0 for a new run."""
    seconds: float
    mean_loss: float
    best_loss: float
    best_step: int
    untrained: str
    """Why the adapter is as it began; empty if it is not."""


def _fit(trainer: Float32AdapterTrainer) -> Fit:
    """All steps that are left, with an evaluation before the first and after the last.

    Raises Diverged (63) without a finite evaluation loss, FileChanged (68) if a candidate is no longer as it was kept, and
    Stopped (75).
    """
    watch = trainer.watch
    resume = _resume(watch, Path(trainer.args.output_dir))
    first_step = checkpoints.step_of(resume) if resume else 0
    watch.restore(first_step)
    with watch.stop.polled():
        if not watch.log.has_evaluation(0):
            trainer.evaluate()  # a new adapter changes nothing: this is the base model's loss
        if resume:
            log.info("stage=train resume_from_step=%d", first_step)
        output = trainer.train(resume_from_checkpoint=str(resume) if resume else None)
        if not watch.log.has_evaluation(trainer.state.global_step):
            trainer.evaluate()
        if watch.stop.requested:
            watch.stop_now(trainer.state)
    best_loss, best_step = watch.candidates.best()
    if not watch.candidates.is_whole() or (not best_step and any(map(math.isfinite, watch.log.eval_losses[1:]))):
        raise FileChanged(f"An adapter in {watch.candidates.folder} changed after it was written.")
    if not math.isfinite(best_loss):
        raise Diverged("Training ended without a single finite evaluation loss.")
    log.info("stage=train best_step=%d best_eval_loss=%.4f", best_step, best_loss)
    seconds = float(output.metrics.get("train_runtime", 0.0))
    untrained = ZERO_GRADIENTS if not watch.saw_gradient else ZERO_B
    untrained = untrained if is_untrained(trainer.model) else ""
    if untrained:
        log.warning("stage=train zero_gradients=%s: %s", str(not watch.saw_gradient).lower(), untrained)
    return Fit(first_step, seconds, float(output.training_loss), best_loss, best_step, untrained)


def _resume(watch: Watch, folder: Path) -> Path | None:
    """The newest whole checkpoint, with log and candidates as they were; None if training begins from the first step.

    Nothing else of an earlier start counts. Without its candidates a run would end in others, so it begins anew.
    """
    resume = checkpoints.newest_whole(folder)
    if resume and not watch.candidates.recover(resume):
        log.warning("stage=train candidates=lost: a file is broken, and no checkpoint holds it: training begins anew")
        for checkpoint in folder.glob("checkpoint-*"):
            remove(checkpoint)
        resume = None
    remove(watch.log.path)
    if not resume:
        remove(watch.candidates.folder)
        remove(watch.row_losses)
    elif (resume / watch.log.path.name).exists():
        shutil.copyfile(resume / watch.log.path.name, watch.log.path)
    return resume


@dataclass(frozen=True)
class Saved:
    """The adapter beside its place."""

    adapter_bytes: int
    files: list[str]
    parts_bytes: dict[str, int]
    expected: dict[str, torch.Tensor]
    """What a fresh process must compute with it."""


def _save(prepared: Prepared, trainer: Float32AdapterTrainer, fit: Fit, save_embedding: str, root: Path) -> Saved:
    """Write the adapter with the lowest loss to `train/adapter.partial/` below `root`."""
    loaded = prepared.loaded
    files, tokenizer, forward, new_rows = loaded.files, loaded.tokenizer, loaded.forward, loaded.new_rows
    load_lora_tensors(forward.model, trainer.watch.candidates.path(fit.best_step))
    forward.revert_optimizations()
    tuned = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    folder = root / f"{ADAPTER}.partial"
    with saving():
        parts = adapters.save(tuned, tokenizer, files, folder, new_rows=new_rows, save_embedding=save_embedding)
    rows = [row.ids for row in trainer.eval_rows[: round_trip.ROWS]]
    expected = trainer.together(
        len(rows), lambda: round_trip.expected_of(tuned, rows, new_rows if "embedding" in parts else 0)
    )
    names = sorted(path.name for path in folder.iterdir())
    return Saved((folder / WEIGHTS).stat().st_size, names, parts, expected)


def _result(
    cleaned: Cleaned,
    settings: TrainSettings,
    prepared: Prepared,
    trainer: Float32AdapterTrainer,
    fit: Fit,
    saved: Saved,
    warnings: list[str],
    root: Path,
    held: Held,
) -> Callable[..., Trained]:
    """All but the round trip, which nothing of this may outlive."""
    loaded, step, watch = prepared.loaded, prepared.step, trainer.watch
    epochs = round(trainer.state.epoch, 2) if watch.stopped_early else settings.epochs
    return partial(
        Trained,
        adapter_path=ADAPTER,
        adapter_files=saved.files,
        candidates=watch.candidates.results(root),
        log_path=watch.log.path.relative_to(root).as_posix(),
        base_revision=loaded.files.revision,
        precision=prepared.precision,
        attention=attention_of(loaded.files.config),
        steps=trainer.state.global_step,
        planned_steps=trainer.state.max_steps,
        stopped_early=watch.stopped_early,
        warmup_steps=int(trainer.args.warmup_steps),
        epochs=epochs,
        trainable_parameters=loaded.trainable_parameters,
        total_parameters=loaded.total_parameters,
        lora_targets=loaded.lora_targets,
        weights=loaded.weights,
        quantized_share=loaded.quantized_share,
        warnings=warnings,
        zero_gradients=bool(fit.untrained),
        base_eval_loss=watch.log.eval_losses[0],
        best_eval_loss=fit.best_loss,
        best_step=fit.best_step,
        final_train_loss=watch.log.losses[-1] if watch.log.losses else fit.mean_loss,
        train_seconds=round(watch.seconds_before + fit.seconds, 2),
        checkpoint_seconds=round(watch.checkpoint_seconds, 2),
        start_seconds=watch.start_seconds,
        train_tokens=round(cleaned.train_tokens * epochs),
        tokens_per_second=round(trainer.tokens_seen / fit.seconds, 1) if fit.seconds else 0.0,
        resumed_from_step=fit.first_step,
        dry_run=step.dry_run,
        overflowed=prepared.overflowed,
        skipped_steps=watch.skipped.total,
        optimizations=step.optimizations,
        workers=trainer.team.workers if trainer.team else 1,
        held=held,
        trained_by=watch.log.trained_by,
        mixed_gpus=trainer.team.mixed if trainer.team else "",
        batch_size=settings.batch_size,
        memory_plan=step.memory_plan.tried,
        micro_batch_tokens=step.memory_plan.candidate.tokens,
        checkpointing=step.memory_plan.candidate.checkpointing,
        peak_gpu_reserved_bytes=torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0,
        vocabulary_rows=loaded.forward.vocabulary_rows,
        new_rows=loaded.new_rows,
        pad_token=loaded.tokenizer.pad_token,
        adapter_bytes=saved.adapter_bytes,
        adapter_parts_bytes=saved.parts_bytes,
    )
