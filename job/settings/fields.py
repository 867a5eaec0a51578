"""Every setting: six frozen sections and what concerns a run as a whole. Knows nothing of what the values do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from job.settings.files import QUICKSTART, collected_dir, find_file, is_needed
from job.settings.margins import Margins
from job.settings.sources import HUB_ID
from job.settings.values import AutoOr0, AutoOr1, HubId, Names, RuleFile, Sources, TextFile, comma_list

PREFIX = "FINETUNE_"
OUTPUT_DIR = f"{PREFIX}OUTPUT_DIR"
EXPORT, MERGE_INTO = f"{PREFIX}EXPORT", f"{PREFIX}MERGE_INTO"
ExportForm = Literal["adapter", "lora", "merged"]
MergeInto = Literal["dequantized", "unquantized"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class DataSettings(Section):
    sources: Sources = Field(
        description="Data sets, separated by commas. On the Hub: owner/name[@revision][:split][=rows], or one file as "
        "hf://datasets/owner/name[@revision]/path/to/file. Local: the path of a JSONL, JSON, CSV, TSV, TXT (each also .gz or "
        ".zst), XLSX or Parquet file, of a folder or a pattern such as data/*.jsonl, or of a save_to_disk folder, also with "
        "=rows. `quickstart` is the embedded data set."
    )
    question_column: str = Field(
        "auto", description="Column that holds the question; auto recognizes the usual layouts."
    )
    answer_column: str = Field("auto", description="Column that holds the answer; auto recognizes the usual layouts.")
    system_prompt_file: TextFile = Field(
        "",
        description="Text file with the system prompt for every row and question; empty uses the prompts in the rows.",
    )
    cleaning: Annotated[
        tuple[Literal["auto", "qa-forum", "wiki", "escapes", "none"], ...], NoDecode, BeforeValidator(comma_list)
    ] = Field(
        ("auto",),
        min_length=1,
        description="Packs of cleaning rules: qa-forum removes greetings, thanks and sign-offs, wiki removes wiki markup, "
        "escapes mends escaped text, auto runs for each source those that a sample of it needs, none runs no rule except the "
        "checks for empty, oversized and binary rows.",
    )
    brands: Names = Field(
        (),
        description="Brand names to remove from the rows, written without spaces: ChatDoctor also finds `Chat Doctor`.",
    )
    min_answer_words: AutoOr1 = Field(
        "auto",
        description="Answers with fewer words after cleaning are dropped: a number from 1; auto means 30 where the pack "
        "qa-forum or wiki is named, else no limit.",
    )
    max_words: AutoOr1 = Field(
        "auto",
        description="Rows with more words in question and answer together are dropped: a number from 1; auto means 600 "
        "where the pack qa-forum or wiki is named, else no limit.",
    )
    max_rows: int = Field(0, ge=0, description="Rows to sample from all sources together after cleaning; 0 keeps all.")
    min_rows: int = Field(32, ge=2, description="With fewer rows left after cleaning, the run ends with exit code 65.")
    eval_fraction: float = Field(
        0.1, gt=0, lt=1, description="Fraction of the cleaned rows that is held out for evaluation."
    )
    remove_contacts: Literal["mask", "cut", "keep"] = Field(
        "mask",
        description="E-mail addresses, phone and card numbers, bank accounts, links to a person, signatures and names: mask "
        "puts [phone] or the like in their place and removes sentences that say nothing else, cut leaves a placeholder only "
        "where the sentence needs one, keep changes nothing.",
    )
    long_chats: Literal["cut", "split", "drop"] = Field(
        "cut",
        description="A conversation of too many tokens: cut leaves out its first exchanges, split makes parts that each fit "
        "(of plain text too), drop drops it.",
    )
    rules_file: RuleFile = Field(
        "",
        description="Text file with your own cleaning rules, one per line: `name = pattern` cuts what the pattern finds, "
        "`drop name = pattern` drops the row.",
    )
    near_duplicates: Literal["off", "keep", "drop"] = Field(
        "keep",
        description="Rows that share four of five word triples: keep puts them on the same side of the split, drop keeps only "
        "the first, off does not look for them.",
    )
    repeated: Literal["cut", "report", "off"] = Field(
        "report",
        description="Sentences with which many answers of a source begin or end, in any language: report lists them, cut also "
        "removes them from answers, off does not look for them. Read the report first: such a sentence may be an answer "
        "(`Yes.`) as well as a greeting.",
    )
    max_list_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Largest share of a source's rows whose answers may be lists; rows above it are dropped. 1 sets no limit.",
    )
    languages: Names = Field(
        (),
        description="Language codes such as en,de; answers clearly in another language are dropped. Empty keeps all.",
    )
    workers: int = Field(0, ge=0, description="Number of cleaning processes; 0 for one per CPU. It changes no result.")
    engine: Literal["processes", "ray"] = Field(
        "processes",
        description="Where the cleaning processes run: processes starts them on this machine, ray on the cluster that "
        "RAY_ADDRESS names, or on a local one. It changes no result.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.cleaning) > 1 and {"auto", "none"} & set(self.cleaning):
            raise ValueError("FINETUNE_DATA_CLEANING: auto and none cannot be combined with a pack")
        if (self.question_column == "auto") != (self.answer_column == "auto"):
            raise ValueError(
                "FINETUNE_DATA_QUESTION_COLUMN and FINETUNE_DATA_ANSWER_COLUMN: set both, or leave both at auto"
            )
        if "auto" not in (self.max_words, self.min_answer_words) and int(self.max_words) <= int(self.min_answer_words):
            raise ValueError("FINETUNE_DATA_MAX_WORDS: must be above FINETUNE_DATA_MIN_ANSWER_WORDS")
        return self


class ModelSettings(Section):
    base: str = Field(
        "meta-llama/Llama-3.2-3B-Instruct",
        min_length=1,
        description="Base model: owner/name on the Hub, a folder, or `quickstart`, the tiny embedded one.",
    )
    revision: str = Field("main", min_length=1, description="Branch, tag or commit of the base model on the Hub.")
    chat_template_file: TextFile = Field(
        "", description="File with a Jinja chat template, for a base model that has none or to replace its own."
    )
    pad_token: Literal["add", "reserved"] = Field(
        "add",
        description="add extends the vocabulary by a new token <pad>; reserved uses a spare token of the tokenizer.",
    )
    save_embedding: Literal["full", "rows", "none"] = Field(
        "full",
        description="How much of an extended embedding layer is saved with the adapter: full saves all of it, rows only the "
        "new rows, none nothing.",
    )
    allow_unquantized: bool = Field(
        False,
        description="Also train a base model if less than 90 % of its linear weights can be stored in 4 bits.",
    )

    @model_validator(mode="after")
    def _exists(self) -> Self:
        missing = self.is_local and not os.path.isfile(Path(self.location) / "config.json")  # noqa: PTH113 (never raises)
        if missing and is_needed("base", os.environ):
            raise ValueError(f"FINETUNE_MODEL_BASE: the folder {self.location} holds no model (no config.json)")
        if not self.is_local and not HUB_ID.fullmatch(self.base):
            raise ValueError(f"FINETUNE_MODEL_BASE: '{self.base}' is neither owner/name nor a folder (/..., ./...)")
        return self

    @property
    def is_local(self) -> bool:
        return self.base == "quickstart" or self.base.startswith(("/", "./", "../"))

    @property
    def location(self) -> str:
        """What the loaders take: a folder, or the Hub name."""
        if self.base == "quickstart":
            return str(QUICKSTART / "base")
        return str(find_file(self.base)) if self.is_local else self.base


class LoraSettings(Section):
    r: int = Field(16, ge=1, le=512, description="Rank of the adapter.")
    alpha: int = Field(32, ge=1, description="Scale of the adapter: its output is multiplied by alpha / r.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout on the adapter's input.")
    targets: Names = Field(
        ("auto",),
        min_length=1,
        description="Layers that get an adapter: auto for the attention projections, whatever the architecture calls them; "
        "all-linear for every linear layer; or names such as q_proj,down_proj. Never the output head.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.targets) > 1 and {"auto", "all-linear"} & set(self.targets):
            raise ValueError("FINETUNE_LORA_TARGETS: auto and all-linear cannot be combined with other names")
        return self


class TrainSettings(Section):
    precision: Literal["auto", "float16", "bfloat16", "float32"] = Field(
        "auto",
        description="auto chooses by the GPU: float16 below compute capability 8.0, bfloat16 from 8.0, float32 on a CPU; "
        "the adapter itself is always float32.",
    )
    devices: AutoOr1 = Field(
        "auto",
        description="GPUs of a host that train, each with a worker of its own: a number from 1; auto means all that the job "
        "sees, but no more than a step has rows. On a CPU a number of workers, auto means 1. It changes no result but "
        "dropout's draws.",
    )
    shard: Literal["auto", "none", "full"] = Field(
        "auto",
        description="Whether the workers share the base's layers, each holding a part of every layer: full shares them, none "
        "gives each GPU the whole base, auto shares them where the base does not fit one GPU. It changes no result.",
    )
    epochs: float = Field(1, gt=0, le=1000, description="Passes over the training rows.")
    batch_size: int = Field(16, ge=1, description="Rows per optimizer step (effective batch).")
    learning_rate: float = Field(2e-4, gt=0, le=1, description="Peak learning rate.")
    warmup_steps: AutoOr0 = Field(
        "auto",
        description="Optimizer steps in which the learning rate rises from 0 to its peak: a number from 0; auto means a tenth "
        "of the run, at most 50.",
    )
    lr_scheduler: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="Course of the learning rate after the warmup; linear and cosine end at 0."
    )
    optimizer: Literal["adamw", "paged_adamw_32bit"] = Field(
        "adamw", description="paged_adamw_32bit moves its state to main memory when the GPU is full; it needs a GPU."
    )
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    max_tokens: int = Field(
        512, ge=16, le=131072, description="Rows with more tokens, chat template included, are dropped."
    )
    loss_on: Literal["answers", "last", "text"] = Field(
        "answers",
        description="Tokens that count in the loss: those of all answers of a row, of its last answer, or of the whole text.",
    )
    eval_steps: AutoOr1 = Field(
        "auto",
        description="Optimizer steps between evaluations: a number from 1; auto means a fifth of the run. Each evaluation "
        "saves a checkpoint, and its adapter may be kept.",
    )
    checkpoint_minutes: float = Field(
        10,
        gt=0,
        description="Minutes after which a checkpoint is saved if no evaluation saved one: the most training that a killed run "
        "repeats. It changes no result.",
    )
    log_steps: AutoOr1 = Field(
        "auto",
        description="Optimizer steps between log lines of the training loss: a number from 1; auto means about 40 lines a run, "
        "and at most 25 steps.",
    )
    report_to: Literal["none", "tensorboard", "mlflow", "wandb", "trackio"] = Field(
        "none",
        description="Tracker that gets settings, losses and the verdict's figures, in the run's folder `tracking` unless its "
        "own variables say otherwise; its package has to be installed.",
    )
    seed: int = Field(
        42, ge=0, lt=2**32, description="The one seed for sampling, split, row order, initial adapter and dropout."
    )


class ProbeSettings(Section):
    questions_file: TextFile = Field(
        "", description="Text file with questions for the base and the tuned model, one per line; empty asks none."
    )
    answers: int = Field(
        200,
        ge=1,
        description="Number of questions that both models answer: those of the file, and of as many evaluation rows as are "
        "missing to this number.",
    )
    checkpoints: int = Field(
        3,
        ge=1,
        le=20,
        description="Number of adapters of a training of which the probe takes the one with the best answers: the one with the "
        "lowest evaluation loss, and those of the last other evaluations. 1 takes the one with the lowest loss.",
    )
    max_new_tokens: int = Field(256, ge=1, le=8192, description="Maximum number of tokens in an answer.")
    repetition_penalty: float = Field(
        1.0,
        ge=1,
        le=2,
        description="Divides the scores of tokens that the prompt or the answer already contains; 1 switches it off.",
    )
    min_gain: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="How much lower the loss on the evaluation rows has to be for the verdict better, as a share of the base "
        "model's loss; above 0, 0.01 nats a token at least.",
    )
    margins: Margins = Field(
        (),
        description="How much worse than the base's a figure of the tuned model may be, where that is not the default, such as "
        "kl=0.5,closing_filler_share=off; off leaves a figure out of the verdict.",
    )
    minutes: float = Field(
        15,
        gt=0,
        description="Minutes that the questions may take; those that not every model has answered by then are left out, and "
        "counted. A T4 needs about two with a base of 3 billion parameters.",
    )
    judge: bool = Field(
        False,
        description="Let the base model itself say which of the two answers is better: weak evidence, shown and never counted.",
    )


class HubSettings(Section):
    repo_id: HubId = Field("", description="Model repository owner/name for the adapter; empty pushes none.")
    dataset_repo_id: HubId = Field("", description="Data set repository for the cleaned rows; empty pushes none.")
    private: bool = Field(
        True, description="Push to private repositories only; missing ones are created private, with false public."
    )
    overwrite: bool = Field(
        False,
        description="Push also to a repository with files that this run did not push; a tag keeps the commit that held them.",
    )
    quote_rows: bool = Field(
        False,
        description="Quote evaluation rows in the model card where there are no fixed questions; the rows may be private.",
    )
    push_when: Literal["better", "always"] = Field(
        "better",
        description="better publishes where the verdict is better, and as a private repository where it is inconclusive; a run "
        "whose model is no better or worse ends with exit code 60 or 69. always publishes, and the run ends with 0.",
    )
    retry_minutes: float = Field(
        10,
        ge=0,
        description="How long a Hub that fails or does not answer is tried again before the run ends with exit code 76; 0 "
        "tries once.",
    )


class Settings(BaseSettings):
    """Six sections, and what belongs to none. `hf_token` is not part of any dump."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,  # FINETUNE_TRAIN_MAX_TOKENS is section train, field max_tokens
        env_ignore_empty=True,  # `FINETUNE_X=` means the default, in every reader of env files
        frozen=True,
        hide_input_in_errors=True,  # pydantic prints the whole input otherwise, secrets included
        extra="ignore",  # loading.py finds unknown names and suggests the nearest known one
    )

    data: DataSettings
    model: ModelSettings = ModelSettings()
    lora: LoraSettings = LoraSettings()
    train: TrainSettings = TrainSettings()
    probe: ProbeSettings = ProbeSettings()
    hub: HubSettings = HubSettings()
    output_dir: Path = Field(
        Path("output"), description="Folder for everything that a run leaves; it is the run's only state."
    )
    deadline_minutes: float = Field(
        0, ge=0, description="Minutes from the start of the process until the run has to end; 0 sets no deadline."
    )
    deadline_action: Literal["continue", "finish"] = Field(
        "continue",
        description="What a run does that will not fit: continue saves a checkpoint and exits with 75, and the next start goes "
        "on; finish stops training in time to evaluate, save, probe and push the adapter that is there.",
    )

    hourly_price: float = Field(
        0, ge=0, description="Price of an hour of this machine, in any currency, for the report's cost; 0 shows none."
    )
    watchdog_minutes: float = Field(
        30,
        gt=0,
        le=10_000,
        description="Minutes without progress after which the run is ended (74): rows, steps, tokens, bytes.",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="Lines of the log: text, or json with severity, status and every field as a key, as Cloud Logging and "
        "Datadog read it.",
    )
    stages: Names = Field(
        (),
        description="Stages that this start may run, in a row: clean,train,probe,export,push. Earlier ones must have their "
        "results in the output folder. Empty runs all that are missing; push alone needs no GPU.",
    )
    export: Annotated[tuple[ExportForm, ...], NoDecode, BeforeValidator(comma_list)] = Field(
        ("adapter", "lora"),
        min_length=1,
        description="Forms in which the tuned model is left: adapter (always), as trained; lora, the LoRA tensors alone, for "
        "every tool; merged, a whole model in 16 bits.",
    )
    merge_into: MergeInto = Field(
        "dequantized",
        description="The base's weights that merged/ is made from: dequantized, those that the adapter was trained on; "
        "unquantized, those that were published.",
    )

    @model_validator(mode="before")
    @classmethod
    def _where_results_are_collected(cls, values: dict[str, Any]) -> dict[str, Any]:
        place = collected_dir(os.environ)
        return {"output_dir": place} | values if place else values

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.uses_hub and self.watchdog_minutes <= self.hub.retry_minutes:
            raise ValueError(
                "FINETUNE_WATCHDOG_MINUTES: must be above FINETUNE_HUB_RETRY_MINUTES, or waiting for the Hub counts as hanging"
            )
        return self

    @property
    def uses_hub(self) -> bool:
        """Whether anything has to be fetched from the Hub or pushed to it."""
        local = self.model.is_local and all(source.is_local for source in self.data.sources)
        return not local or bool(self.hub.repo_id or self.hub.dataset_repo_id)


SECTIONS: dict[str, type[Section]] = {
    "data": DataSettings,
    "model": ModelSettings,
    "lora": LoraSettings,
    "train": TrainSettings,
    "probe": ProbeSettings,
    "hub": HubSettings,
}
