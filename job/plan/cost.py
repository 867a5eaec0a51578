"""Steps, memory, time and price of a run on a named card: estimates, since nothing is run.

Times are those of this job's own kernels on an H200 (job/training/README.md#speed), scaled by the base's size and by the
card's rates. Several GPUs of a host share the steps and the evaluations (job/plan/parallel.py), and the base's layers where it
does not fit one of them (job/modeling/sharding.py).
Imports no heavy library by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from job.hosts.rates import CARDS as CARDS  # the modules that plan for a card take them from here
from job.hosts.rates import T4 as T4
from job.hosts.rates import Card as Card
from job.modeling.memory import GIB, RESERVE_SHARE, Candidate, Checkpointing, candidates
from job.modeling.sharding import Fit
from job.modeling.sizes import sizes, width_of
from job.plan.parallel import Step, exchange_seconds, gather_seconds, largest_share, pays, rows_of, workers_of
from job.settings.fields import Settings, TrainSettings
from job.training.intervals import evaluations, intervals

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture
    from job.plan.facts import Facts
    from job.plan.rows import Expected


H200_TFLOPS = 790
MEASURED_WEIGHTS = 3_212_574_720
"""Weights that a token of that base is multiplied with, the head included (Llama 3.2 3B)."""
KERNEL_MS = {False: 29.2, True: 26.3}
"""Of 1,000 tokens, layers not recomputed: without flash attention, as below compute capability 8.0, and with it. Both with what
graphs fill up, which a T4 has no need of: 5 % on the safe side there."""
RECOMPUTED: dict[Checkpointing, float] = {"none": 1.0, "half": 1.22, "all": 1.43}
"""Arithmetic of a step: 18.8 GFLOP a token with every layer recomputed, 13.1 without."""
FORWARD_SHARE = 0.5
"""Of a step's arithmetic: the frozen weights have no gradient, so the backward pass takes as long as the forward pass."""
HOST_SECONDS = 0.149 / 28
"""Python and launches for a layer of a micro-batch, where the card is not what a step waits for: 28 layers in 0.149 s, and in
0.180 on another H200's host."""
GRAPHED_SECONDS = 0.018
"""The same for a whole step with CUDA graphs: by so much a step that finds the card idle, after a log line, takes longer. A run
counts on it too (`REST_SECONDS` in job/training/graph_choice.py)."""
CAPTURE_SECONDS = 3.0
"""What a run spends on graphs: 18 shapes of steps of 16 rows on Llama 3.2 3B."""
CLEANED_ROWS_PER_SECOND = 1000
DOWNLOAD_BYTES_PER_SECOND = 100e6
START_SECONDS = 60.0
"""Imports, loading, self-test and dry run."""


@dataclass(frozen=True)
class Memory:
    """How a step would be cut, and its predicted peak; None if this architecture does not name its sizes."""

    candidate: Candidate
    peak_bytes: int
    fit: Fit
    """Of the base and the GPUs."""

    @property
    def usable_bytes(self) -> int:
        return self.fit.usable

    @property
    def fits(self) -> bool:
        return self.peak_bytes <= self.usable_bytes

    @property
    def hopeless(self) -> bool:
        """Whether the check before a run would refuse the card: the prediction may be 15 % off."""
        return self.peak_bytes * 0.85 > self.usable_bytes / (1 - RESERVE_SHARE)


@dataclass(frozen=True)
class Cost:
    """Seconds, apart from `tokens_per_second`."""

    tokens_per_second: float
    cleaning: float
    training: float
    evaluations: float
    other: float
    """Download, loading, self-test, round trip, probe, push."""
    step: Step
    """As the GPUs would share it."""
    alone: Step | None
    """None where one GPU cannot."""
    shares: bool
    """Whether a run would do so."""

    @property
    def total(self) -> float:
        return self.cleaning + self.training + self.evaluations + self.other


def memory(base: Architecture, settings: Settings, card: Card, gpus: int = 1) -> Memory | None:
    """The first way to cut a GPU's share of a step that fits the card, for the longest rows that the settings allow; else the
    last one."""
    from job.modeling.layers import decoder_layers
    from job.modeling.prediction import predictions

    workers, usable = workers_of(gpus, settings.train), int(card.memory_bytes * (1 - RESERVE_SHARE))
    fit = Fit(base, settings.train, settings.lora, workers, usable, width_of(base, settings, card.capability))
    longest, rows = settings.train.max_tokens, rows_of(workers, settings.train)
    ways = candidates(longest, longest * rows, recomputable=bool(decoder_layers(base.model)))
    needs = predictions(base, settings.lora, ways, width=fit.width, held=fit.held, workers=fit.parts)
    found = None
    for candidate, need in zip(ways, needs, strict=True):
        if need is None:
            return None
        found = Memory(candidate, need, fit)
        if found.fits:
            break
    return found


