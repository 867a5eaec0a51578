"""Every setting: six frozen sections and the output folder. Knows nothing about what the values do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from job.settings.files import QUICKSTART, collected_dir, find_file
from job.settings.rule_file import parse as parse_rules
from job.settings.sources import HUB_ID, Source

PREFIX = "FINETUNE_"
OUTPUT_DIR = f"{PREFIX}OUTPUT_DIR"


def _comma_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _sources(value: object) -> object:
    parts = _comma_list(value)
    if not isinstance(parts, tuple):
        return value
    sources: list[object] = []
    problems = []
    for part in parts:
        try:
            sources.append(Source.parse(part) if isinstance(part, str) else part)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(sources)


def _text_file(value: str) -> str:
    """Free text lives in files: the path must lead to one that is UTF-8 and not empty."""
    path = find_file(value)
    try:
        if value and not path.read_text("utf-8").strip():
            raise ValueError(f"the file {path} is empty")
    except FileNotFoundError:
        raise ValueError(f"there is no file {path} (working directory: {Path.cwd()})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file {path} cannot be read as UTF-8 text ({error})") from error
    return value


def _rule_file(value: str) -> str:
    if _text_file(value):
        problems = parse_rules(find_file(value).read_text("utf-8"))[1]
        if problems:
            raise ValueError("; ".join(f"{find_file(value)} {problem}" for problem in problems))
    return value


def _hub_id(value: str) -> str:
    if value and not HUB_ID.fullmatch(value):
        raise ValueError(f"must be owner/name, not '{value}'")
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_list)]
Sources = Annotated[
    tuple[Annotated[Source, PlainSerializer(str)], ...], NoDecode, BeforeValidator(_sources), Field(min_length=1)
]
TextFile = Annotated[str, AfterValidator(_text_file)]
RuleFile = Annotated[str, AfterValidator(_rule_file)]
HubId = Annotated[str, AfterValidator(_hub_id)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class DataSettings(Section):
    sources: Sources = Field(
        description="Data sets, separated by commas: owner/name[@revision][:split][=rows] on the Hub, or a path "
        "(JSONL, JSON, CSV, Parquet, gzip, or a folder of save_to_disk) with optional =rows; `quickstart` is the embedded one."
    )
    question_column: str = Field("auto", description="Column with the question; auto recognises the usual layouts.")
    answer_column: str = Field("auto", description="Column with the answer; auto recognises the usual layouts.")
    system_prompt_file: TextFile = Field(
        "", description="Text file with the system prompt for every row and question; empty takes the rows' own."
    )
    cleaning: Annotated[tuple[Literal["qa-forum", "wiki", "none"], ...], NoDecode, BeforeValidator(_comma_list)] = (
        Field(
            ("qa-forum", "wiki"),
            min_length=1,
            description="Packs of cleaning rules: greetings, thanks and sign-offs of forums; wiki markup; none.",
        )
    )
    brands: Names = Field(
        (), description="Brand names to clean away, without blanks: ChatDoctor also finds `Chat Doctor`."
    )
    min_answer_words: int = Field(30, ge=1, description="Shorter answers are dropped (words after cleaning).")
    max_words: int = Field(600, ge=10, description="Rows with more words in question and answer together are dropped.")
    max_rows: int = Field(0, ge=0, description="Rows to sample over all sources after cleaning; 0 keeps all.")
    min_rows: int = Field(32, ge=2, description="The run ends with exit 65 when fewer rows are left after cleaning.")
    eval_fraction: float = Field(0.1, gt=0, lt=1, description="Share of the cleaned rows held out for evaluation.")
    remove_contacts: bool = Field(
        True, description="Take e-mail addresses, phone numbers, links, signatures and people's own names out of rows."
    )
    rules_file: RuleFile = Field(
        "",
        description="Text file with cleaning rules of your own, one a line: `name = pattern` cuts, `drop name = pattern` drops "
        "the row.",
    )
    near_duplicates: Literal["off", "keep", "drop"] = Field(
        "keep",
        description="Rows that share four of five word triples: keep holds them on one side of the split, drop leaves the "
        "first, off does not look for them.",
    )
    max_list_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Most of a source's rows whose answer may be a list; the others are dropped. 1 is no limit.",
    )
    languages: Names = Field(
        (), description="Language codes such as en,de; answers that are surely in another one are dropped. Empty: all."
    )
    workers: int = Field(0, ge=0, description="Processes for cleaning; 0 takes one for each CPU. Changes no result.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if "none" in self.cleaning and len(self.cleaning) > 1:
            raise ValueError("FINETUNE_DATA_CLEANING: none cannot stand beside a pack")
        if (self.question_column == "auto") != (self.answer_column == "auto"):
            raise ValueError(
                "FINETUNE_DATA_QUESTION_COLUMN and FINETUNE_DATA_ANSWER_COLUMN: set both, or leave both at auto"
            )
        if self.max_words <= self.min_answer_words:
            raise ValueError("FINETUNE_DATA_MAX_WORDS: must be above FINETUNE_DATA_MIN_ANSWER_WORDS")
        return self


class ModelSettings(Section):
    base: str = Field(
        "meta-llama/Llama-3.2-3B-Instruct",
        min_length=1,
        description="Base model: owner/name on the Hub, a folder, or `quickstart`, the embedded tiny one.",
    )
    revision: str = Field("main", min_length=1, description="Branch, tag or commit of the base model on the Hub.")
    chat_template_file: TextFile = Field(
        "", description="Jinja chat template for a base model that has none, or to replace its own."
    )
    pad_token: Literal["add", "reserved"] = Field(
        "add",
        description="add: a new <pad>, vocabulary extended by one row; reserved: the tokenizer's own spare token.",
    )
    save_embedding: Literal["full", "rows", "none"] = Field(
        "full",
        description="With an extended vocabulary: save the whole embedding layer with the adapter, once; "
        "its new rows alone; or nothing.",
    )
    allow_unquantized: bool = Field(
        False, description="Train a base of which less than 90 % of the linear weights can be held in 4 bits."
    )

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.is_local and not (Path(self.location) / "config.json").is_file():
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
    alpha: int = Field(32, ge=1, description="Scale of the adapter: its product is multiplied by alpha / r.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout on the adapter's input.")
    targets: Names = Field(
        ("auto",),
        min_length=1,
        description="Layers that get an adapter: auto takes the projections of attention, whatever the architecture calls "
        "them; all-linear every linear layer; or names such as q_proj,down_proj. Never the output head.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.targets) > 1 and {"auto", "all-linear"} & set(self.targets):
            raise ValueError("FINETUNE_LORA_TARGETS: auto and all-linear stand alone, without further names")
        return self


class TrainSettings(Section):
    precision: Literal["auto", "float16", "bfloat16", "float32"] = Field(
        "auto",
        description="auto decides by the GPU: below compute capability 8.0 float16, from 8.0 bfloat16, on a CPU float32; "
        "the adapter itself is always float32.",
    )
    epochs: float = Field(1, gt=0, le=1000, description="Passes over the training rows.")
    batch_size: int = Field(16, ge=1, description="Rows per optimizer step (effective batch).")
    learning_rate: float = Field(2e-4, gt=0, le=1, description="Peak learning rate.")
    warmup_steps: int = Field(50, ge=0, description="Optimizer steps from 0 to the peak learning rate.")
    lr_scheduler: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="Learning rate after the warmup; linear and cosine end at 0."
    )
    optimizer: Literal["adamw", "paged_adamw_32bit"] = Field(
        "adamw", description="paged_adamw_32bit moves its state to main memory when the GPU is full (needs a GPU)."
    )
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    max_tokens: int = Field(
        512, ge=16, le=131072, description="Longest row in tokens, chat template included; longer rows are dropped."
    )
    loss_on: Literal["answer", "text"] = Field(
        "answer", description="Tokens that are trained on: the answer only, or the whole text with the question."
    )
    eval_steps: int = Field(
        100, ge=1, description="Evaluate and save a checkpoint each so many optimizer steps; the best adapter is kept."
    )
    log_steps: int = Field(25, ge=1, description="Log the training loss each so many optimizer steps.")
    seed: int = Field(42, ge=0, lt=2**32, description="The one seed: sampling, split, order, initial adapter, dropout.")


class ProbeSettings(Section):
    questions_file: TextFile = Field(
        "", description="Text file with one question per line, asked of the base and of the tuned model; empty: none."
    )
    eval_rows: int = Field(20, ge=0, description="Evaluation rows whose questions are asked as well.")
    max_new_tokens: int = Field(256, ge=1, le=8192, description="Longest answer in tokens.")
    repetition_penalty: float = Field(
        1.0,
        ge=1,
        le=2,
        description="Divides the score of tokens that the prompt or the answer already holds; 1.0 is off.",
    )

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if not self.questions_file and not self.eval_rows:
            raise ValueError(
                "FINETUNE_PROBE_EVAL_ROWS: with 0 rows and no FINETUNE_PROBE_QUESTIONS_FILE there is nothing to ask"
            )
        return self


class HubSettings(Section):
    repo_id: HubId = Field("", description="Model repository owner/name to push the adapter to; empty: no push.")
    dataset_repo_id: HubId = Field("", description="Data set repository for the cleaned rows; empty: no push.")
    private: bool = Field(True, description="Create the repositories as private ones.")


class Settings(BaseSettings):
    """Six sections and the output folder. `hf_token` is no part of any dump."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,  # FINETUNE_TRAIN_MAX_TOKENS is section train, field max_tokens
        env_ignore_empty=True,  # `FINETUNE_X=` means the default, in every reader of env files
        frozen=True,
        hide_input_in_errors=True,  # pydantic prints the whole input otherwise, secrets included
        extra="ignore",  # unknown names are found by _unknown_names, with the nearest known one
    )

    data: DataSettings
    model: ModelSettings = ModelSettings()
    lora: LoraSettings = LoraSettings()
    train: TrainSettings = TrainSettings()
    probe: ProbeSettings = ProbeSettings()
    hub: HubSettings = HubSettings()
    output_dir: Path = Field(Path("output"), description="Folder for everything that the run leaves; its only state.")

    @model_validator(mode="before")
    @classmethod
    def _where_results_are_collected(cls, values: dict[str, Any]) -> dict[str, Any]:
        place = collected_dir(os.environ)
        return {"output_dir": place} | values if place else values

    @property
    def uses_hub(self) -> bool:
        """Whether anything here has to be fetched from or pushed to the Hub."""
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
