"""Everything that flows between stages and into metrics.json, on one page.

Numbers carry their unit in the name; a share lies in 0-1; paths are relative to the run folder, because volumes move.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1


class Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")
    expendable: ClassVar[tuple[str, ...]] = ()
    """Fields whose files nothing but the report reads: without them a result still counts."""


class Host(Result):
    """The machine of this start. It is in no record's inputs: a restart may land on another machine."""

    device: Literal["cuda", "cpu"]
    gpu: str
    compute_capability: str
    gpu_bytes: int
    cpus: int
    memory_bytes: int
    disk_free_bytes: int
    platform: str
    versions: dict[str, str]


class Pin(Result):
    """A repository on the Hub that a run depends on, and the commit that its revision named when the run began."""

    kind: Literal["model", "dataset"]
    name: str
    revision: str
    commit: str


class Evidence(Result):
    """What a sample of a source shows of the damage that a pack of cleaning rules mends."""

    pack: str
    rows: int
    """Exchanges of question and answer with the sign, of `seen`: for contact data those with a question."""
    seen: int
    least: float
    """Share of rows from which the pack is on."""
    on: bool
    example: str
    """The first sign, without contact data; empty for personal data."""


class SourceCount(Result):
    """What became of one source. `revision` is the commit that was read; empty for files."""

    source: str
    revision: str
    format: str
    """Kind of file, separator, encoding and compression, in words."""
    layout: str
    rows_in: int
    rows_out: int
    list_rows: dict[str, int]
    """Rows whose answer is a list, by its kind (numbered, bulleted, flattened), before their share is capped."""
    packs: list[str]
    """Packs of cleaning rules that ran."""
    evidence: list[Evidence]
    """Why, where FINETUNE_DATA_CLEANING is auto; else empty."""


class Example(Result):
    """An excerpt around what a rule changed. Rules that remove personal data have none."""

    before: str
    after: str


class RuleCount(Result):
    """What one cleaning rule did to the rows that it saw."""

    seen: int
    changed: int
    dropped: int
    skipped: int
    """Rows that passed it by, in a language that it does not know."""
    exchanges: int = 0
    """Cut from conversations that stay, since the rule drops them."""
    characters_removed: int
    examples: list[Example]


class RepeatedSentence(Result):
    """A sentence, or several together, with which rows of a source begin or end; see job/cleaning/repeated.py."""

    source: str
    side: Literal["question_begin", "question_end", "answer_begin", "answer_end"]
    text: str
    rows: int
    share: float
    """Different contexts, as a share of the different rows of the source."""
    fate: Literal["cut", "can_be_cut", "stays"]
    """can_be_cut: FINETUNE_DATA_REPEATED=cut would remove it from answers."""


class TokenCounts(Result):
    """Lengths of the kept rows: rows[i] have i * step + 1 to (i + 1) * step tokens."""

    step: int
    rows: list[int]
    rows_above: int
    """Rows dropped by the limit."""
    longest_above: int
    median: int


class MaskedRow(Result):
    """A training row as the model sees it: the tokens of each (begin, end) in `learned` are trained on."""

    tokens: list[str]
    learned: list[tuple[int, int]]


class Cleaned(Result):
    """Stage 1. rows_in == train_rows + eval_rows + sum(dropped.values()).

    The names in `dropped` and `rules` are those of job/cleaning/rules/registry.py.
    """

    rows_in: int
    train_rows: int
    eval_rows: int
    dropped: dict[str, int]
    sources: list[SourceCount]
    rules: dict[str, RuleCount]
    """In the order in which they ran."""
    rules_sha256: str
    """Over the rules, their code and their options."""
    repeated: list[RepeatedSentence] = []
    """Empty also where FINETUNE_DATA_REPEATED is off."""
    near_duplicate_groups: int
    plain_split_leaked_rows: int
    """Evaluation rows that a plain random split would have leaked: training would hold the same text, the same question or a
    near duplicate. The job's own split keeps such rows together."""
    plain_split_eval_rows: int
    split_leaked_rows: int = 0
    """The same of the job's own split: none, unless every set of such rows is too large to be held out whole."""
    conversations: int = 0
    """Kept rows that are more than one exchange."""
    texts: int = 0
    """Kept rows of plain text."""
    turns_in: int = 0
    """Turns of the conversations that are not dropped, as they came."""
    turns_out: int = 0
    """The same after the rules and the limit on tokens."""
    turn_notes: dict[str, int] = {}
    """What was done to turns of conversations: the names of NOTES in job/cleaning/rules/registry.py, with their counts."""
    token_counts: TokenCounts
    masked_rows: list[MaskedRow]
    system_prompt: str
    """The prompt of most rows; the probe and the model card use it."""
    system_in_user_turn: bool
    """The chat template has no system role: rows and questions carry their system prompt in front of the question."""
    thinking_off: bool
    """The chat template was rendered with enable_thinking=False throughout."""
    stop_token: str
    """The token that ends every answer in training and in the probe."""
    train_tokens: int
    answer_tokens: int
    longest_tokens: int
    train_path: str
    eval_path: str
    dropped_path: str
    sha256: str
    """Over the bytes of the train and eval rows: what the next stages depend on."""