def cost(base: Architecture, settings: Settings, rows: Expected, card: Card, gpus: int = 1) -> Cost | None:
    """None if the number of steps or the memory of one is unknown.

    Raises SettingsError (64) for targets that the base lacks.
    """
    from job.modeling.weights import count_weights

    if not (rows.steps and rows.text_tokens):
        return None
    found, one = (memory(base, settings, card, count) for count in (gpus, 1))
    if not (found and one):
        return None
    step = step_of(base, settings, rows, card, gpus, found)
    alone = step_of(base, settings, rows, card, 1, one) if one.fits or step.workers == 1 else None
    shares = alone is None or found.fit.held != "whole" or pays(alone, step, settings.train)
    chosen = step if alone is None or shares else alone
    kernel_ms = _kernel_ms(base, settings, card)
    evaluation = rows.eval_texts * rows.text_tokens * FORWARD_SHARE * kernel_ms / 1e6 / chosen.workers
    evaluation *= max(1.0, chosen.gathers / chosen.kernels)  # half the arithmetic of a step, and half its gathers
    parameters = sum(count.parameters for count in count_weights(base.model))
    return Cost(
        tokens_per_second=rows.text_tokens * settings.train.batch_size / chosen.seconds,
        cleaning=(rows.kept or 0) / CLEANED_ROWS_PER_SECOND,
        training=rows.steps * chosen.seconds,
        evaluations=evaluations(rows.steps, intervals(settings.train, rows.steps).eval_steps) * evaluation,
        other=_other(settings, sizes(base, settings).adapter_bytes, parameters, parameters * base.published_width),
        step=step,
        alone=alone,
        shares=shares,
    )


def step_of(base: Architecture, settings: Settings, rows: Expected, card: Card, gpus: int, found: Memory) -> Step:
    from job.modeling.layers import decoder_layers

    train = settings.train
    workers = workers_of(gpus, train)
    tokens = rows.text_tokens * train.batch_size
    if workers > 1:
        tokens *= largest_share(rows.lengths, workers, train.batch_size)
    micro_batches = math.ceil(tokens / found.candidate.tokens)
    shared = base.weights(2).shared
    kernels = tokens * RECOMPUTED[found.candidate.checkpointing] * _kernel_ms(base, settings, card) / 1e6
    launching = HOST_SECONDS * len(decoder_layers(base.model)) * micro_batches
    can_be_captured = found.fit.held == "whole" and found.candidate.checkpointing == "none"
    if can_be_captured and (launching - kernels) * (rows.steps or 0) > CAPTURE_SECONDS:
        launching = min(launching, GRAPHED_SECONDS)
    return Step(
        workers,
        rows_of(workers, train),
        kernels=kernels,
        launching=launching,
        exchange=exchange_seconds(base.adapter(settings.lora).parameters * 4, card.name, workers),
        gathers=2 * micro_batches * gather_seconds(shared, found.fit.held, card.name, found.fit.parts),
    )


def _kernel_ms(base: Architecture, settings: Settings, card: Card) -> float:
    """Of 1,000 tokens on the card."""
    from job.modeling.weights import LINEAR, count_weights

    head = base.model.get_output_embeddings()
    weights = sum(count.parameters for count in count_weights(base.model) if count.kind in LINEAR)
    weights += head.weight.numel() if head is not None else 0
    return kernel_ms(weights, card, width_of(base, settings, card.capability))


def kernel_ms(weights: int, card: Card, width: int) -> float:
    """Of 1,000 tokens, each multiplied with so many weights, layers not recomputed. `width`: bytes of a number."""
    rate = card.float32_tflops if width == 4 else card.tensor_tflops * card.held
    return KERNEL_MS[card.capability >= (8, 0)] * weights / MEASURED_WEIGHTS * H200_TFLOPS / rate


def _other(settings: Settings, adapter_bytes: int, parameters: int, weight_bytes: int) -> float:
    """All that is neither cleaning nor training, with the guesses that a run makes for its deadline."""
    from job.runs.deadline import Deadline
    from job.training.forecast import Later

    load = weight_bytes / DOWNLOAD_BYTES_PER_SECOND
    deadline = Deadline.of(settings)
    later = Later(
        load_seconds=load,
        parameters=parameters,
        on_gpu=True,
        adapter_bytes=adapter_bytes,
        questions=deadline.questions,
        max_new_tokens=deadline.max_new_tokens,
        probe_seconds=deadline.probe_seconds,
        pushed_bytes=adapter_bytes if deadline.pushes else 0,
        forms=deadline.forms,
    )
    return START_SECONDS + load + later.seconds


