"""The base model in 4 bits (bitsandbytes NF4, double quantization) and its tokenizer with a pad token.

Runs on CPU as on CUDA. Loads safetensors only and runs no code from a model repository.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.integrations import sdpa_attention

from job.errors import NotFound, SettingsError
from job.hub import explained
from job.modeling.chat import Chat, prepare_template
from job.modeling.nf4 import quantization, stay_differentiable
from job.results import Choice
from job.settings import ModelSettings, read_text

log = logging.getLogger("job.model")
NEW_PAD_TOKEN = "<pad>"
GROUPED_QUERIES = "use_gqa_in_sdpa"
"""transformers' own decision, which has no documented name."""
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
OVERFLOWING_FAMILIES = {
    *("gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text"),
    *("glm4_moe", "gpt_oss", "qwen3_5", "qwen3_5_text", "qwen3_moe"),
}
OVERFLOWING_SOURCE = "unsloth's models/loader.py trains this family in float32 where there is no bfloat16"
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


@dataclass(frozen=True)
class BaseFiles:
    """A base model on disk. `name` is what users load it by, `revision` its commit (empty for a folder)."""

    folder: Path
    name: str
    revision: str


def fetch_files(model: ModelSettings, token: str, *, weights: bool) -> BaseFiles:
    """The folder of the base model, downloaded where it is on the Hub.

    Raises NotFound (66), AccessDenied (67), HubUnavailable (76).
    """
    if model.is_local:
        return BaseFiles(Path(model.location), model.location, "")
    patterns = FILES if weights else [pattern for pattern in FILES if pattern != "*.safetensors"]
    with explained(
        f"base model {model.base} at {model.revision}",
        "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION",
        has_token=bool(token),
    ):
        folder = snapshot_download(
            model.base,
            revision=model.revision,
            token=token or False,
            allow_patterns=patterns,
            ignore_patterns=["original/*"],  # Llama repositories hold a second copy of the weights there
        )
    return BaseFiles(Path(folder), model.base, Path(folder).name)


def choose_precision(setting: str, model_type: str) -> Choice:
    """By compute capability: `torch.cuda.is_bf16_supported()` is true on a T4, which only emulates bfloat16.

    A first choice; a real step on the longest rows confirms it or turns it into float32 (job/training/train.py).
    """
    if setting != "auto":
        return Choice(value=setting, reason="FINETUNE_TRAIN_PRECISION")
    if not torch.cuda.is_available():
        return Choice(value="float32", reason="no GPU; a CPU gains nothing from 16 bits here")
    major, minor = torch.cuda.get_device_capability()
    if (major, minor) >= (8, 0):
        return Choice(value="bfloat16", reason=f"sm_{major}{minor} computes in bfloat16")
    if model_type in OVERFLOWING_FAMILIES:
        return Choice(value="float32", reason=f"{model_type} overflows in float16: {OVERFLOWING_SOURCE}")
    return Choice(value="float16", reason=f"sm_{major}{minor} has no bfloat16; the adapter stays float32")


def load_tokenizer(files: BaseFiles, model: ModelSettings) -> Any:
    """The base model's tokenizer with the run's chat template and a pad token that is not its end-of-turn token.

    Padding with the end-of-turn token teaches a model not to stop, so where a tokenizer has no spare token
    `reserved` is refused (SettingsError, 64).
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False)
    except Exception as error:  # of a damaged tokenizer.json the Rust library raises a plain one
        raise NotFound(
            f"The base model {files.name} has no tokenizer that loads: {error}", remedy="Check FINETUNE_MODEL_BASE."
        ) from error
    prepare_template(tokenizer, read_text(model.chat_template_file), files.name)
    if model.pad_token == "add":
        tokenizer.add_special_tokens({"pad_token": NEW_PAD_TOKEN})
    else:
        tokenizer.pad_token = _spare_token(tokenizer, files.name)
    tokenizer.padding_side = "right"
    return tokenizer


def _spare_token(tokenizer: Any, base: str) -> str:
    """The tokenizer's own pad token, else one that its makers reserved for padding, else any reserved one."""
    ends = {tokenizer.eos_token, Chat(tokenizer).stop_token}
    if tokenizer.pad_token and tokenizer.pad_token not in ends:
        return str(tokenizer.pad_token)
    others = [token for token in tokenizer.get_added_vocab() if token not in ends]
    spare = [token for token in others if "pad" in token.lower()]
    spare += sorted(token for token in others if "reserved" in token.lower())
    if not spare:
        raise SettingsError(
            [f"FINETUNE_MODEL_PAD_TOKEN: the tokenizer of {base} has no spare token to pad with; set it to add"]
        )
    return str(spare[0])


def checkpoint_dtype(files: BaseFiles) -> torch.dtype:
    """The dtype in which the base model was published; the saved embedding layer keeps it."""
    dtype = AutoConfig.from_pretrained(files.folder, trust_remote_code=False).dtype
    return dtype if isinstance(dtype, torch.dtype) else torch.float32


