"""What stage 2 hands on: the adapters, and how they came about."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from job.results.result import Choice, Result


class Optimization(Result):
    """What became of one optimization: on if its self-test passed on this device, else off with the reason."""

    name: str
    on: bool
    reason: str
    differs: str = ""
    """By how much it differs from the reference path, where the two could be compared."""
    facts: str = ""
    """What it takes and saves, where that was measured."""


class DryRun(Result):
    """One optimizer step on the longest rows and the largest micro-batch, taken and reverted before the run commits to a
    precision."""

    rows: int
    tokens: int
    loss: float
    loss_scale: float
    """The loss scale of float16 at which the gradients were finite; 1 in other precisions."""
    largest_activation: float
    """Largest absolute output of a decoder layer; float16 ends at 65,504."""
    problem: str
    """What was not finite; empty if everything was finite."""


class Attempt(Result):
    """A candidate of the memory plan that was measured (step 0) or ran out of memory at a step."""

    step: int
    micro_batch_tokens: int
    checkpointing: Literal["none", "half", "all"]
    predicted_bytes: int | None
    peak_bytes: int
    """The most memory that PyTorch reserved."""
    fits: bool

    def __str__(self) -> str:
        predicted = "-" if self.predicted_bytes is None else f"{self.predicted_bytes / 2**30:.2f}"
        return (
            f"micro_batch_tokens={self.micro_batch_tokens} checkpointing={self.checkpointing} predicted_gib={predicted} "
            f"peak_gib={self.peak_bytes / 2**30:.2f} fits={str(self.fits).lower()}"
            + (f" step={self.step}" if self.step else "")
        )


class WeightCount(Result):
    """The loaded base's parameters of one kind and dtype."""

    kind: Literal["4-bit linear", "linear", "experts", "embedding and head", "norms and biases"]
    dtype: str
    parameters: int


class TrainedBy(Result):
    """A part of the training, by the workers that it had."""

    workers: int = 1
    """Processes that shared each step, on a GPU each."""
    held: Literal["whole", "sharded", "offloaded"] = "whole"
    """How each of them held the base: all of it, a part of every layer on its GPU, or that part in main memory."""
    until_step: int
    """Of the last line of train/log.jsonl that they wrote."""


class LogEntry(Result):
    """One line of train/log.jsonl: a training loss (mean since the last line) or an evaluation."""

    step: int
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    skipped_steps: int | None = None
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    checkpoint_seconds: float | None = None
    """What saving checkpoints took so far."""
    gpu_reserved_bytes: int | None = None
    """What PyTorch holds of the GPU's memory by then."""
    workers: int | None = None
    """That shared these steps; None for one, and so with `held`, which is None where each held the whole base."""
    held: Literal["whole", "sharded", "offloaded"] | None = None
    seconds: float


class StartSeconds(Result):
    """From the start of this process to the end of its first optimizer step. What runs beside a part counts for none."""

    imports: float = 0.0
    """Of Python modules."""
    checks: float = 0.0
    """Of the machine, the base model's config and the Hub."""
    cleaning: float = 0.0
    """0 where an earlier start has cleaned."""
    loading: float = 0.0
    """Of tokenizer, rows and base model, whose weights are quantized meanwhile."""
    self_test: float = 0.0
    memory_plan: float = 0.0
    """Its dry runs, and the decision on CUDA graphs."""
    first_step: float = 0.0
    """With the base model's evaluation before it."""
    others: float = 0.0
    total: float


class TrainedAdapter(Result):
    """An adapter among which the probe chooses: LoRA tensors alone."""

    step: int
    eval_loss: float
    """Of all evaluation rows."""
    path: str


class RoundTrip(Result):
    """How the adapter, loaded by a fresh process with the card's code, differs from the model in memory."""

    max_difference: float
    """Of a logit."""
    tolerance: float
    cpu_kernel_difference: float | None = None
    """Like `max_difference`, with bitsandbytes' bfloat16 kernel, which the card's code uses on a CPU with AVX512-BF16; None
    elsewhere."""
    cpu_kernel_error: str = ""
    """Why that kernel cannot compute this base; empty if it can. The card says how to load the adapter without that kernel."""


class Trained(Result):
    """Stage 2. A fresh process has loaded and compared the adapter in `adapter_path`, which has the lowest evaluation loss."""

    expendable: ClassVar[tuple[str, ...]] = ("log_path",)
    handed_on: ClassVar[tuple[str, ...]] = ("adapter_path", "candidates")
    adapter_path: str
    adapter_files: list[str]
    """Names of what training left in `adapter_path`."""
    candidates: list[TrainedAdapter]
    """In the order of their steps. The one of `best_step` is that in `adapter_path`."""
    log_path: str
    base_revision: str
    """The commit of the base model that was loaded from the Hub; empty for a folder."""
    precision: Choice
    attention: str
    """transformers' attention implementation that the base needs; empty for the default."""
    steps: int
    planned_steps: int = 0
    """What the settings ask for; more than `steps` if the run stopped early."""
    stopped_early: bool = False
    """The deadline ended training: the learning rate has not reached the end of its schedule."""
    warmup_steps: int
    epochs: float
    trainable_parameters: int
    total_parameters: int
    lora_targets: list[str]
    """The layers that carry the adapter, by the names that the base gives them."""
    weights: list[WeightCount]
    quantized_share: float
    """The share of the linear weights in 4 bits; experts count, embedding and head do not."""
    warnings: list[str]
    """Why the run may have taught nothing."""
    zero_gradients: bool
    """Every gradient was exactly zero, or no step took effect: the adapter's B is still zero, as in the base alone."""
    base_eval_loss: float
    """Evaluation loss before the first step: the base model's, since a new adapter changes nothing."""
    best_eval_loss: float
    best_step: int
    final_train_loss: float
    train_seconds: float
    """Of all starts, each up to the line of the log from which the next one went on; so with `checkpoint_seconds`."""
    checkpoint_seconds: float = 0.0
    """Those of `train_seconds` in which checkpoints were saved."""
    start_seconds: StartSeconds | None = None
    """Of this start; None if it had no step left to take."""
    train_tokens: int
    tokens_per_second: float
    resumed_from_step: int
    dry_run: DryRun | None
    """None on a CPU, where float32 is the only precision."""
    overflowed: DryRun | None
    """The dry run that made the run fall back to float32."""
    skipped_steps: int
    """Optimizer steps that float16's gradient scaler skipped while it looked for its scale."""
    optimizations: list[Optimization]
    workers: int = 1
    """Of the last start, and so with `held` and `mixed_gpus`."""
    held: Literal["whole", "sharded", "offloaded"] = "whole"
    trained_by: list[TrainedBy] = Field(default_factory=list)
    """What all steps were computed by, in their order: several where a start went on with other workers than the one before."""
    mixed_gpus: str = ""
    """Where these are of several kinds: how many of each, and which is the slowest."""
    batch_size: int
    memory_plan: list[Attempt]
    """The candidates that were tried, in order; the run ended on the last one. Empty on a CPU."""
    micro_batch_tokens: int
    checkpointing: Literal["none", "half", "all"]
    peak_gpu_reserved_bytes: int
    vocabulary_rows: int
    new_rows: int
    """Rows of the vocabulary that the base lacks."""
    pad_token: str
    adapter_bytes: int
    adapter_parts_bytes: dict[str, int]
    """The parts of adapter_model.safetensors: `lora` and, where saved, `embedding`."""
    round_trip: RoundTrip
    """Of the adapter in `adapter_path`."""
