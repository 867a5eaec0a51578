"""Every knob of the job, read from the environment and from nowhere else.

`load_settings()` is the only reader of the environment; what it returns is frozen and complete, so that nothing
downstream asks whether a value was set. Knows nothing about what the values do. Imports no heavy library: a typo in
an env file costs half a second.
"""

from __future__ import annotations

import difflib
import os
import re
import socket
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from job.errors import AccessDenied, SettingsError
from job.rulefile import parse as parse_rules

PREFIX = "FINETUNE_"
MOUNTED_TOKEN = Path("/run/secrets/hf_token")
OUTPUT_DIR = f"{PREFIX}OUTPUT_DIR"
TOKEN = "HF_TOKEN"
PROJECT = Path(__file__).resolve().parent.parent
QUICKSTART = Path(__file__).resolve().parent / "quickstart"
SAGEMAKER_DIRS = (Path("/opt/ml/checkpoints"), Path("/opt/ml/model"))
FILE_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".csv.gz")
PLATFORM_JOBS = (
    "AWS_BATCH_JOB_ID",
    "AWS_BATCH_JOB_ATTEMPT",
    "BATCH_JOB_ID",
    "BATCH_TASK_INDEX",
    "BATCH_TASK_RETRY_ATTEMPT",
    "CLOUD_ML_JOB_ID",
    "TRAINING_JOB_NAME",
    "AZUREML_RUN_ID",
    "SLURM_JOB_ID",
    "SLURM_RESTART_COUNT",
    "SKYPILOT_TASK_ID",
    "RUNPOD_POD_ID",
    "JOB_COMPLETION_INDEX",
    "JOB_ID",  # Hugging Face Jobs
)
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def _comma_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class Source(BaseModel):
    """One data set: `owner/name[@revision][:split][=rows]` on the Hub, or a path with optional `=rows`.

    A path starts with `/`, `./` or `../`, or ends like a data file; `quickstart` names the embedded rows. `rows` is the
    number to sample from what is left after cleaning; 0 takes all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    revision: str = "main"
    split: str = "train"
    rows: int = 0

    @classmethod
    def parse(cls, text: str) -> Source:
        name, _, rows = text.partition("=")
        if rows and not (rows.isdecimal() and int(rows) > 0):
            raise ValueError(f"'{text}': after '=' stands the number of rows to take, a whole number above 0")
        count = int(rows or 0)
        if is_path(name):
            source = cls(name=name, revision="", split="", rows=count)
            if not source.path.exists():
                raise ValueError(f"there is no file or folder {source.path} (working directory: {Path.cwd()})")
            return source
        rest, _, split = name.partition(":")
        repo, _, revision = rest.partition("@")
        if not HUB_ID.fullmatch(repo):
            raise ValueError(
                f"'{text}' is neither owner/name on the Hub nor a path (a path starts with / or ./, "
                f"or ends in {', '.join(FILE_ENDINGS[:4])})"
            )
        return cls(name=repo, revision=revision or "main", split=split or "train", rows=count)

    @property
    def is_local(self) -> bool:
        return is_path(self.name)

    @property
    def path(self) -> Path:
        return QUICKSTART / "rows.jsonl" if self.name == "quickstart" else find_file(self.name)

    def __str__(self) -> str:
        rows = f"={self.rows}" if self.rows else ""
        return f"{self.name}{rows}" if self.is_local else f"{self.name}@{self.revision}:{self.split}{rows}"


def is_path(name: str) -> bool:
    return name == "quickstart" or name.startswith(("/", "./", "../")) or name.endswith(FILE_ENDINGS)


def find_file(name: str) -> Path:
    """A relative path counts from the working directory, else from the project's own folder (the shipped env files)."""
    path = Path(name)
    shipped = PROJECT / path
    return shipped if not path.exists() and not path.is_absolute() and shipped.exists() else path


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
    eval_share: float = Field(0.1, gt=0, lt=1, description="Share of the cleaned rows held out for evaluation.")
    contacts: bool = Field(
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
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="Learning rate after the warmup; linear and cosine end at 0."
    )
    optimizer: Literal["adamw", "paged_adamw_32bit"] = Field(
        "adamw", description="paged_adamw_32bit moves its state to main memory when the GPU is full (needs a GPU)."
    )
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    max_tokens: int = Field(
        512, ge=16, le=131072, description="Longest row in tokens, chat template included; longer rows are dropped."
    )
    loss: Literal["answer", "text"] = Field(
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


class Variable(BaseModel):
    """One environment variable as --help, README and env/example.env show it."""

    name: str
    kind: str
    default: str
    bounds: str
    sentence: str
    required: bool = False


def variables() -> Iterator[Variable]:
    for section, model in SECTIONS.items():
        for field, info in model.model_fields.items():
            yield _variable(f"{PREFIX}{section}_{field}".upper(), info)
    yield _variable(f"{PREFIX}OUTPUT_DIR", Settings.model_fields["output_dir"])


def _variable(name: str, info: FieldInfo) -> Variable:
    bounds = []
    for rule in info.metadata:
        for sign, key in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
            if getattr(rule, key, None) is not None:
                bounds.append(f"{sign} {getattr(rule, key):g}")
    kind, choices = _kind(info.annotation)
    default = "" if info.is_required() else as_text(info.default)
    return Variable(
        name=name,
        kind=kind,
        default=default,
        bounds=choices or ", ".join(bounds),
        sentence=info.description or "",
        required=info.is_required(),
    )


def _kind(annotation: Any) -> tuple[str, str]:
    """The type in a word, and the choices where it is one of a few."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "choice", "|".join(inner)
    if origin is tuple:
        return "list", _kind(inner[0])[1]
    words = {int: "whole number", float: "number", bool: "true|false", str: "text", Path: "path"}
    return words.get(annotation, "text"), ""


def as_text(value: object) -> str:
    """A value as an env file holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def load_settings(env_file: Path | None = None) -> Settings:
    """Read and check everything at once.

    Raises SettingsError (exit 64) with all problems. Where `env_file` is given its values fill what the environment does
    not set, as with docker, where -e wins over --env-file.
    """
    if env_file:
        for name, value in read_env_file(env_file).items():
            os.environ.setdefault(name, value)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        os.environ[name] = os.environ[name].strip()
    problems = [*_unknown_names(os.environ), *_quoted(os.environ)]
    try:
        settings = Settings()
    except ValidationError as error:
        problems += _sentences(error, os.environ)
        raise SettingsError(problems) from None  # the cause would print the whole input, secrets included
    if problems:
        raise SettingsError(problems)
    return settings


def load_file(path: Path) -> tuple[Settings, dict[str, str]]:
    """The settings that a file gives alone, and its values as they stand there: what travels to another machine.

    Raises SettingsError (exit 64) with all problems. This process's own FINETUNE_ variables count for nothing.
    """
    values = read_env_file(path)
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name in values or name.startswith(PREFIX)}
    try:
        return load_settings(path), values
    finally:
        for name in [name for name in os.environ if name in values or name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(kept)


def read_env_file(path: Path) -> dict[str, str]:
    """docker's own rules: `NAME=value` verbatim, `#` only at the start of a line, a bare NAME copies the caller's value.

    A relative path is found in the project's own folder too: the shipped files are there in the image as well.
    """
    try:
        text = find_file(str(path)).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"--env-file {path}: cannot be read ({error})"]) from error
    values, problems = {}, []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r").lstrip(" \t")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name or re.search(r"\s", name):
            problems.append(f"{path} line {number}: '{name}' is no variable name; a line is NAME=value, without blanks")
        elif equals:
            values[name] = value
        elif name in os.environ:
            values[name] = os.environ[name]
    if problems:
        raise SettingsError(problems)
    return values