# --- lines -----------------------------------------------------------------------------------------------------------


def step_lines(facts: Facts) -> Iterator[str]:
    """How many optimizer steps that makes, and where warm-up, log lines and evaluations fall."""
    train, steps = facts.settings.train, facts.expected.steps
    if steps is None:
        yield f"  epochs: {train.epochs:g}, in optimizer steps of {train.batch_size} rows"
        return
    certainty, unit = ("about", "texts") if facts.expected.in_parts else (facts.expected.certainty, "rows")
    yield f"  {certainty} {steps:,} optimizer steps of {train.batch_size} {unit}; epochs: {train.epochs:g}"
    found = intervals(train, steps)
    lines = steps // found.log_steps
    yield (
        f"  {min(found.warmup_steps, steps):,} of them warm up; {lines:,} log line{'s' * (lines != 1)}, "
        f"{evaluations(steps, found.eval_steps):,} evaluations (before the first, every {found.eval_steps:,}, after the last)"
    )


def cost_lines(facts: Facts) -> Iterator[str]:
    """Raises SettingsError (64) for targets that the base lacks."""
    base, card = facts.base.value, facts.card
    if not base:
        yield "  unknown without the base model"
        return
    found = memory(base, facts.settings, card, facts.gpus)
    if not found:
        yield "  unknown for this architecture"
        return
    each = "" if facts.gpus == 1 else " on each GPU"
    peak = f"{found.peak_bytes / GIB:.1f} GiB of {found.usable_bytes / GIB:.1f} usable, {RESERVE_SHARE:.0%} kept in reserve"
    if found.fits:
        yield f"  memory{each} for the longest rows that the settings allow: {found.candidate}: {peak}"
    else:
        yield f"  memory{each}: one row does not fit: {peak}; lower FINETUNE_TRAIN_MAX_TOKENS"
    if facts.gpus > 1:
        yield f"  {_held_in_words(found.fit)}"
    cost = facts.cost.value
    if not cost:
        yield "  time: unknown, as the number of steps is"
        return
    if facts.gpus > 1 and found.fits:
        yield from _shared_lines(facts.gpus, cost, facts.settings.train)
    yield (
        f"  time: about {_minutes(cost.total)}: cleaning {_minutes(cost.cleaning)}, training {_minutes(cost.training)} "
        f"({cost.tokens_per_second:,.0f} tokens/s), evaluations {_minutes(cost.evaluations)}, all else {_minutes(cost.other)}"
    )
    if facts.price:
        yield f"  price: about {facts.price * cost.total / 3600:,.2f}, at {facts.price:g} an hour"
    yield "  scaled from kernel times on an H200 by the card's rates, and possibly off by a factor of two; a run measures both"


def _held_in_words(fit: Fit) -> str:
    weights, held = fit.base.weights(fit.width), fit.held
    size = f"{weights.on_a_card(held, fit.parts) / GIB:.1f} GiB of its {weights.whole / GIB:.1f}"
    if held == "whole":
        return f"each GPU holds the whole base, {weights.whole / GIB:.1f} GiB"
    if held == "sharded":
        return f"each GPU holds a part of each layer and gathers two: of the base {size}, which main memory reads first"
    return f"each GPU gathers two layers at a time: of the base {size}; {weights.shared / GIB:.1f} stay in main memory"


def _shared_lines(gpus: int, cost: Cost, train: TrainSettings) -> Iterator[str]:
    """A step of several GPUs."""
    step, alone = cost.step, cost.alone
    rows = f"{step.rows} row{'s' * (step.rows != 1)} a GPU at most"
    if step.workers < gpus:
        why = "FINETUNE_TRAIN_BATCH_SIZE" if step.workers == train.batch_size else "FINETUNE_TRAIN_DEVICES"
        yield f"  {gpus - step.workers} of {gpus} GPUs stay idle: {why} is {step.workers}"
    if step.workers == 1:
        return
    one = f", {alone.seconds:.2f} s on one" if alone else ""
    gathers = f", gathers of layers {step.gathers:.2f} s meanwhile" if step.gathers else ""
    yield (
        f"  a step of {train.batch_size} rows: about {step.seconds:.2f} s on {step.workers} GPUs{one}; {rows}: kernels "
        f"{step.kernels:.2f} s, launches {step.launching:.2f} s at least{gathers}, exchange {step.exchange:.2f} s"
    )
    if not cost.shares:
        yield "  sharing gains too little: one GPU would train, the others stay idle; more rows a step change that"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 600 else f"{seconds / 60:,.1f} min"
