"""Base and adapter on the device, in a precision and a cut of the step that a real step has shown to work."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from job.errors import Diverged, JobError, SettingsError
from job.modeling.architecture import Architecture
from job.modeling.base import load_base, not_in_4_bits
from job.modeling.files import BaseFiles
from job.modeling.precision import DTYPES, choose_precision
from job.modeling.targets import shown, targets
from job.modeling.weights import count_weights, quantized_share, require_quantized
from job.results import Choice, DryRun, Optimization, WeightCount
from job.settings.fields import LoraSettings, TrainSettings
from job.training import adapter as adapters
from job.training.batching import Row
from job.training.dry_run import dry_run_step
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan, release
from job.training.optimizations.registry import OPTIMIZATIONS
from job.training.optimizations.self_test import SelfTest

log = logging.getLogger("job.train")


@dataclass(frozen=True)
class Ready:
    """Base and adapter on the device, in a precision and a cut that a real step has proven."""

    forward: Forward
    memory_plan: MemoryPlan
    precision: Choice
    dry_run: DryRun | None
    overflowed: DryRun | None
    optimizations: list[Optimization]
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
    optimizations: Sequence[str] = tuple(OPTIMIZATIONS),
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
        enabled, memory_plan, dry_run = _self_tested(
            forward, architecture, lora, settings, rows, eval_rows, optimizations
        )
        if dry_run:
            log.info(
                "dry_run %s", " ".join(f"{key}={value}" for key, value in dry_run.model_dump().items() if value != "")
            )
        if not dry_run or not dry_run.problem:
            return Ready(
                forward,
                memory_plan,
                precision,
                dry_run,
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
                f"One step on the longest rows fails in float32: {dry_run.problem}.",
                remedy="Set FINETUNE_TRAIN_LEARNING_RATE lower in a new FINETUNE_OUTPUT_DIR; if that changes nothing, the "
                "base model's weights are damaged: check FINETUNE_MODEL_BASE.",
            )
        log.warning("precision=%s failed in the dry run, going on in float32: %s", precision.value, dry_run.problem)
        overflowed = dry_run
        reason = (
            f"{precision.value} failed on the longest rows ({dry_run.tokens:,} tokens): {dry_run.problem}; largest value that "
            f"left a layer {dry_run.largest_activation:,.0f}"
        )
        precision = Choice(value="float32", reason=reason)
        del base, model, forward, memory_plan
        release()


def _self_tested(
    forward: Forward,
    architecture: Architecture,
    lora: LoraSettings,
    settings: TrainSettings,
    rows: Sequence[Row],
    eval_rows: Sequence[Row],
    optimizations: Sequence[str],
) -> tuple[list[Optimization], MemoryPlan, DryRun | None]:
    """Optimizations that pass their self-test, the memory plan, and the dry_run of the step that they take together.

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
    enabled = test.enable(optimizations)
    while True:
        memory_plan = MemoryPlan(forward, rows, batch_size=settings.batch_size, architecture=architecture, lora=lora)
        dry_run = memory_plan.select(partial(dry_run_step, forward, learning_rate=settings.learning_rate))
        if (dry_run and dry_run.problem) or not test.finite:
            return (
                enabled,
                memory_plan,
                dry_run,
            )  # in another precision once more, or the first evaluation says what is wrong
        problem = test.whole_step(memory_plan.candidate.tokens)
        memory_plan.forget_peak()
        if not problem:
            return enabled, memory_plan, dry_run
        if not forward.undo:
            raise JobError(
                f"A training step with {memory_plan.candidate} {problem}.",
                remedy="This base model cannot be trained here as it should be: choose another FINETUNE_MODEL_BASE, or a GPU "
                "on which no layer has to be computed again.",
            )
        log.warning("whole step %s: every optimization is reverted", problem)
        forward.revert_optimizations()
        enabled = [one.model_copy(update={"on": False, "reason": f"the whole step {problem}"}) for one in enabled]