def load_base(files: BaseFiles, tokenizer: Any, dtype: torch.dtype) -> Any:
    """The frozen NF4 base in `dtype`, its vocabulary extended where the tokenizer has more tokens than it has rows.

    No `prepare_model_for_kbit_training`: it makes float32 copies of embedding, head and norms (1.58 instead of 0.79 GB on
    Llama 3.2 3B) and switches checkpointing on; freezing is all that is needed.

    Raises NotFound (66) where weights are missing, damaged or of other shapes than the config says.
    """
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(
            files.folder,
            dtype=dtype,
            quantization_config=quantization(dtype),
            device_map={"": 0 if torch.cuda.is_available() else "cpu"},
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _damaged(files, str(error).strip()) from error
    if (
        loaded["missing_keys"] or loaded["mismatched_keys"]
    ):  # transformers would go on with random numbers in their place
        wrong = sorted(map(str, [*loaded["missing_keys"], *loaded["mismatched_keys"]]))
        raise _damaged(files, f"{len(wrong)} tensors are missing or of another shape, such as {wrong[0]}")
    model.requires_grad_(False)
    stay_differentiable(model)
    model.config.use_cache = False  # transformers drops the mask between packed rows where a cache is kept
    if torch.cuda.is_available():
        guard_attention(torch.cuda.get_device_capability())
    extend_vocabulary(model, len(tokenizer), checkpoint_dtype(files))
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def require_whole(folder: Path, name: str) -> None:
    """Every safetensors file of a local base is there and as long as its header says, in milliseconds.

    Raises NotFound (66): a torn download is found before rows are cleaned.
    """
    files = BaseFiles(folder, name, "")
    index = folder / "model.safetensors.index.json"
    wanted = set(folder.glob("*.safetensors"))
    try:
        if index.exists():
            wanted |= {folder / str(part) for part in json.loads(index.read_text("utf-8"))["weight_map"].values()}
        for path in sorted(wanted):
            with safe_open(path, "pt"):
                pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise _damaged(files, f"{error or type(error).__name__}") from error
    if not wanted:
        raise _damaged(files, "the folder holds no *.safetensors file, and no other format is read")


def _damaged(files: BaseFiles, what: str) -> NotFound:
    return NotFound(
        f"The weights of the base model {files.name} cannot be loaded: {what[:1000]}",
        remedy="Check FINETUNE_MODEL_BASE: it needs whole safetensors weights that fit its config.json; download the model "
        "again (on the Hub's cache, remove its folder below HF_HOME first).",
    )


def guard_attention(capability: tuple[int, int]) -> None:
    """Below compute capability 8.0, grouped queries sent to PyTorch's attention as such fall to its slow math kernel
    (transformers #48633), so keys and values are repeated before the call."""
    if capability >= (8, 0):
        return
    if not hasattr(sdpa_attention, GROUPED_QUERIES):
        log.warning(
            "transformers has no %s: on this GPU its attention takes PyTorch's slow math kernel", GROUPED_QUERIES
        )
    setattr(sdpa_attention, GROUPED_QUERIES, lambda *_, **__: False)


def extend_vocabulary(model: Any, rows: int, stored: torch.dtype) -> int:
    """Grow embedding and head to `rows`; the new rows are the mean of the old ones, as they will be stored.

    Returns the number of new rows. Never shrinks: some vocabularies are padded beyond their tokenizer.
    """
    old = int(model.get_input_embeddings().weight.shape[0])
    if rows <= old:
        return 0
    model.resize_token_embeddings(rows, mean_resizing=False)  # its mean needs a covariance of all rows, and a draw
    layers = {id(layer.weight): layer.weight for layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for weight in layers.values():  # one where embedding and head are tied
            weight[old:] = weight[:old].float().mean(dim=0).to(stored).to(weight.dtype)
            weight.requires_grad_(False)
    return rows - old


def loading_code(base: str, revision: str, dtype: str, vocabulary_rows: int) -> str:
    """The lines that give users the tuned model. `adapter` stands for the Hub name or the folder.

    `vocabulary_rows`: what the base is extended to, 0 where it is not. After training a fresh process runs these very
    lines and compares logits (job/training/readback.py).
    """
    pinned = f'\n    revision="{revision}",' if revision else ""
    extend = f"model.resize_token_embeddings({vocabulary_rows}, mean_resizing=False)\n" if vocabulary_rows else ""
    return f'''import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

tokenizer = AutoTokenizer.from_pretrained(adapter)
model = AutoModelForCausalLM.from_pretrained(
    "{base}",{pinned}
    dtype=torch.{dtype},
    device_map="auto",
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.{dtype},
    ),
)
{extend}model = PeftModel.from_pretrained(model, adapter).eval()
'''
