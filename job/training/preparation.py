"""Base and adapter on the device, in a precision and with a memory plan that a real step has shown to work."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from transformers import PreTrainedTokenizerBase

from job.errors import Diverged, JobError, SettingsError
from job.modeling.architecture import Architecture
from job.modeling.base import load_base
from job.modeling.batching import Row
from job.modeling.files import BaseFiles
from job.modeling.memory import Held
from job.modeling.precision import DTYPES, choose_precision, weakest_capability
from job.modeling.refusals import not_in_4_bits
from job.modeling.targets import shown, targets
from job.modeling.weights import count_weights, quantized_share, require_quantized
from job.parallel.shares import ALONE, Member
from job.results import Choice, DryRun, Optimization, WeightCount
from job.runs.parts import PARTS
from job.settings.fields import LoraSettings, TrainSettings
from job.training import adapter as adapters
from job.training import copies, graph_choice
from job.training.dry_run import dry_run_step
from job.training.forward import Forward
from job.training.memory_plan import MemoryPlan, release
from job.training.optimizations.kernels import compile_ahead
from job.training.optimizations.registry import OPTIMIZATIONS, Entry
from job.training.optimizations.self_test import SelfTest
from job.training.parallel.sharded import Sharing, load_sharded

log = logging.getLogger("job.train")


@dataclass(frozen=True)
class Loaded:
    """Base and adapter on the device."""

    files: BaseFiles
    tokenizer: PreTrainedTokenizerBase
    forward: Forward
    trainable_parameters: int
    total_parameters: int
    new_rows: int
    """Rows that were added to the vocabulary."""
    weights: list[WeightCount]
    quantized_share: float
    lora_targets: list[str]


@dataclass(frozen=True)
class Step:
    """How an optimizer step is computed, and what it showed on the longest rows."""

    optimizations: list[Optimization]
    memory_plan: MemoryPlan
    dry_run: DryRun | None
    """None on a CPU."""


@dataclass(frozen=True)
class Prepared:
    """Everything that training starts from."""

    loaded: Loaded
    step: Step
    precision: Choice
    overflowed: DryRun | None
    """The dry run that failed in 16 bits, if one did."""


def prepare(
    files: BaseFiles,
    tokenizer: PreTrainedTokenizerBase,
    lora: LoraSettings,
    settings: TrainSettings,
    rows: Sequence[Row],
    *,
    eval_rows: Sequence[Row] = (),
    optimizations: Sequence[Entry] = OPTIMIZATIONS,
    allow_unquantized: bool = False,
    halved: bool = False,
    sharing: Sharing | None = None,
    member: Member = ALONE,
    capability: tuple[int, int] | None = None,
) -> Prepared:
    """Load, attach, choose precision, optimizations and memory plan. Where 16 bits overflow on the longest rows, do it all
    again in float32. `sharing`: with the workers that hold the base together, which all call it. `member`: which worker of how
    many this is. `capability`: of the weakest card of all workers.

    Raises MemoryExhausted (62), Diverged (63) if float32 is not finite either, and SettingsError (64) for a base
    too little of which can be quantized, or that computes a row differently beside others.
    """
    architecture = Architecture.read(files.folder, files.name)
    known = [one for one in (weakest_capability(), capability) if one]
    precision = choose_precision(settings.precision, architecture.config.model_type, min(known, default=None))
    if torch.cuda.is_available():  # float32 is what the self-test compares in
        dtypes = dict.fromkeys((DTYPES[precision.value], torch.float32))
        compile_ahead(tuple(dtypes), torch.cuda.get_device_capability())
    overflowed = None
    while True:
        log.info("stage=train precision=%s reason=%r base=%s", precision.value, precision.reason, files.name)
        with PARTS.of("loading"):
            loaded = _load(
                files, tokenizer, architecture, lora, precision.value, settings.seed, allow_unquantized, sharing
            )
        with PARTS.of("self_test"):
            test = _self_test(loaded.forward, [*rows, *eval_rows], architecture.name, halved)
            enabled = test.enable(optimizations)
        with PARTS.of("memory_plan"):
            held = sharing.held if sharing else "whole"
            step = _choose_step(test, enabled, architecture, lora, settings, rows, halved, held, member)
        if not step.dry_run or not step.dry_run.problem:
            return Prepared(loaded, step, precision, overflowed)
        overflowed = step.dry_run
        precision = _fall_back_to_float32(precision, overflowed)
        loaded.forward.revert_optimizations()  # one of them changes a source file's function, for the next model too
        del loaded, test, step
        release()


def _load(
    files: BaseFiles,
    tokenizer: PreTrainedTokenizerBase,
    architecture: Architecture,
    lora: LoraSettings,
    precision: str,
    seed: int,
    allow_unquantized: bool,
    sharing: Sharing | None,
) -> Loaded:
    dtype, lockstep = DTYPES[precision], None
    if sharing:
        base, lockstep = load_sharded(files, tokenizer, dtype, sharing)
    else:
        base = load_base(files, tokenizer, dtype)
    weights, share = count_weights(base), quantized_share(base)
    for count in weights:
        log.info("stage=train weights=%r dtype=%s parameters=%d", count.kind, count.dtype, count.parameters)
    require_quantized(base, files.name, allowed=allow_unquantized)
    model = adapters.attach(base, lora, seed, files.name)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learned:  # peft puts it where the layer's weight is, which may be main memory
        parameter.data = parameter.data.to(base.get_input_embeddings().weight.device)
    trainable = sum(parameter.numel() for parameter in learned)
    total = trainable + sum(count.parameters for count in weights)
    log.info("stage=train trainable_parameters=%d share=%.4f", trainable, trainable / total)
    planned = architecture.model
    return Loaded(
        files,
        tokenizer,
        Forward(model, precision=precision, pad_token=tokenizer.pad_token_id, lockstep=lockstep),
        trainable_parameters=trainable,
        total_parameters=total,
        new_rows=base.get_input_embeddings().weight.shape[0] - planned.get_input_embeddings().weight.shape[0],
        weights=weights,
        quantized_share=share,
        lora_targets=shown(targets(planned, lora.targets, files.name), planned),
    )


def _self_test(forward: Forward, rows: Sequence[Row], name: str, halved: bool) -> SelfTest:
    """The reference gradients. Raises SettingsError (64) if the base cannot be trained, or mixes rows."""
    try:
        test = SelfTest(forward, rows, halved=halved)
    except (torch.OutOfMemoryError, JobError):
        raise
    except Exception as error:
        if "CUDA" in str(error):  # a failing card is not a wrong setting
            raise
        # the reference path is only transformers and peft, so this base is one that they cannot train
        raise not_in_4_bits(name, error) from error
    if test.interference:
        raise SettingsError(
            [
                f"FINETUNE_MODEL_BASE: what {name} computes for a row depends on the rows beside it ({test.interference}), so "
                "training would depend on how a step is cut; choose another model, or lower FINETUNE_TRAIN_MAX_TOKENS if "
                "its rotary embedding changes with the length"
            ]
        )
    return test


def _choose_step(
    test: SelfTest,
    enabled: list[Optimization],
    architecture: Architecture,
    lora: LoraSettings,
    settings: TrainSettings,
    rows: Sequence[Row],
    halved: bool,
    held: Held,
    member: Member,
) -> Step:
    """The memory plan, and a dry run of the step that the enabled optimizations make together.

    Where that step differs from the reference path, every optimization is reverted and the reference path takes the step.
    """
    forward = test.forward
    while True:
        memory_plan = MemoryPlan(
            forward,
            rows,
            batch_size=settings.batch_size,
            architecture=architecture,
            lora=lora,
            halved=halved,
            held=held,
        )
        dry_run = memory_plan.select(partial(dry_run_step, forward, learning_rate=settings.learning_rate))
        if dry_run and not forward.all_say(not dry_run.problem) and not dry_run.problem:
            dry_run = dry_run.model_copy(update={"problem": "the step of another worker failed"})
        if dry_run:
            facts = " ".join(f"{key}={value!r}" for key, value in dry_run.model_dump().items() if value != "")
            log.info("stage=train dry_run=taken %s", facts)
        step = Step(enabled, memory_plan, dry_run)
        if (dry_run and dry_run.problem) or not test.finite:
            return step  # the next precision is tried, or the first evaluation says what is wrong
        with PARTS.of("self_test"):
            candidate = memory_plan.candidate
            problem = test.whole_step(candidate.tokens, recomputes=candidate.checkpointing != "none")
        memory_plan.forget_peak()
        if not problem and dry_run:
            enabled = [*enabled, graph_choice.choose(forward, memory_plan, rows, settings, test.most, member)]
            own = member.share([len(row.ids) for row in rows[: settings.batch_size]])
            enabled = [*enabled, copies.choose(forward, memory_plan, [rows[number] for number in own])]
        if not problem:
            return Step(enabled, memory_plan, dry_run)
        if not forward.reverts:
            raise JobError(
                f"A training step with {memory_plan.candidate} {problem}.",
                remedy="This base model cannot be trained correctly on this machine: choose another FINETUNE_MODEL_BASE, or a "
                "GPU on which no layer has to be recomputed.",
            )
        log.warning("stage=train optimizations=reverted: the whole step %s", problem)
        forward.revert_optimizations()
        enabled = [one.model_copy(update={"on": False, "reason": f"the whole step {problem}"}) for one in enabled]


def _fall_back_to_float32(precision: Choice, dry_run: DryRun) -> Choice:
    """Raises Diverged (63) if the dry run failed in float32."""
    if precision.value == "float32":
        raise Diverged(
            f"One step on the longest rows fails in float32: {dry_run.problem}.",
            remedy="Set FINETUNE_TRAIN_LEARNING_RATE lower in a new FINETUNE_OUTPUT_DIR; if that changes nothing, the "
            "base model's weights are damaged: check FINETUNE_MODEL_BASE.",
        )
    log.warning(
        "stage=train precision=%s dry_run=failed: training goes on in float32: %s", precision.value, dry_run.problem
    )
    return Choice(
        value="float32",
        reason=f"{precision.value} failed on the longest rows ({dry_run.tokens:,} tokens): {dry_run.problem}; largest value "
        f"that left a layer {dry_run.largest_activation:,.0f}",
    )
