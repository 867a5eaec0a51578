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
from job.results import Choice, Lever, Proof, WeightCount
from job.settings.fields import LoraSettings, TrainSettings
from job.training import adapter as adapters
from job.training.batching import Row
from job.training.dry_run import trial
from job.training.forward import Forward
from job.training.memory_plan import Ladder, release
from job.training.optimizations.registry import LEVERS
from job.training.optimizations.self_test import SelfTest

log = logging.getLogger("job.train")


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