class Choice(Result):
    """An automatic choice and its reason."""

    value: str
    reason: str


class Optimization(Result):
    """What became of one optimization: on if its self-test passed on this device, else off with the reason."""

    name: str
    on: bool
    reason: str
    differs: str = ""
    """By how much it differs from the reference path, where the two could be compared."""


class DryRun(Result):
    """One optimizer step on the longest rows, taken and reverted before the run commits to a precision."""

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
    seconds: float


class Trained(Result):
    """Stage 2. A fresh process has loaded and compared the adapter in `adapter_path`."""

    expendable: ClassVar[tuple[str, ...]] = ("log_path",)
    adapter_path: str
    adapter_files: list[str]
    """Names of what training left in `adapter_path`; nothing else in that folder is published."""
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
    epochs: float
    trainable_parameters: int
    total_parameters: int
    lora_targets: list[str]
    """The layers that carry the adapter, by the names that the base gives them."""
    weights: list[WeightCount]
    quantized_share: float
    """The share of the linear weights in 4 bits; experts count, embedding and head do not."""
    base_eval_loss: float
    """Evaluation loss before the first step: the base model's, since a new adapter changes nothing."""
    best_eval_loss: float
    best_step: int
    final_train_loss: float
    train_seconds: float
    """Of all starts, each up to the line of the log from which the next one went on; so with `checkpoint_seconds`."""
    checkpoint_seconds: float = 0.0
    """Those of `train_seconds` in which checkpoints were saved."""
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
    batch_size: int
    memory_plan: list[Attempt]
    """The candidates that were tried, in order; the run ended on the last one. Empty on a CPU."""
    micro_batch_tokens: int
    checkpointing: Literal["none", "half", "all"]
    peak_gpu_reserved_bytes: int
    vocabulary_rows: int
    pad_token: str
    adapter_bytes: int
    adapter_parts_bytes: dict[str, int]
    """The parts of adapter_model.safetensors: `lora` and, where saved, `embedding`."""
    round_trip_max_difference: float
    """Largest difference of a logit between the trained model in memory and the adapter loaded by a fresh process."""
    round_trip_tolerance: float
    round_trip_cpu_kernel_difference: float | None = None
    """The same with bitsandbytes' bfloat16 kernel, which the card's code uses on a CPU with AVX512-BF16; None elsewhere."""
    round_trip_cpu_kernel_error: str = ""
    """Why that kernel cannot compute this base; empty if it can. The card says how to load the adapter without that kernel."""


Scores = dict[str, int | float]
"""One model's scores: `answers` (how many), then the mean of each score of job/probing/scores.py by its name, in that order."""


class Sample(Result):
    """One line of probe/samples.jsonl: a question and both answers."""

    question: str
    source: Literal["question", "eval_row"]
    reference: str
    """The answer in the data; empty for a question from FINETUNE_PROBE_QUESTIONS_FILE."""
    base: str
    tuned: str
    base_stopped: bool
    """The answer ended before the token limit."""
    tuned_stopped: bool


class Probed(Result):
    """Stage 3. Both models answered `questions` fixed questions and those of `eval_rows` evaluation rows."""

    samples_path: str
    questions: int
    eval_rows: int
    base: Scores
    tuned: Scores


class PushedRepo(Result):
    """A repository on the Hub that holds our files."""

    kind: Literal["model", "dataset"]
    repo_id: str
    commit: str
    """Every file at this commit has our size and our hash."""
    url: str
    files: int
    bytes: int
    kept: str = ""
    """The tag that keeps what others had put there; empty if there was nothing."""


class Pushed(Result):
    """Stage 4. `reason` says why the push was skipped."""

    card_path: str = "adapter/README.md"
    data_card_path: str | None = None
    """None if no data set is pushed."""
    skipped: bool
    reason: str
    repositories: list[PushedRepo]


class Failure(Result):
    kind: str
    message: str
    """What happened."""
    remedy: str
    """What to do about it."""
    details: str = ""
    """The traceback, or the last lines of the log."""


class Metrics(Result):
    """metrics.json: rewritten whole at each change, present at every ending.

    A stage's result is stored under the stage's name. Today's results are typed below; that of a new stage needs no field.
    """

    model_config = ConfigDict(extra="allow")

    schema_version: int = SCHEMA_VERSION
    version: str
    status: Literal["running", "succeeded", "failed", "stopped"]
    stage: str
    exit_code: int | None
    error: Failure | None = None
    started_at: str
    updated_at: str
    seconds: float
    stage_seconds: dict[str, float]
    """Time that each finished stage took, in the start that finished it."""
    reused: list[str]
    """Stages whose stored result was reused."""
    progress: dict[str, int] = {}
    """What this start has done so far: rows, steps, tokens, bytes."""
    settings: dict[str, Any]
    pins: list[Pin] = []
    host: Host | None = None
    clean: Cleaned | None = None
    train: Trained | None = None
    probe: Probed | None = None
    push: Pushed | None = None