def load_token() -> str:
    """The Hub token from HF_TOKEN, else from the file that HF_TOKEN_PATH names, else from where engines mount a secret of that
    name; empty where there is none.

    Raises AccessDenied (exit 67) where that file cannot be read: going on without it would fail hours later.
    """
    token = os.environ.get("HF_TOKEN", "").strip()
    path = os.environ.get("HF_TOKEN_PATH", "").strip()
    if not path and os.path.exists(MOUNTED_TOKEN):  # noqa: PTH110 (Path.exists raises in a folder of root)
        path = str(MOUNTED_TOKEN)
    if token or not path:
        return token
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessDenied(
            f"The token file {path} cannot be read ({error}).",
            remedy="Set HF_TOKEN_PATH to a readable file that holds the token, or set HF_TOKEN.",
        ) from error


def prepare_libraries(settings: Settings, *, terminal: bool) -> None:
    """Tell the libraries through their own variables what the settings imply; before any of them is imported."""
    environ = os.environ
    environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # No process is forked here that would have to fear its threads.
    environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    prepare_cuda(environ)
    if not terminal:
        environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not settings.uses_hub:
        environ.setdefault("HF_HUB_OFFLINE", "1")
    if environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/") != "https://huggingface.co":
        # Uploads go through Xet first and do not fall back: another endpoint that has no Xet route fails.
        environ.setdefault("HF_HUB_DISABLE_XET", "1")


def do_not_wait_for_the_hub() -> None:
    """Where its address does not answer within two seconds, work from the cache: its client would try for two minutes.

    For `plan`, which can do without. A proxy is not asked.
    """
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    if any(
        os.environ.get(name)
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    ):
        return
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=2).close()
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"


def prepare_cuda(environ: MutableMapping[str, str]) -> None:
    """Both are read once, when torch is imported.

    One GPU: with two visible and no launcher TRL refuses to start (1.16.0). Growing segments: micro-batches of ever other
    sizes otherwise leave a third of the reserved memory in pieces (57 GiB reserved for 37 in use, 64 rows on an H200).
    """
    environ["CUDA_VISIBLE_DEVICES"] = environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")


def collected_dir(environ: Mapping[str, str]) -> Path | None:
    """Where the platform collects results, if it says so: the output folder that is taken where none is set.

    Vertex names a bucket and mounts it under /gcs. SageMaker makes folders: it copies checkpoints out while the job runs
    and back before it starts again, the model only at the end.
    """
    bucket = environ.get("AIP_MODEL_DIR", "").removeprefix("gs://").rstrip("/")
    if bucket and environ["AIP_MODEL_DIR"].startswith("gs://"):
        return Path("/gcs") / bucket
    return next((folder for folder in SAGEMAKER_DIRS if folder.is_dir()), None)


def platform_job() -> str:
    """`AWS_BATCH_JOB_ID=... AWS_BATCH_JOB_ATTEMPT=2`, for a log line; never part of a record: a retry is the same run."""
    return " ".join(f"{name}={os.environ[name]}" for name in PLATFORM_JOBS if os.environ.get(name))


def gpu_wanted() -> bool:
    """False where CUDA_VISIBLE_DEVICES is set and empty: the usual way to stay on the CPU of a machine with a GPU."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") != ""


def _unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    known = [variable.name for variable in variables()]
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
            yield f"{name}: there is no such variable" + (f"; did you mean {near[0]}?" if near else "")


def _quoted(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environ):
        value = environ[name]
        if name.startswith(PREFIX) and len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
            yield f"{name}: the value arrived in quotes, which docker --env-file keeps; write it without quotes"


def _sentences(error: ValidationError, environ: Mapping[str, str]) -> Iterator[str]:
    known = {variable.name for variable in variables()}
    for problem in error.errors(include_input=False, include_context=False, include_url=False):
        place = [str(part) for part in problem["loc"]]
        name = (PREFIX + "_".join(place[:2])).upper()
        if place[0] == "output_dir":
            name = f"{PREFIX}OUTPUT_DIR"
        if problem["type"] == "missing" and place == ["data"]:
            name = f"{PREFIX}DATA_SOURCES"
        if problem["type"] == "extra_forbidden" and name not in known:
            continue  # told by _unknown_names, with the nearest known name
        if problem["type"] == "missing":
            yield f"{name}: not set; name a data set, for instance owner/name or ./rows.jsonl"
            continue
        value = environ.get(name, "")
        if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
            continue  # told by _quoted
        message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if problem["type"] == "value_error":
            yield message if message.startswith(PREFIX) else f"{name}: {message}"
        else:
            yield f"{name}: must be {message}" + (f", not '{value}'" if value else "")


def read_text(value: str) -> str:
    """The stripped text of a file that a setting names; empty where the setting is."""
    return find_file(value).read_text("utf-8").strip() if value else ""


def example_env() -> str:
    """The text of env/example.env: every variable at its default, in the one form that all readers of env files share."""
    lines = [
        "# Every variable at its default. Copy what you change into a file of your own.",
        "# Made by: python -m job.settings",
    ]
    for variable in variables():
        lines += ["", f"# {variable.sentence}"]
        limits = f" ({variable.bounds})" if variable.bounds else ""
        lines += [f"# {variable.kind}{limits}".replace("true|false", "true or false")]
        lines += [f"{variable.name}={'quickstart' if variable.required else variable.default}"]
    return "\n".join(lines) + "\n"


def reference_table() -> str:
    """README's table of variables."""
    rows = ["| variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    for variable in variables():
        kind = variable.kind + (f": {variable.bounds}" if variable.bounds else "")
        default = f"`{variable.default}`" if variable.default else ""
        if variable.required:
            default = "required"
        rows.append(f"| `{variable.name}` | {kind.replace('|', ', ')} | {default} | {variable.sentence} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(example_env(), end="")
